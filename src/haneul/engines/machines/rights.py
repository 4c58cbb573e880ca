"""As whom machines run, and what they are given of the host: disks as descriptors, taps by owner."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import os
import stat
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from haneul.engines.errors import EngineError
from haneul.engines.machines.port import Disk

_NEWNET = 0x40000000
_SETIFF, _SETOWNER, _FLAGS = 0x400454CA, 0x400454CC, 0x1002 | 0x4000
_FIRST, _MANY = 1_000_000_000, 1_000_000_000


def uid_of(machine: str) -> int:
    """A uid of the machine's own, that nobody else on the host has; ours when we are not root."""
    if os.geteuid() != 0:
        return os.geteuid()
    return _FIRST + int.from_bytes(hashlib.sha256(machine.encode()).digest()[:8], "big") % _MANY


@contextlib.contextmanager
def opened(disk: Disk, machine: str) -> Iterator[int]:
    """The disk's descriptor, its file being the machine's now. Raises EngineError."""
    try:
        descriptor = os.open(disk.path, os.O_RDONLY if disk.read_only else os.O_RDWR)
    except OSError as error:
        raise EngineError(f"disk {disk.id} cannot be opened: {error.strerror}") from None
    try:
        if os.geteuid() == 0 and stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchown(descriptor, uid_of(machine), uid_of(machine))
        yield descriptor
    finally:
        os.close(descriptor)


def own_tap(netns: Path, tap: str, uid: int) -> None:
    """The tap in that namespace can be opened by that user. Raises EngineError."""
    trouble: list[OSError] = []

    def work() -> None:
        try:
            space = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(space, _NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"cannot enter {netns}")
                fcntl.ioctl(device, _SETIFF, struct.pack("16sH22x", tap.encode(), _FLAGS))
                fcntl.ioctl(device, _SETOWNER, uid)
            finally:
                os.close(space)
                os.close(device)
        except OSError as error:
            trouble.append(error)

    thread = threading.Thread(target=work, name="setns")
    thread.start()
    thread.join()
    if trouble:
        raise EngineError(f"tap {tap} cannot be given to the machine: {trouble[0]}")
