"""Tasks that compute a checksum of what is stored, archived objects too; the report tells it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-compute-checksums.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from haneul.service import Call
from haneul.services.s3 import bodies, encryption, guard, index, objects
from haneul.services.s3.errors import errors, no_such_bucket
from haneul.services.s3.plane import checksums
from haneul.services.s3.state import PARTS, find_bucket
from haneul.services.s3control import reading
from haneul.services.s3control.state import Result, Task


def run(role: Call, task: Task, wish: Mapping[str, Any]) -> Result:
    """Read the object as the role. Raises AccessDenied, NoSuchKey, InvalidRequest (a customer's key, no parts)."""
    algorithm = wish.get("ChecksumAlgorithm") or "CRC64NVME"
    kind = wish.get("ChecksumType") or "FULL_OBJECT"
    with role.read() as tx:
        bucket = find_bucket(tx, task.bucket)
        if bucket is None:
            raise no_such_bucket(task.bucket)
        guard.require(role, tx, bucket, "s3:GetObjectVersion" if task.version else "s3:GetObject", task.key)
        found = objects.visible(tx, bucket, task.key, task.version or None)
        secret = encryption.read_key(role, found.cipher, {"Bucket": task.bucket, "Key": task.key})
        sizes = [part.size for part in index.parts(tx, bucket, found.upload)] if found.entry.where == PARTS else []
        body = bodies.read(role, tx, bucket, task.key, found, span=None, key=secret)
    content = reading.pieces(role, {"Body": body})
    if kind == "FULL_OBJECT":
        text = _whole(algorithm, content)
    elif sizes:
        text = checksums.compose(algorithm, _of_parts(algorithm, content, sizes))
    else:
        raise errors.InvalidRequest("A composite checksum is of an object that was uploaded in parts.")
    told = {
        "checksum_base64": text,
        "etag": found.entry.etag,
        "checksum_hex": base64.b64decode(text.partition("-")[0]).hex(),
        "checksumAlgorithm": algorithm,
        "checksumType": kind,
    }
    return Result("", 200, orjson.dumps(told).decode())


def _whole(algorithm: str, content: Iterable[bytes]) -> str:
    running = checksums.start(algorithm)
    for piece in content:
        running.update(piece)
    return checksums.encode(running.digest())


def _of_parts(algorithm: str, content: Iterable[bytes], sizes: list[int]) -> list[str]:
    """The checksum of each part, by their sizes."""
    found: list[str] = []
    running, left = checksums.start(algorithm), sizes[0]
    for piece in content:
        rest = memoryview(piece)
        while rest:
            taken = rest[:left]
            running.update(bytes(taken))
            left -= len(taken)
            rest = rest[len(taken) :]
            if left == 0:
                found.append(checksums.encode(running.digest()))
                running, left = checksums.start(algorithm), sizes[len(found)] if len(found) < len(sizes) else 0
                if len(found) == len(sizes):
                    return found
    return found
