"""Rows of EventBridge. Events themselves, which may be large, lie in chunks (router.py)."""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.state.table import Table

DEFAULT = "default"


class Bus(msgspec.Struct, kw_only=True):
    """An event bus. The default one has no row until something about it was set."""

    name: str
    created: float
    modified: float
    description: str | None = None
    key: str | None = None
    dead_letter: str | None = None
    log: dict[str, Any] | None = None
    policy: dict[str, Any] | None = None
    tags: dict[str, str] = {}


class Rule(msgspec.Struct, kw_only=True):
    """A rule with its targets, which are kept as AWS names their members."""

    bus: str
    name: str
    creator: str
    pattern: str | None = None
    schedule: str | None = None
    state: str = "ENABLED"
    description: str | None = None
    role: str | None = None
    tags: dict[str, str] = {}
    targets: list[dict[str, Any]] = []
    start: float = 0.0
    due: float | None = None


class Delivery(msgspec.Struct, kw_only=True):
    """An event on its way to one target; `target` is what the rule said when it matched."""

    event: str
    place: str
    """The rule's ARN and the target's id."""
    rule: str
    target: dict[str, Any]
    started: float
    tries: int = 0


class Archive(msgspec.Struct, kw_only=True):
    """What keeps a bus's events."""

    name: str
    source: str
    created: float
    bus: str
    pattern: str | None = None
    description: str | None = None
    days: int = 0
    key: str | None = None
    tags: dict[str, str] = {}


class Kept(msgspec.Struct, kw_only=True):
    """An archived event: when (ms) and which, and its size in bytes; the event lies in chunks."""

    archive: str
    time: int
    id: str
    size: int


class Replay(msgspec.Struct, kw_only=True):
    """Archived events sent again."""

    name: str
    archive: str
    source: str
    bus: str
    begin: float
    end: float
    description: str | None = None
    filters: list[str] = []
    state: str = "STARTING"
    reason: str | None = None
    started: float = 0.0
    finished: float | None = None
    last: float | None = None
    after: tuple[int, str] | None = None


class Connection(msgspec.Struct, kw_only=True):
    """How API destinations authorise. `secret`: the ARN in Secrets Manager that holds the parameters."""

    name: str
    id: str
    kind: str
    created: float
    modified: float
    description: str | None = None
    state: str = "AUTHORIZED"
    secret: str = ""
    shown: dict[str, Any] = {}
    authorized: float | None = None
    key: str | None = None


class Destination(msgspec.Struct, kw_only=True):
    """A web endpoint that rules can name as a target."""

    name: str
    id: str
    connection: str
    endpoint: str
    method: str
    created: float
    modified: float
    description: str | None = None
    rate: int | None = None


BUSES = Table("events.bus", Bus, key=("name",))
RULES = Table("events.rule", Rule, key=("bus", "name"))
DELIVERIES = Table("events.delivery", Delivery, key=("event", "place"))
ARCHIVES = Table("events.archive", Archive, key=("name",))
KEPT = Table("events.kept", Kept, key=("archive", "time", "id"))
REPLAYS = Table("events.replay", Replay, key=("name",))
CONNECTIONS = Table("events.connection", Connection, key=("name",))
DESTINATIONS = Table("events.destination", Destination, key=("name",))
