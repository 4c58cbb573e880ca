"""Rows of EventBridge Scheduler."""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.state.table import Table

DEFAULT = "default"


class Group(msgspec.Struct, kw_only=True):
    """A group of schedules. The default one has no row until it is tagged."""

    name: str
    created: float
    modified: float
    tags: dict[str, str] = {}


class Schedule(msgspec.Struct, kw_only=True):
    """A schedule; `settings` are the members of its put, by AWS's names."""

    group: str
    name: str
    settings: dict[str, Any]
    created: float
    modified: float
    due: float | None = None
    fires: float | None = None
    """When it really fires: `due`, or later within its flexible window."""


class Delivery(msgspec.Struct, kw_only=True):
    """One firing on its way to its target."""

    id: str
    schedule: str
    target: dict[str, Any]
    due: float
    started: float
    tries: int = 0


GROUPS = Table("scheduler.group", Group, key=("name",))
SCHEDULES = Table("scheduler.schedule", Schedule, key=("group", "name"))
DELIVERIES = Table("scheduler.delivery", Delivery, key=("id",))
