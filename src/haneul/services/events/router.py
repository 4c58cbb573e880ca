"""Which targets an event reaches: the rules of each bus, compiled once and kept until something about them changes.

Queues, topics, other buses and logs get an event before PutEvents is answered; a target that is slower, or that
failed, gets it from a delivery row with its own timer. An event's bytes lie in chunks under its id, once for all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from haneul import converge
from haneul.kit.patterns import Test, compile_pattern
from haneul.service import Call, Scope
from haneul.services.events import names
from haneul.services.events.sending import DIRECT, Undelivered, bury, send, service_of
from haneul.services.events.state import ARCHIVES, DELIVERIES, KEPT, RULES, Archive, Delivery, Kept
from haneul.state import chunks

if TYPE_CHECKING:
    from haneul.cloud import Cloud
    from haneul.state.store import Reader, Writer

_EVENTS, _ARCHIVED = b"events/event/", b"events/kept/"
DEPTH = 5
"""How many buses an event may be passed on to; AWS forwards once, loops end here."""


class Route(NamedTuple):
    """A rule that may match: its name, its test (None: it has a schedule only), its targets."""

    name: str
    test: Test | None
    targets: list[dict[str, Any]]


class Board(NamedTuple):
    """What happens to a bus's events."""

    routes: list[Route]
    archives: list[tuple[Archive, Test | None]]


class Router:
    """Boards of the buses in use."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._boards: dict[tuple[Scope, str], Board] = {}

    def forget(self, scope: Scope, bus: str) -> None:
        self._boards.pop((scope, bus), None)

    def board(self, scope: Scope, bus: str) -> Board:
        found = self._boards.get((scope, bus))
        if found is None:
            with self._cloud.store.read() as tx:
                found = self._build(tx, scope, bus)
            if len(self._boards) > 1000:
                self._boards.clear()
            self._boards[scope, bus] = found
        return found

    def _build(self, tx: Reader, scope: Scope, bus: str) -> Board:
        routes = [
            Route(rule.name, compile_pattern(json.loads(rule.pattern)), rule.targets)
            for rule in RULES.scan(tx, scope, bus)
            if rule.pattern is not None and rule.state != "DISABLED" and rule.targets
        ]
        archives = [
            (archive, compile_pattern(json.loads(archive.pattern)) if archive.pattern else None)
            for archive in ARCHIVES.scan(tx, scope)
            if archive.bus == bus
        ]
        return Board(routes, archives)

    def close(self) -> None:
        self._boards.clear()


def open_router(cloud: Cloud) -> Router:
    return Router(cloud)


def router(call: Call) -> Router:
    found: Router = call.cloud.planes["events"]
    return found


def dispatch(
    call: Call, scope: Scope, bus: str, event: Mapping[str, Any], *, only: Iterable[str] = (), depth: int = 0
) -> None:
    """Bring an event to everybody who wants it. `only`: ARNs of the rules that a replay is for."""
    board = router(call).board(scope, bus)
    if not board.routes and not board.archives:
        return
    wanted = set(only)
    direct: list[tuple[str, dict[str, Any]]] = []
    slow: list[tuple[str, dict[str, Any]]] = []
    for route in board.routes:
        if route.test is None or not route.test(event):
            continue
        arn = names.rule_arn(scope, bus, route.name)
        if wanted and arn not in wanted:
            continue
        for target in route.targets:
            (direct if service_of(target["Arn"]) in DIRECT else slow).append((arn, target))
    archives = [
        archive for archive, test in board.archives if "replay-name" not in event and (test is None or test(event))
    ]
    if archives or slow:
        with call.write() as tx:
            for archive in archives:
                keep(tx, call, scope, archive, event)
            for arn, target in slow:
                later(tx, call, scope, arn, target, event)
    for arn, target in direct:
        hand_over(call, scope, arn, target, event, depth)


def hand_over(
    call: Call, scope: Scope, rule: str, target: dict[str, Any], event: Mapping[str, Any], depth: int
) -> None:
    """Send to a quick target now; bury the event, or leave it to a delivery, when that fails."""
    parts = target["Arn"].split(":", 5)
    if parts[2] == "events" and parts[5].startswith("event-bus/"):
        if depth < DEPTH:
            there = Scope(parts[4], parts[3])
            dispatch(call, there, parts[5][len("event-bus/") :], event, depth=depth + 1)
        return
    try:
        send(call, rule, target, event)
    except Undelivered as failure:
        if failure.final:
            bury(call, rule, target, event, failure, tries=0)
            return
        with call.write() as tx:
            later(tx, call, scope, rule, target, event, tries=1)


def later(
    tx: Writer, call: Call, scope: Scope, rule: str, target: dict[str, Any], event: Mapping[str, Any], *, tries: int = 0
) -> None:
    """Leave an event to the delivery's own timer."""
    key = _EVENTS + event["id"].encode()
    if chunks.get(tx, key) is None:
        chunks.put(tx, key, orjson.dumps(event))
    delivery = Delivery(
        event=event["id"], place=f"{rule} {target['Id']}", rule=rule, target=target, started=call.now(), tries=tries
    )
    DELIVERIES.put(tx, scope, delivery)
    converge.wake(tx, "events.delivery", scope, (delivery.event, delivery.place), call.now())


def event_of(tx: Reader, delivery: Delivery) -> dict[str, Any] | None:
    packed = chunks.get(tx, _EVENTS + delivery.event.encode())
    return None if packed is None else dict(orjson.loads(packed))


def release(tx: Writer, scope: Scope, delivery: Delivery) -> None:
    """A delivery is done (its row is deleted next): the last one takes the event with it."""
    if all(other.place == delivery.place for other in DELIVERIES.scan(tx, scope, delivery.event, limit=2)):
        chunks.delete(tx, _EVENTS + delivery.event.encode())


def keep(tx: Writer, call: Call, scope: Scope, archive: Archive, event: Mapping[str, Any]) -> None:
    """Put an event into an archive."""
    packed = orjson.dumps(event)
    kept = Kept(archive=archive.name, time=int(call.now() * 1000), id=event["id"], size=len(packed))
    KEPT.put(tx, scope, kept)
    chunks.put(tx, _key_of(scope, kept), packed)


def _key_of(scope: Scope, kept: Kept) -> bytes:
    return _ARCHIVED + f"{scope.account}/{scope.region}/{kept.archive}/{kept.id}/".encode()


def archived(tx: Reader, scope: Scope, kept: Kept) -> dict[str, Any] | None:
    packed = chunks.get(tx, _key_of(scope, kept))
    return None if packed is None else dict(orjson.loads(packed))


def discard(tx: Writer, scope: Scope, kept: Kept) -> None:
    KEPT.delete(tx, scope, kept.archive, kept.time, kept.id)
    chunks.delete(tx, _key_of(scope, kept))
