"""Files with holes: where their data is, and copies that keep the holes."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_FICLONE = 0x40049409
_CHUNK = 64 << 20
_PIECE = 1 << 20


def extents(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """(start, end) of the parts of a file that hold data, in order."""
    at = 0
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        end = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        yield start, end
        at = end


def blocks(descriptor: int, size: int, block: int) -> Iterator[int]:
    """The numbers of the blocks that hold any data, each once, in order."""
    done = -1
    for start, end in extents(descriptor, size):
        for number in range(max(start // block, done + 1), (end + block - 1) // block):
            yield number
            done = number


def copy(source: Path, target: Path) -> None:
    """`target` has the bytes of `source`: shared where the file system can (reflink), else copied without the holes."""
    with source.open("rb") as old, target.open("wb") as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
            return
        except OSError:
            pass
        size = os.fstat(old.fileno()).st_size
        os.ftruncate(new.fileno(), size)
        for start, end in extents(old.fileno(), size):
            copy_range(old.fileno(), new.fileno(), start, start, end - start)


def copy_range(source: int, target: int, start: int, to: int, length: int) -> None:
    """Copy a range between files, in the kernel where both are in one file system. Raises OSError when the source ends
    before."""
    while length:
        try:
            done = os.copy_file_range(source, target, min(length, _CHUNK), start, to)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EOPNOTSUPP):
                raise
            done = os.pwrite(target, os.pread(source, min(length, _PIECE), start), to)
        if not done:
            raise OSError(errno.EIO, "the file ended before its range did")
        start, to, length = start + done, to + done, length - done
