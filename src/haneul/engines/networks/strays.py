"""Resolvers of a cloud that was killed: dnsmasq gives its rights up, and with them the signal of its parent's death."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

from haneul.engines import daemons


def stop(configuration: Path) -> None:
    """No process runs by this configuration any more."""
    if not configuration.exists():
        return
    for pid in list(_running(configuration)):
        daemons.send(pid, signal.SIGTERM)
        if not daemons.wait(pid, 5):
            daemons.send(pid, signal.SIGKILL)
            daemons.wait(pid, 5)


def _running(configuration: Path) -> Iterator[int]:
    wanted = f"--conf-file={configuration}".encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if wanted in words and Path(words[0].decode(errors="replace")).name == "dnsmasq":
                yield int(path.parent.name)
