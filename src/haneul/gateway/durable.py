"""From the store's flusher back to the event loop: one wake-up for all the answers that a flush made durable."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from haneul.state.store import Store

Answer = Callable[[BaseException | None], None]


class Durability:
    """Holds answers until their tickets are on disk."""

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self._loop = loop
        self._ready: deque[tuple[Answer, BaseException | None]] = deque()
        self._waking = False

    def when(self, ticket: int, answer: Answer) -> None:
        """Call `answer` on the event loop once `ticket` is durable (or has failed to become so)."""
        self._store.when_durable(ticket, lambda error: self._collect(answer, error))

    async def wait(self, ticket: int) -> None:
        """Return once `ticket` is durable. Raises what kept it from becoming so."""
        if ticket and not self._store.is_durable(ticket):
            future: asyncio.Future[None] = self._loop.create_future()
            self.when(ticket, lambda error: _resolve(future, error))
            await future

    def _collect(self, answer: Answer, error: BaseException | None) -> None:
        # On the flusher's thread, or at once on the loop's. The deque's steps are atomic; a lost race wakes once more.
        self._ready.append((answer, error))
        if not self._waking:
            self._waking = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._waking = False
        ready = self._ready
        while ready:
            answer, error = ready.popleft()
            answer(error)


def _resolve(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
