"""The port: block storage by id. `local.LocalVolumes` implements it on files of this machine.

A volume is a raw file that a machine opens; a snapshot is a list of blocks (512 KiB, as EBS' direct APIs have them), of
which only those that its parent hasn't are stored. Every call may be repeated, and interrupted, at any point: what was
answered is on disk. Blocking: call them from worker threads.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

BLOCK = 512 << 10
"""Bytes of a snapshot's block."""


@dataclass(frozen=True)
class Taken:
    """What a snapshot holds: `blocks` that aren't all zeros, `changed` bytes of which it alone brought."""

    blocks: int
    changed: int


class Limits(NamedTuple):
    """What a volume may do in a second: operations, MiB; 0: what the disk can. burst: operations of a second for
    `seconds` after a rest."""

    iops: int = 0
    throughput: int = 0
    burst: int = 0
    seconds: int = 0


NO_LIMITS = Limits()


class Volumes(Protocol):
    def versions(self) -> list[str]:
        """What opens encrypted volumes here."""
        ...

    def path(self, volume: str) -> Path:
        """The file that a machine opens, raw. Raises EngineError when it has to be opened first."""
        ...

    def ensure_open(self, volume: str, key: bytes = b"", limits: Limits = NO_LIMITS) -> Path:
        """The file that a machine opens, with these limits: an encrypted volume is decrypted with its `key` for as
        long as it is open, by a process that outlives this one. Raises EngineError."""
        ...

    def ensure_closed(self, volume: str) -> None:
        """No process has the volume's key any more. No machine may have it open. Raises EngineError."""
        ...

    def is_open(self, volume: str) -> bool:
        """Whether a process decrypts (or slows) it now."""
        ...

    def is_sealed(self, volume: str) -> bool:
        """Whether its bytes are encrypted on disk: it opens with its key only."""
        ...

    def close(self) -> None:
        """The cloud ends in order: nothing stays open."""
        ...

    def ready(self, volume: str) -> bool:
        """Whether the volume is there, whole."""
        ...

    def size(self, volume: str) -> int:
        """Its bytes."""
        ...

    def ensure_volume(self, volume: str, size: int, snapshot: str = "", key: bytes = b"", own_key: bytes = b"") -> None:
        """The volume is there: `size` bytes, of a snapshot's content and zeros behind, or of zeros alone. One that is
        there already is left as it is. `key`: what the snapshot's blocks are sealed with. `own_key` (32 bytes): what
        the volume's file is encrypted with. Raises EngineError."""
        ...

    def ensure_grown(self, volume: str, size: int) -> None:
        """The volume has at least `size` bytes."""
        ...

    def remove_volume(self, volume: str) -> None:
        """Nothing is left of it; nothing when it isn't there."""
        ...

    def ensure_frozen(self, volume: str, snapshot: str) -> None:
        """The volume's bytes of this moment are set aside for a snapshot. Whoever writes to it must be held back
        meanwhile; the bytes are copied unless the file system can share them."""
        ...

    def ensure_snapshot(self, snapshot: str, parent: str = "", key: bytes = b"") -> Taken:
        """The frozen bytes are kept as a snapshot, sharing with `parent` what is the same; then they are let go of.
        `key` (32 bytes): blocks are sealed with it (AES-256-GCM), the parent's must have been with the same; an
        encrypted volume's own key."""
        ...

    def ensure_imported(self, snapshot: str, image: Path) -> Taken:
        """A snapshot of a raw image's bytes."""
        ...

    def ensure_copy(self, snapshot: str, source: str, old_key: bytes = b"", key: bytes = b"") -> Taken:
        """A snapshot of its own with the blocks of another, sealed anew when the keys differ."""
        ...

    def has_snapshot(self, snapshot: str) -> bool: ...

    def remove_snapshot(self, snapshot: str) -> None:
        """It is gone, and every block that no other snapshot has."""
        ...

    def digests(self, snapshot: str) -> dict[int, str]:
        """Block number -> a text that is the same for the same bytes, of every block that isn't zeros."""
        ...

    def read_block(self, snapshot: str, number: int, key: bytes = b"") -> bytes:
        """One block of a snapshot; zeros where nothing was written."""
        ...

    def ensure_draft(self, snapshot: str, size: int, parent: str = "") -> None:
        """A snapshot to be written block by block, on top of its parent's."""
        ...

    def ensure_block(self, snapshot: str, number: int, content: bytes, key: bytes = b"") -> None:
        """A block of a draft is on disk."""
        ...

    def ensure_sealed(self, snapshot: str) -> Taken:
        """The draft is a snapshot."""
        ...

    def sweep(self, volumes: Set[str], snapshots: Set[str]) -> list[str]:
        """Remove what is half made, and what isn't among these; its names."""
        ...
