"""Carries events from the outbox to the services that subscribed, at least once, in the order published.

A subscriber that fails is tried again with growing pauses, up to a day's worth; the others don't wait for it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from typing import Any

from haneul.cloud import Cloud
from haneul.events import outbox
from haneul.events.outbox import Event
from haneul.service import Service
from haneul.wire.errors import AwsError

log = logging.getLogger("haneul.events")
MAX_TRIES = 24
PAUSE = 0.05
MAX_PAUSE = 30.0


class Dispatcher:
    """Delivers on the event loop, where rooms run."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._subscribers: dict[str, list[tuple[Service, str]]] = {}
        for service in cloud.services.values():
            for topic, reference in service.subscribes.items():
                self._subscribers.setdefault(topic, []).append((service, reference))
                outbox.subscribe(topic)
        self._wake = asyncio.Event()
        self._flagged = False
        self._unlisten = outbox.listen(self._notice)
        self._task: asyncio.Task[None] | None = None
        self._resting: dict[str, float] = {}

    def start(self) -> None:
        if self._subscribers:
            self._task = self._cloud.loop.create_task(self._run())

    async def close(self) -> None:
        self._unlisten()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _notice(self) -> None:
        if not self._flagged:
            self._flagged = True
            if threading.get_ident() == self._cloud.performer.loop_thread:
                self._wake.set()
            else:
                self._cloud.loop.call_soon_threadsafe(self._wake.set)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            self._flagged = False
            try:
                rest = await self._round()
            except Exception:
                log.exception("delivering events failed")
                rest = 1.0
            if rest != 0:
                try:
                    await asyncio.wait_for(self._wake.wait(), rest)
                except TimeoutError:
                    continue

    async def _round(self) -> float:
        """Deliver what is pending; seconds to wait for more (0: there is more now)."""
        with self._cloud.store.read() as tx:
            events = list(outbox.pending(tx))
        now = self._cloud.clock.monotonic()
        delivered = 0
        for event in events:
            if self._resting.get(event.id, 0.0) > now:
                continue
            delivered += 1
            await self._deliver(event)
        if not events:
            return 5.0
        if delivered:
            return 0 if len(events) >= 100 else PAUSE
        return max(PAUSE, min(self._resting.values(), default=now) - now)

    async def _deliver(self, event: Event) -> None:
        failed = False
        for service, reference in self._subscribers.get(event.topic, []):
            if event.done is not None and service.model in event.done:
                continue
            try:
                call = self._cloud.call_as(service.model, event.scope)
                self._cloud.rooms.get(service.model)
                result: Any = service.resolve(reference)(call, event)
                if inspect.isawaitable(result):
                    await result
                event.done = [*(event.done or []), service.model]
            except Exception as error:
                failed = True
                if event.tries == 0 or not isinstance(error, AwsError):
                    log.warning(
                        "%s could not take %s: %s",
                        service.model,
                        event.topic,
                        error,
                        exc_info=not isinstance(error, AwsError),
                    )
        self._resting.pop(event.id, None)
        with self._cloud.store.write() as tx:
            if failed and event.tries < MAX_TRIES:
                event.tries += 1
                outbox.put(tx, event)
                pause = min(MAX_PAUSE, PAUSE * 2**event.tries)
                self._resting[event.id] = self._cloud.clock.monotonic() + pause
            else:
                outbox.remove(tx, event)
