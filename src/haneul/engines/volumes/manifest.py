"""A snapshot's list of blocks, and the segments that hold their bytes.

A segment is a file of equal slots, written once by the snapshot that brought its blocks, shared by those that came
after. When nobody names a slot any more its bytes are given back to the file system; when nobody names any, the file
goes.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

import msgspec

_PUNCH = 0x01 | 0x02  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
_LIBC = ctypes.CDLL(None, use_errno=True)


class Block(msgspec.Struct, array_like=True):
    """Where a block's bytes are, and their digest (of the plain bytes; keyed when they are sealed)."""

    segment: str
    slot: int
    digest: bytes


class Manifest(msgspec.Struct):
    """size: the volume's bytes. sealed: whether slots hold sealed blocks. blocks: number -> block; others are zeros."""

    size: int
    sealed: bool
    blocks: dict[int, Block]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Manifest).decode


def load(path: Path) -> Manifest:
    return _decode(path.read_bytes())


def store(path: Path, manifest: Manifest) -> None:
    """The manifest is on disk, whole, or not there."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(_encode(manifest))
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def punch(descriptor: int, offset: int, length: int) -> None:
    """Give a range of a file back to the file system; where it can't, the bytes stay until the file goes."""
    result = _LIBC.fallocate(descriptor, _PUNCH, ctypes.c_long(offset), ctypes.c_long(length))
    if result and ctypes.get_errno() not in (errno.EOPNOTSUPP, errno.ENOSYS):
        raise OSError(ctypes.get_errno(), "fallocate")
