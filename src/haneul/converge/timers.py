"""Rows that want a step, ordered by when: one small row per unsettled row, written in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from haneul.service import Scope
from haneul.state.store import Reader, Writer
from haneul.state.table import Table


class Timer(msgspec.Struct):
    """`row` (its key members) of `kind` in the scope (account, region) wants its step at `due` (milliseconds)."""

    due: int
    kind: str
    account: str
    region: str
    row: tuple[str | int, ...]

    @property
    def id(self) -> bytes:
        return msgspec.msgpack.encode((self.kind, self.account, self.region, self.row))


class _Place(msgspec.Struct):
    """Where a row's one timer stands, so that waking it again moves it instead of adding another."""

    id: bytes
    due: int


_HOUSE = Scope("", "")
_TIMERS = Table("converge.timer", Timer, key=("due", "id"))
_PLACES = Table("converge.place", _Place, key=("id",))
_listeners: list[Callable[[], None]] = []


def wake(tx: Writer, kind: str, scope: Scope, row: tuple[str | int, ...], due: float) -> None:
    """Ask for a step of this row at `due` (epoch seconds), instead of whenever it was due before."""
    milliseconds = max(0, int(due * 1000))
    if milliseconds == due_of(tx, kind, scope, row):
        milliseconds += 1  # a step under way can tell that it was asked for again
    timer = Timer(milliseconds, kind, scope.account, scope.region, row)
    settle(tx, kind, scope, row)
    _TIMERS.put(tx, _HOUSE, timer)
    _PLACES.put(tx, _HOUSE, _Place(timer.id, timer.due))
    for listener in _listeners:
        listener()


def settle(tx: Writer, kind: str, scope: Scope, row: tuple[str | int, ...]) -> None:
    """Forget the row's timer: nothing more is to be done for it."""
    identity = Timer(0, kind, scope.account, scope.region, row).id
    place = _PLACES.get(tx, _HOUSE, identity)
    if place is not None:
        _TIMERS.delete(tx, _HOUSE, place.due, identity)
        _PLACES.delete(tx, _HOUSE, identity)


def due_of(tx: Reader, kind: str, scope: Scope, row: tuple[str | int, ...]) -> int | None:
    """When the row's step is due (milliseconds), if it is."""
    place = _PLACES.get(tx, _HOUSE, Timer(0, kind, scope.account, scope.region, row).id)
    return None if place is None else place.due


def upcoming(tx: Reader) -> Iterator[Timer]:
    """All timers, the soonest first."""
    return _TIMERS.scan(tx, _HOUSE)


def listen(listener: Callable[[], None]) -> Callable[[], None]:
    """Call `listener` (cheap, from any thread) whenever a timer is set; returns what takes it off again."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)
