"""Blobs as local files: `7f/7f3a...`, written under `tmp/`, renamed, then file and folder synced.

The rename comes before the sync: nobody knows the name until commit() returns, and the file's sync then carries
the rename with it in one journal commit. 256 folders, made once, so that no commit waits for a new one.
"""

from __future__ import annotations

import ctypes
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from awscrt import checksums

from haneul.kit import tokens
from haneul.kit.ranges import FileRange
from haneul.state.blobs import BlobMissing, Piece, Stored
from haneul.state.store import Reader, Writer

_ID = re.compile(r"[0-9a-f]{40}\Z")
"""24 random digits, then the CRC64NVME of the bytes: a blob proves itself."""
_DOOMED = b"b/doomed/"
_TRICKLE = 16 << 20
"""Write-back begins every so many bytes, so that the last sync isn't one long stall (1 GiB: 0.01 s instead of 0.31)."""
_CHUNK = 1 << 20
_SYNC_FILE_RANGE_WRITE = 2


class FileBlobs:
    """Blobs in `folder`. Safe to use from any thread; one process at a time (the store's lock sees to that)."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._root = os.fspath(self.folder)
        self._tmp = os.fspath(self.folder / "tmp")
        self._held: dict[str, int] = {}
        self._released: deque[str] = deque()
        """Filled by finalizers, which may run in the middle of anything and so must not lock."""
        self._holding = threading.Lock()
        self.nudge: Callable[[], None] | None = None
        """Called when something was given to delete_later."""
        self._prepare()

    def _prepare(self) -> None:
        Path(self._tmp).mkdir(parents=True, exist_ok=True)
        for left in os.scandir(self._tmp):
            os.unlink(left.path)
        if len(os.listdir(self._root)) < 257:
            for number in range(256):
                (Path(self._root) / f"{number:02x}").mkdir(exist_ok=True)
            _sync_folder(self._root)
            _sync_folder(os.fspath(self.folder.parent))

    def create(self, expected: int | None = None) -> FileWriter:
        """A new blob. `expected` is its size in bytes when known: of no use here, preallocating gains nothing."""
        return FileWriter(self._root, self._tmp)

    def join(self, blobs: list[str]) -> str:
        """A new blob of the given ones' bytes (copied in the kernel; shared where the file system can)."""
        with self.create() as writer:
            for blob in blobs:
                with self.open(blob) as source:
                    writer.copy(source)
            return writer.commit()

    def ranges(self, blob: str, offset: int, length: int) -> FileRange:
        return HeldRange(self, blob, self._path(blob), offset, length)

    def open(self, blob: str) -> BinaryIO:
        """The blob as a file to read. Raises BlobMissing."""
        try:
            return open(self._path(blob), "rb", buffering=0)
        except FileNotFoundError:
            raise BlobMissing(blob) from None

    def read(self, blob: str, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes [offset, offset + length) or up to the end. Raises BlobMissing."""
        with self.open(blob) as file:
            descriptor = file.fileno()
            wanted = os.fstat(descriptor).st_size - offset if length is None else length
            pieces = []
            while wanted > 0:
                piece = os.pread(descriptor, wanted, offset)
                if not piece:
                    break
                pieces.append(piece)
                offset += len(piece)
                wanted -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def size(self, blob: str) -> int:
        try:
            return os.stat(self._path(blob)).st_size
        except FileNotFoundError:
            raise BlobMissing(blob) from None

    def verify(self, blob: str, crc: int | None = None, pace: Callable[[int], None] | None = None) -> bool:
        """Whether the bytes still have the CRC64NVME in the blob's id, and `crc` if given. `pace` is told of each piece
        read, and may sleep. Raises BlobMissing."""
        wanted = int(blob[24:], 16)
        found = 0
        with self.open(blob) as file:
            while piece := file.read(_CHUNK):
                found = checksums.crc64nvme(piece, found)
                if pace is not None:
                    pace(len(piece))
            # What a scrub reads is not what clients will ask for next.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return found == wanted and crc in (None, found)

    def delete(self, blob: str) -> bool:
        path = self._path(blob)
        with self._holding:
            self._forget_released()
            if blob in self._held:
                return False
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
        return True

    def delete_later(self, tx: Writer, *blobs: str) -> None:
        for blob in blobs:
            self._path(blob)
            tx.put(_DOOMED + blob.encode(), b"")
        if self.nudge is not None:
            self.nudge()

    def doomed(self, tx: Reader, limit: int, after: str = "") -> list[str]:
        found = tx.scan(_DOOMED + after.encode() + b"\x00", _DOOMED + b"g", limit=limit)
        return [key[len(_DOOMED) :].decode() for key, _ in found]

    def spare(self, tx: Writer, *blobs: str) -> None:
        """Take blobs off the list of the doomed: they are deleted."""
        for blob in blobs:
            tx.delete(_DOOMED + blob.encode())

    def everything(self, folders: Iterable[int] = range(256)) -> Iterator[Stored]:
        """Every blob on the disk (in these of the 256 folders, which the first two digits of an id name); those made or
        deleted meanwhile may or may not be among them."""
        for number in folders:
            with os.scandir(os.path.join(self._root, f"{number:02x}")) as entries:
                for entry in entries:
                    if _ID.match(entry.name):
                        try:
                            status = entry.stat()
                        except FileNotFoundError:
                            continue
                        yield Stored(entry.name, status.st_size, status.st_mtime)

    def _path(self, blob: str) -> str:
        """Where a blob lies. Ids are ours alone; what doesn't look like one never becomes a path."""
        if not _ID.match(blob):
            raise ValueError(f"not a blob id: {blob!r}")
        return f"{self._root}/{blob[:2]}/{blob}"

    def _hold(self, blob: str) -> None:
        with self._holding:
            self._forget_released()
            self._held[blob] = self._held.get(blob, 0) + 1

    def _forget_released(self) -> None:
        while self._released:
            blob = self._released.popleft()
            left = self._held[blob] - 1
            if left:
                self._held[blob] = left
            else:
                del self._held[blob]


class HeldRange(FileRange):
    """A range whose blob stays as long as the range is referred to."""

    __slots__ = ("_blob", "_blobs")

    def __init__(self, blobs: FileBlobs, blob: str, path: str, offset: int, length: int) -> None:
        super().__init__(path, offset, length)
        self._blobs = blobs
        self._blob = blob
        blobs._hold(blob)

    def __del__(self) -> None:
        self._blobs._released.append(self._blob)


class FileWriter:
    """A blob on its way to the disk."""

    __slots__ = ("_begun", "_descriptor", "_name", "_root", "_temporary", "crc", "size")

    def __init__(self, root: str, temporary: str) -> None:
        self.size = 0
        self.crc = 0
        self._root = root
        self._name = tokens.random_hex(24)
        self._temporary = f"{temporary}/{self._name}"
        self._begun = 0
        self._descriptor = os.open(self._temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.abort()

    def write(self, piece: Piece) -> None:
        """Append. Blocks as long as the disk does."""
        self.crc = checksums.crc64nvme(piece, self.crc)
        view = memoryview(piece)
        length = len(view)
        written = os.write(self._descriptor, view)
        while written < length:
            written += os.write(self._descriptor, view[written:])
        self._grow(length)

    def copy(self, source: BinaryIO) -> None:
        """Append all of a file, copied by the kernel; the checksum is read from what arrived."""
        remaining = os.fstat(source.fileno()).st_size
        while remaining:
            start = self.size
            copied = os.copy_file_range(source.fileno(), self._descriptor, min(remaining, _TRICKLE))
            if not copied:
                raise BlobMissing(f"{source.name} ended {remaining} bytes early")
            remaining -= copied
            for offset in range(start, start + copied, _CHUNK):
                piece = os.pread(self._descriptor, min(_CHUNK, start + copied - offset), offset)
                self.crc = checksums.crc64nvme(piece, self.crc)
            self._grow(copied)

    def _grow(self, length: int) -> None:
        self.size += length
        if self.size - self._begun >= _TRICKLE:
            _begin_writing(self._descriptor, self._begun, self.size - self._begun)
            self._begun = self.size

    def commit(self) -> str:
        """Make the bytes durable and give the blob's id."""
        descriptor, self._descriptor = self._descriptor, -1
        blob = f"{self._name}{self.crc:016x}"
        folder = f"{self._root}/{blob[:2]}"
        try:
            os.rename(self._temporary, f"{folder}/{blob}")
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        _sync_folder(folder)
        return blob

    def abort(self) -> None:
        """Discard what was written; harmless after commit()."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            os.unlink(self._temporary)


def _sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _find_sync_file_range() -> Callable[[int, int, int, int], int] | None:
    try:
        function = ctypes.CDLL(None, use_errno=True).sync_file_range
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    found: Callable[[int, int, int, int], int] = function
    return found


_sync_file_range = _find_sync_file_range()


def _begin_writing(descriptor: int, offset: int, length: int) -> None:
    """Ask the kernel to start writing these bytes back, without waiting (a hint; Linux only)."""
    if _sync_file_range is not None:
        _sync_file_range(descriptor, offset, length, _SYNC_FILE_RANGE_WRITE)
