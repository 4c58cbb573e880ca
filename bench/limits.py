"""What this machine can do at all, measured in the same run: hashes of one core, write + fsync of the disk."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time


def measure() -> dict[str, float]:
    """MB/s of MD5 and SHA-256 on one core and of a durable sequential write; fsyncs a second."""
    data = os.urandom(1 << 20)
    found = {}
    for name, make in (("md5 MB/s", hashlib.md5), ("sha256 MB/s", hashlib.sha256)):
        hasher, began = make(), time.perf_counter()
        while time.perf_counter() - began < 0.5:
            hasher.update(data)
            found[name] = found.get(name, 0.0) + 1
        found[name] *= len(data) / 1e6 / (time.perf_counter() - began)
    with tempfile.NamedTemporaryFile() as file:
        began = time.perf_counter()
        for _ in range(256):
            file.write(data)
        file.flush()
        os.fdatasync(file.fileno())
        found["write + fsync MB/s"] = 256 * len(data) / 1e6 / (time.perf_counter() - began)
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < 0.5:
            os.pwrite(file.fileno(), data[:4096], 0)
            os.fdatasync(file.fileno())
            count += 1
        found["fsyncs/s"] = count / (time.perf_counter() - began)
    return found
