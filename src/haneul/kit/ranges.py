"""A piece of a file, named instead of read: what the store of large bytes hands out and the server sends."""

from __future__ import annotations


class FileRange:
    """Bytes [offset, offset + length) of a file, sent without being read into Python (sendfile)."""

    __slots__ = ("length", "offset", "path")

    def __init__(self, path: str, offset: int, length: int) -> None:
        self.path = path
        self.offset = offset
        self.length = length
