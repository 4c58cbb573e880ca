"""Rows of CloudWatch Logs; events have keys of their own (plane/journal.py). Times are epoch milliseconds, as AWS's."""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.state.table import Table


class Group(msgspec.Struct, kw_only=True):
    """A log group. `number` names its events in the store, never used twice."""

    name: str
    number: int
    created: int
    retention: int | None = None
    key: str | None = None
    kind: str = "STANDARD"
    protected: bool = False
    tags: dict[str, str] = {}
    stored: int = 0
    index: str | None = None
    indexed: int | None = None


class Stream(msgspec.Struct, kw_only=True):
    """A log stream."""

    group: str
    name: str
    number: int
    created: int
    first: int | None = None
    last: int | None = None
    ingested: int | None = None
    stored: int = 0


class StreamName(msgspec.Struct, kw_only=True):
    """A stream by its number."""

    number: int
    name: str


class MetricFilter(msgspec.Struct, kw_only=True):
    """What counts matching events as metrics; `transformations` as AWS names their members."""

    group: str
    name: str
    pattern: str
    created: int
    transformations: list[dict[str, Any]] = []
    extra: dict[str, Any] = {}


class SubscriptionFilter(msgspec.Struct, kw_only=True):
    """Who gets matching events as they come."""

    group: str
    name: str
    pattern: str
    destination: str
    created: int
    role: str | None = None
    distribution: str = "ByLogStream"


class Query(msgspec.Struct, kw_only=True):
    """A query of Insights; its results lie in chunks."""

    id: str
    text: str
    groups: list[str]
    start: int
    end: int
    created: int
    limit: int | None = None
    status: str = "Scheduled"
    statistics: dict[str, float] = {}
    count: int = 0


class Definition(msgspec.Struct, kw_only=True):
    """A saved query."""

    id: str
    name: str
    text: str
    modified: int
    groups: list[str] = []
    language: str = "CWLI"


class Export(msgspec.Struct, kw_only=True):
    """A group's events on their way to a bucket."""

    id: str
    group: str
    start: int
    end: int
    bucket: str
    prefix: str
    created: int
    name: str | None = None
    streams: str | None = None
    status: str = "PENDING"
    message: str = ""
    finished: int | None = None


class Delivery(msgspec.Struct, kw_only=True):
    """A batch of events on its way to a subscriber; the batch lies in chunks."""

    id: str
    destination: str
    key: str
    tries: int = 0


class Destination(msgspec.Struct, kw_only=True):
    """A name for a stream that other accounts may send to."""

    name: str
    target: str
    role: str
    created: int
    policy: str | None = None
    tags: dict[str, str] = {}


class Policy(msgspec.Struct, kw_only=True):
    """A resource policy of the account."""

    name: str
    document: str
    modified: int


GROUPS = Table("logs.group", Group, key=("name",))
STREAMS = Table("logs.stream", Stream, key=("group", "name"))
STREAM_NAMES = Table("logs.streamname", StreamName, key=("number",))
METRIC_FILTERS = Table("logs.metricfilter", MetricFilter, key=("group", "name"))
SUBSCRIPTIONS = Table("logs.subscription", SubscriptionFilter, key=("group", "name"))
QUERIES = Table("logs.query", Query, key=("id",))
DEFINITIONS = Table("logs.definition", Definition, key=("id",))
EXPORTS = Table("logs.export", Export, key=("id",))
DELIVERIES = Table("logs.delivery", Delivery, key=("id",))
DESTINATIONS = Table("logs.destination", Destination, key=("name",))
POLICIES = Table("logs.policy", Policy, key=("name",))
