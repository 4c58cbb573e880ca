"""The blobs port: large immutable bytes by id, beside the store. Nothing above it knows where they lie.

Implementation: `files.FileBlobs` (files on local disks). The life of a blob, safe at every point of a crash:

    with blobs.create() as writer:          # in a worker thread
        writer.write(piece)
        blob = writer.commit()              # on disk when it returns; not yet anybody's
    with call.write() as tx:
        PARTS.put(tx, scope, Part(blob, writer.size))   # now it is
        blobs.delete_later(tx, old.blob)    # goes once this transaction is durable

A crash before the row leaves an orphan, which `state.scrub` collects when it is old enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol, Self

from haneul.kit.ranges import FileRange
from haneul.state.store import Reader, Writer

Piece = bytes | bytearray | memoryview


class BlobMissing(Exception):
    """No such blob: its bytes are not (or no longer) here."""


class Stored(NamedTuple):
    """A blob as the disk has it: bytes, and when it was last written (epoch seconds)."""

    id: str
    size: int
    modified: float


class BlobWriter(Protocol):
    """A blob being written, by one thread at a time. Leaving its block without commit() discards it."""

    size: int
    crc: int
    """CRC64NVME of the bytes so far. The id ends in it, so a blob can prove itself."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def write(self, piece: Piece) -> None: ...

    def commit(self) -> str:
        """Make the bytes durable and give the blob's id (40 hex digits: random ones, then the CRC)."""
        ...

    def abort(self) -> None: ...


class Blobs(Protocol):
    """Immutable bytes by id. Everything here blocks, except `ranges` and `delete_later`."""

    nudge: Callable[[], None] | None
    """Called when something was given to delete_later."""

    def create(self, expected: int | None = None) -> BlobWriter: ...

    def join(self, blobs: list[str]) -> str:
        """A new blob of the given ones' bytes in order (a copy; the row keeps a list of parts where it can)."""
        ...

    def ranges(self, blob: str, offset: int, length: int) -> FileRange:
        """Bytes for an answer. While the result is held the blob isn't deleted, so a slow client gets all of it."""
        ...

    def read(self, blob: str, offset: int = 0, length: int | None = None) -> bytes: ...

    def size(self, blob: str) -> int:
        """Raises BlobMissing."""
        ...

    def verify(self, blob: str, crc: int | None = None, pace: Callable[[int], None] | None = None) -> bool:
        """Whether the bytes are those that were written. Raises BlobMissing."""
        ...

    def delete(self, blob: str) -> bool:
        """Remove it now; False when somebody holds a range of it. Harmless when it is gone already."""
        ...

    def delete_later(self, tx: Writer, *blobs: str) -> None:
        """Delete when this transaction is durable, and not before; survives a crash."""
        ...

    def doomed(self, tx: Reader, limit: int, after: str = "") -> list[str]:
        """Blobs given to delete_later and not yet deleted."""
        ...

    def spare(self, tx: Writer, *blobs: str) -> None:
        """Take blobs off that list: they are deleted."""
        ...

    def everything(self, folders: Iterable[int] = range(256)) -> Iterator[Stored]: ...
