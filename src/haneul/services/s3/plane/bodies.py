"""Bodies on their way to the disk: hashed, sealed where asked, and put where they belong by their size.

Small ones go into the store with their row, in one transaction and one fsync; large ones into files. A large
body's MD5 (the slowest of all) runs beside its other checksums and the writing, a megabyte at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple, Protocol

from haneul.services.s3.plane import checksums
from haneul.services.s3.plane.encryption import Sealer, seal

INLINE_LIMIT = 64 << 10
STORE_LIMIT = 256 << 10
CHUNK = 96_000
BATCH = 1 << 20
_PIECES = 32
_AHEAD = 1
"""Batches that may wait for a lane: what a large upload holds in memory is a few megabytes."""


class TooLarge(Exception):
    """The body is longer than it may be."""


class FileWriter(Protocol):
    """What a blob store gives for a new blob. Both block: call them in a thread."""

    crc: int
    """CRC64NVME of what was written."""

    def write(self, piece: bytes, /) -> None: ...

    def commit(self) -> str: ...

    def abort(self) -> None: ...


class Received(NamedTuple):
    """A body taken in: exactly one of `inline`, `chunks` and `blob` holds its bytes (sealed, if it is)."""

    size: int
    md5: bytes
    checksums: dict[str, str]
    inline: bytes = b""
    chunks: list[bytes] | None = None
    blob: str = ""
    crc: int = 0


def take(data: bytes, algorithms: Sequence[str], key: bytes | None) -> Received:
    """A small body, on the spot. With `key` it is sealed."""
    sums = {name: checksums.of(name, data) for name in algorithms}
    digest = checksums.md5(data)
    kept = data if key is None else seal(key, data)
    if len(data) <= INLINE_LIMIT:
        return Received(len(data), digest, sums, inline=kept)
    return Received(len(data), digest, sums, chunks=[kept[n : n + CHUNK] for n in range(0, len(kept), CHUNK)])


async def receive(
    source: AsyncIterator[bytes],
    create: Callable[[], FileWriter],
    algorithms: Sequence[str],
    *,
    key: bytes | None = None,
    limit: int,
    store_limit: int = STORE_LIMIT,
) -> Received:
    """A body of any size. Raises TooLarge, and whatever `source` raises, leaving nothing behind."""
    batches = _batches(source, limit)
    empty: list[bytes] = []
    first = await anext(batches, empty)
    size = sum(map(len, first))
    if size <= store_limit:
        data = b"".join(first)
        if size <= 32 << 10:
            return take(data, algorithms, key)
        return await asyncio.to_thread(take, data, algorithms, key)
    intake = _Intake(await asyncio.to_thread(create), algorithms, key)
    try:
        await intake.add(first)
        async for batch in batches:
            await intake.add(batch)
        return await intake.finish()
    except BaseException:
        await intake.abort()
        raise


async def _batches(source: AsyncIterator[bytes], limit: int) -> AsyncIterator[list[bytes]]:
    """The source in batches of about BATCH bytes, so that a thread has something to do for its switch; pieces are
    put together only where they are small, as every copy of a gigabyte costs as much as its checksum."""
    held: list[bytes] = []
    size = total = 0
    async for piece in source:
        held.append(piece)
        size += len(piece)
        total += len(piece)
        if total > limit:
            raise TooLarge
        if size >= BATCH:
            yield held if len(held) <= _PIECES else [b"".join(held)]
            held, size = [], 0
    if held:
        yield held if len(held) <= _PIECES else [b"".join(held)]


class _Lane:
    """Work on batches in order, in threads, at its own pace; whoever brings more than it can take waits."""

    def __init__(self, work: Callable[[list[bytes]], None]) -> None:
        self._work = work
        self._waiting: list[list[bytes]] = []
        self._task: asyncio.Task[None] | None = None
        self._room = asyncio.Event()

    async def put(self, batch: list[bytes]) -> None:
        """Take a batch. Raises what went wrong with an earlier one."""
        self._waiting.append(batch)
        if self._task is None or self._task.done():
            await self.empty()
            self._task = asyncio.get_running_loop().create_task(self._drain())
        while len(self._waiting) > _AHEAD and not self._task.done():
            self._room.clear()
            await self._room.wait()

    async def empty(self) -> None:
        """Return when all that was put is done. Raises what went wrong."""
        task, self._task = self._task, None
        if task is not None:
            await task

    async def give_up(self) -> None:
        """Return when nothing is being done any more, whatever came of it."""
        self._waiting = []
        try:
            await self.empty()
        except Exception:
            return

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batches, self._waiting = self._waiting, []
                self._room.set()
                await loop.run_in_executor(None, self._work, [piece for batch in batches for piece in batch])
        finally:
            self._room.set()


class _Intake:
    """A large body: one lane digests it, the other one checks, seals and writes it."""

    def __init__(self, writer: FileWriter, algorithms: Sequence[str], key: bytes | None) -> None:
        self._writer = writer
        self._md5 = hashlib.md5()
        # The file's own checksum is the body's where it isn't sealed: no need to compute it twice.
        self._free = key is None and "CRC64NVME" in algorithms
        self._sums = {name: checksums.start(name) for name in algorithms if not (self._free and name == "CRC64NVME")}
        self._sealer = None if key is None else Sealer(key)
        self._size = 0
        self._lanes = (_Lane(self._digest), _Lane(self._keep))

    async def add(self, batch: list[bytes]) -> None:
        self._size += sum(map(len, batch))
        for lane in self._lanes:
            await lane.put(batch)

    async def finish(self) -> Received:
        for lane in self._lanes:
            await lane.empty()
        blob = await asyncio.to_thread(self._commit)
        sums = {name: checksums.encode(running.digest()) for name, running in self._sums.items()}
        if self._free:
            sums["CRC64NVME"] = checksums.encode(self._writer.crc.to_bytes(8, "big"))
        return Received(self._size, self._md5.digest(), sums, blob=blob, crc=self._writer.crc)

    async def abort(self) -> None:
        for lane in self._lanes:
            await lane.give_up()
        await asyncio.to_thread(self._writer.abort)

    def _digest(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self._md5.update(piece)

    def _keep(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            for running in self._sums.values():
                running.update(piece)
            self._writer.write(piece if self._sealer is None else self._sealer.update(piece))

    def _commit(self) -> str:
        if self._sealer is not None:
            self._writer.write(self._sealer.finish())
        return self._writer.commit()
