"""A file system in memory that writes down every change and every sync: `python -m tests.crash.recording MOUNT LOG`.

What a power cut leaves is worked out from the log afterwards (powerloss.py), as often as one likes, for one run. A stat
of `/.mark-TEXT` puts TEXT in the log, in order with everything else: so a program can say what it has acknowledged.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
import time
from typing import Any, BinaryIO

import msgspec

try:
    import mfusepy
except (ImportError, OSError):  # no libfuse on this machine: the test says so and is skipped
    mfusepy = None  # type: ignore[assignment]

MARK = "/.mark-"
_LENGTH = struct.Struct("<I")


def available() -> str | None:
    """Why it can't be used here, or None."""
    if mfusepy is None:
        return "mfusepy or libfuse is not installed"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse can't be opened"
    return None


def read_log(path: str) -> list[tuple[Any, ...]]:
    """The entries of a log: ("write", inode, offset, bytes), ("sync", inode), ("mark", text), ..."""
    entries = []
    with open(path, "rb") as log:
        while head := log.read(_LENGTH.size):
            entries.append(tuple(msgspec.msgpack.decode(log.read(_LENGTH.unpack(head)[0]))))
    return entries


class _Node:
    def __init__(self, number: int, mode: int) -> None:
        self.number = number
        self.mode = mode
        self.data = bytearray()
        self.modified = time.time()


class Recording(mfusepy.Operations if mfusepy else object):  # type: ignore[misc]
    """Paths, nodes and the log. One thread serves it, so the log is in the order in which things happened."""

    use_ns = False

    def __init__(self, log: BinaryIO) -> None:
        self._log = log
        self._numbers = iter(range(1, 1 << 60))
        self._nodes = {"/": _Node(0, stat.S_IFDIR | 0o755)}
        self._open: dict[int, _Node] = {}

    def _note(self, *entry: Any) -> None:
        packed = msgspec.msgpack.encode(entry)
        self._log.write(_LENGTH.pack(len(packed)) + packed)

    def _node(self, path: str) -> _Node:
        found = self._nodes.get(path)
        if found is None:
            raise mfusepy.FuseOSError(errno.ENOENT)
        return found

    def _add(self, path: str, mode: int) -> _Node:
        if path in self._nodes:
            raise mfusepy.FuseOSError(errno.EEXIST)
        self._node(os.path.dirname(path))
        node = self._nodes[path] = _Node(next(self._numbers), mode)
        return node

    def _handle(self, node: _Node) -> int:
        handle = next(self._numbers)
        self._open[handle] = node
        return handle

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        if path.startswith(MARK):
            self._note("mark", path[len(MARK) :])
            self._log.flush()
        node = self._open[fh] if fh in self._open else self._node(path)
        size = len(node.data)
        times = dict.fromkeys(("st_mtime", "st_atime", "st_ctime"), node.modified)
        return {"st_mode": node.mode, "st_nlink": 1, "st_size": size, "st_blocks": (size + 511) // 512, **times}

    def readdir(self, path: str, fh: int) -> list[str]:
        prefix = path.rstrip("/") + "/"
        inside = (other[len(prefix) :] for other in self._nodes if other.startswith(prefix) and other != "/")
        return [".", "..", *[name for name in inside if "/" not in name]]

    def mkdir(self, path: str, mode: int) -> int:
        self._note("mkdir", self._add(path, stat.S_IFDIR | mode).number, path)
        return 0

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        node = self._add(path, stat.S_IFREG | mode)
        self._note("create", node.number, path)
        return self._handle(node)

    def open(self, path: str, flags: int) -> int:
        return self._handle(self._node(path))

    def release(self, path: str, fh: int) -> int:
        self._open.pop(fh, None)
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return bytes(self._open[fh].data[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        node = self._open[fh]
        if len(node.data) < offset:
            node.data.extend(bytes(offset - len(node.data)))
        node.data[offset : offset + len(data)] = data
        node.modified = time.time()
        self._note("write", node.number, offset, data)
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        node = self._open[fh] if fh in self._open else self._node(path)
        del node.data[length:]
        node.data.extend(bytes(length - len(node.data)))
        self._note("truncate", node.number, length)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._note("sync", self._open[fh].number)
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        self._note("syncdir", path)
        return 0

    def rename(self, old: str, new: str) -> int:
        node = self._node(old)
        self._note("rename", node.number, old, new)
        self._nodes[new] = self._nodes.pop(old)
        for path in [path for path in self._nodes if path.startswith(old + "/")]:
            self._nodes[new + path[len(old) :]] = self._nodes.pop(path)
        return 0

    def unlink(self, path: str) -> int:
        self._note("unlink", self._node(path).number, path)
        del self._nodes[path]
        return 0

    def rmdir(self, path: str) -> int:
        return self.unlink(path)

    def chmod(self, path: str, mode: int) -> int:
        node = self._node(path)
        node.mode = stat.S_IFMT(node.mode) | mode
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        return 0

    def utimens(self, path: str, times: tuple[float, float] | None = None) -> int:
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": 1 << 20, "f_bfree": 1 << 20, "f_bavail": 1 << 20}

    def destroy(self, path: str) -> None:
        self._log.flush()


if __name__ == "__main__":
    with open(sys.argv[2], "wb", buffering=1 << 20) as out:
        mfusepy.FUSE(Recording(out), sys.argv[1], foreground=True, nothreads=True, big_writes=True, max_write=131072)
