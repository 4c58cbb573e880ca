"""SHA-256 tree hashes: leaves of 1 MiB, pairs hashed upwards (AWS: "Computing Checksums", Glacier developer guide)."""

from __future__ import annotations

import hashlib

LEAF = 1 << 20


class TreeHash:
    """Takes bytes in any pieces; `hexdigest` may be asked once, at the end."""

    def __init__(self) -> None:
        self._leaves: list[bytes] = []
        self._leaf = hashlib.sha256()
        self._filled = 0
        self.linear = hashlib.sha256()
        self.size = 0

    def update(self, data: bytes) -> None:
        self.linear.update(data)
        self.size += len(data)
        view = memoryview(data)
        while view:
            piece = view[: LEAF - self._filled]
            self._leaf.update(piece)
            self._filled += len(piece)
            view = view[len(piece) :]
            if self._filled == LEAF:
                self._close_leaf()

    def hexdigest(self) -> str:
        if self._filled or not self._leaves:
            self._close_leaf()
        return combine(self._leaves)

    def _close_leaf(self) -> None:
        self._leaves.append(self._leaf.digest())
        self._leaf = hashlib.sha256()
        self._filled = 0


def combine(level: list[bytes]) -> str:
    """The root over digests of equal-sized neighbours (the last may be smaller), in hex."""
    while len(level) > 1:
        paired = [hashlib.sha256(level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(level) - len(level) % 2 :]
    return level[0].hex()
