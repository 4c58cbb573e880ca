"""DynamoDB's rows: tables with their indexes, streams, backups, exports and imports."""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.state.table import Table


class Throughput(msgspec.Struct):
    """Provisioned capacity, and when it last went up and down."""

    read: int = 0
    write: int = 0
    increased: float | None = None
    decreased: float | None = None
    decreases: int = 0


class Index(msgspec.Struct):
    """A secondary index. `number` is its place below the table's data; `cursor` is where its back-fill has come to."""

    name: str
    number: int
    local: bool
    hashes: tuple[str, ...]
    ranges: tuple[str, ...]
    projection: str
    attributes: tuple[str, ...] | None = None
    status: str = "ACTIVE"
    backfilling: bool = False
    cursor: bytes | None = None
    throughput: Throughput = msgspec.field(default_factory=Throughput)
    on_demand: dict[str, int] | None = None
    warm: dict[str, int] | None = None
    insights: str | None = None
    count: int = 0
    size: int = 0


class TableRow(msgspec.Struct):
    """A table. `data` (16 hex digits) names where its items lie; settings that nothing here acts on are in `extra`."""

    name: str
    id: str
    data: str
    created: float
    hash: str
    range: str | None
    attributes: dict[str, str]
    indexes: list[Index]
    billing: str
    throughput: Throughput
    status: str = "ACTIVE"
    billed_since: float | None = None
    next_index: int = 1
    stream: str | None = None
    """The view type while a stream is enabled; `stream_label` is the newest stream's, enabled or not."""
    stream_label: str | None = None
    ttl: str | None = None
    ttl_status: str = "DISABLED"
    ttl_cursor: bytes | None = None
    """Where noting the expiry of items older than the setting has come to; None when that is done."""
    protected: bool = False
    table_class: str | None = None
    class_changed: float | None = None
    sse: dict[str, Any] | None = None
    pitr_since: float | None = None
    recovery_days: int = 35
    policy: str | None = None
    policy_revision: str | None = None
    tags: dict[str, str] = {}
    on_demand: dict[str, int] | None = None
    warm: dict[str, int] | None = None
    insights: str | None = None
    insights_changed: float | None = None
    replicas: dict[str, dict[str, Any]] | None = None
    """Region -> settings of the replica there, the own region included; None for a table in one region."""
    replication: str | None = None
    restore: dict[str, Any] | None = None
    building: dict[str, Any] | None = None
    """What a restore, import or replica is still filled from; None when the table is complete."""
    removing: list[str] = []
    """Regions whose replica is going away."""
    count: int = 0
    size: int = 0
    dirty: bool = False
    """`count` and `size` are behind: the process that kept the difference may have been killed."""


class StreamRow(msgspec.Struct):
    """A stream of a table, enabled or disabled; its records are gone 24 hours after they were written."""

    table: str
    label: str
    data: str
    view: str
    keys: list[dict[str, str]]
    created: float
    shard: str
    first: int
    disabled: float | None = None
    last: int | None = None


class BackupRow(msgspec.Struct):
    """A backup: a copy of a table's items below `data`, and of its row."""

    arn: str
    name: str
    table: TableRow
    table_arn: str
    kind: str
    status: str
    created: float
    data: str
    expires: float | None = None
    size: int = 0
    count: int = 0


class Transfer(msgspec.Struct):
    """An export or an import: what was asked, and how far it is."""

    arn: str
    table_arn: str
    kind: str
    status: str
    request: dict[str, Any]
    started: float
    ended: float | None = None
    table_id: str | None = None
    code: str | None = None
    message: str | None = None
    manifest: str | None = None
    items: int = 0
    imported: int = 0
    failed: int = 0
    size: int = 0
    log_group: str | None = None


class TokenRow(msgspec.Struct):
    """A ClientRequestToken that was used: of which operation, and a digest of its request."""

    operation: str
    token: str
    digest: bytes
    expires: float
    answer: bytes | None = None


class GlobalRow(msgspec.Struct):
    """A global table of version 2017.11.29: its regions, by name."""

    name: str
    created: float
    regions: list[str]


TABLES = Table("dynamodb.table", TableRow, key=("name",))
STREAMS = Table("dynamodb.stream", StreamRow, key=("table", "label"))
BACKUPS = Table("dynamodb.backup", BackupRow, key=("arn",))
TRANSFERS = Table("dynamodb.transfer", Transfer, key=("arn",))
TOKENS = Table("dynamodb.token", TokenRow, key=("operation", "token"))
GLOBALS = Table("dynamodb.global", GlobalRow, key=("name",))
