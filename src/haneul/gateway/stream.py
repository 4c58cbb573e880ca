"""A request body on its way in: chunks from the socket to whoever reads them, with back-pressure both ways."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from haneul.wire.errors import AwsError

HIGH_WATER = 2 << 20
"""Bytes held for a slow reader before the socket is paused."""


class StreamBody:
    """The gateway's `wire.message.Body` for a payload still arriving. One reader, on the event loop."""

    buffered: bytes | None = None

    def __init__(self, length: int | None, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self.length = length
        self.trailers: dict[str, str] = {}
        self.finished = False
        self._pause = pause
        self._resume = resume
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._paused = False
        self._discarding = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    # The connection's side

    def feed(self, chunk: bytes) -> None:
        if self._discarding:
            return
        self._chunks.append(chunk)
        self._held += len(chunk)
        if self._held > HIGH_WATER and not self._paused:
            self._paused = True
            self._pause()
        self._wake()

    def finish(self) -> None:
        self.finished = True
        self._wake()

    def fail(self, error: Exception) -> None:
        """The client went away or sent nonsense: the reader gets `error` after what has arrived."""
        self._error = error
        self.finished = True
        self._wake()

    def discard(self) -> None:
        """Nobody reads on: what still arrives is dropped, so that the answer can be read."""
        self._discarding = True
        self._chunks.clear()
        self._let_flow()

    # The reader's side

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self.finished:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if len(self._chunks) == 1:
            chunk = self._chunks.popleft()
        else:  # fewer, larger pieces cost the reader fewer thread hand-overs
            chunk = b"".join(self._chunks)
            self._chunks.clear()
        self._held -= len(chunk)
        if self._held < HIGH_WATER // 2:
            self._let_flow()
        return chunk

    async def read(self, limit: int) -> bytes:
        parts = []
        size = 0
        async for chunk in self:
            size += len(chunk)
            if size > limit:
                raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400)
            parts.append(chunk)
        return b"".join(parts)

    def _let_flow(self) -> None:
        if self._paused:
            self._paused = False
            self._resume()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
