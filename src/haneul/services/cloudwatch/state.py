"""Rows of CloudWatch. Points of metrics have keys of their own (plane/points.py)."""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.state.table import Table


class Metric(msgspec.Struct, kw_only=True):
    """A metric: `dimensions` as text, name and value of each in order; `number` names its points in the store."""

    namespace: str
    name: str
    dimensions: str
    number: int
    pairs: list[tuple[str, str]] = []
    newest: float = 0.0


class Pending(msgspec.Struct, kw_only=True):
    """What an alarm has to tell: to whom, and the message."""

    actions: list[str]
    subject: str
    message: str


class Alarm(msgspec.Struct, kw_only=True):
    """A metric alarm or a composite one; `settings` are the members of its put, by AWS's names."""

    name: str
    settings: dict[str, Any]
    configured: float
    composite: bool = False
    state: str = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    data: str | None = None
    updated: float = 0.0
    transitioned: float = 0.0
    tags: dict[str, str] = {}
    pending: list[Pending] = []


class History(msgspec.Struct, kw_only=True):
    """Something that happened to an alarm."""

    alarm: str
    id: str
    time: float
    kind: str
    summary: str
    data: str
    composite: bool = False


class Dashboard(msgspec.Struct, kw_only=True):
    """A dashboard; its body lies in chunks."""

    name: str
    modified: float
    size: int
    tags: dict[str, str] = {}


class Detector(msgspec.Struct, kw_only=True):
    """An anomaly detector, kept as it was put."""

    id: str
    settings: dict[str, Any]


METRICS = Table("cloudwatch.metric", Metric, key=("namespace", "name", "dimensions"))
ALARMS = Table("cloudwatch.alarm", Alarm, key=("name",))
HISTORIES = Table("cloudwatch.history", History, key=("alarm", "id"))
DASHBOARDS = Table("cloudwatch.dashboard", Dashboard, key=("name",))
DETECTORS = Table("cloudwatch.detector", Detector, key=("id",))
