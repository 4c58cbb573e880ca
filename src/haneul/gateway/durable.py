"""From the store's flusher back to the event loop: one wake-up for all the answers that a flush made durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from haneul.state.store import Store

Answer = Callable[[BaseException | None], None]


class Durability:
    """Holds answers until their tickets are on disk. The flusher's thread is asked for one call alone, whose turn at
    the interpreter is short; what it means is worked out on the loop."""

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self._loop = loop
        self._waiting: list[tuple[int, Answer]] = []
        self._asked = False

    def when(self, ticket: int, answer: Answer) -> None:
        """Call `answer` on the event loop once `ticket` is durable (or has failed to become so)."""
        self._waiting.append((ticket, answer))
        if not self._asked:
            self._asked = True
            self._store.when_durable(ticket, self._wake)

    async def wait(self, ticket: int) -> None:
        """Return once `ticket` is durable. Raises what kept it from becoming so."""
        if ticket and not self._store.is_durable(ticket):
            future: asyncio.Future[None] = self._loop.create_future()
            self.when(ticket, lambda error: _resolve(future, error))
            await future

    def _wake(self, error: BaseException | None) -> None:
        # On the flusher's thread, or at once on the loop's.
        self._loop.call_soon_threadsafe(self._deliver, error)

    def _deliver(self, error: BaseException | None) -> None:
        waiting, self._waiting = self._waiting, []
        self._asked = False
        is_durable = self._store.is_durable
        ready: list[Answer] = []
        for ticket, answer in waiting:
            if error is not None or is_durable(ticket):
                ready.append(answer)
            else:
                self._waiting.append((ticket, answer))
        if self._waiting:  # committed while the sync was under way: the next one covers them
            self._asked = True
            self._store.when_durable(self._waiting[0][0], self._wake)
        for answer in ready:
            answer(error)


def _resolve(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
