"""Events on their way: one row each, in the order published, until every subscriber has had it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from haneul.kit import tokens
from haneul.service import Scope
from haneul.state.store import Reader, Writer
from haneul.state.table import Table


class Event(msgspec.Struct):
    """Something that happened: `topic` ("s3.object"), in whose scope, and what (plain data). `id` is unique and
    ordered; `done` are the services that have had it."""

    id: str
    topic: str
    account: str
    region: str
    detail: dict[str, Any]
    tries: int = 0
    done: list[str] | None = None

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)


_HOUSE = Scope("", "")
_OUTBOX = Table("events.outbox", Event, key=("id",))
_subscribed: set[str] = set()
_listeners: list[Callable[[], None]] = []


def publish(tx: Writer, topic: str, scope: Scope, detail: Mapping[str, Any]) -> None:
    """Tell every subscriber of `topic`, once this transaction is committed. Free when nobody subscribes."""
    if topic not in _subscribed:
        return
    _OUTBOX.put(tx, _HOUSE, Event(tokens.ordered_id(), topic, scope.account, scope.region, dict(detail)))
    for listener in _listeners:
        listener()


def pending(tx: Reader, limit: int = 100) -> Iterator[Event]:
    return _OUTBOX.scan(tx, _HOUSE, limit=limit)


def put(tx: Writer, event: Event) -> None:
    _OUTBOX.put(tx, _HOUSE, event)


def remove(tx: Writer, event: Event) -> None:
    _OUTBOX.delete(tx, _HOUSE, event.id)


def subscribe(topic: str) -> None:
    """Somebody wants `topic` from now on."""
    _subscribed.add(topic)


def listen(listener: Callable[[], None]) -> Callable[[], None]:
    """Call `listener` (cheap, from any thread) whenever an event is published; returns what takes it off again."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)
