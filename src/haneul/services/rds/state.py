"""The rows: what RDS knows. Members that only come back as they went in are kept in `shape`, by AWS's names."""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.state.table import Table


class Instance(msgspec.Struct, kw_only=True):
    """A DB instance. `status` says what the next step has to do, `work` holds what it needs for that.

    server: the engine's name for the server that answers. standby: the Multi-AZ one that follows it.
    password: only until the server has it. settings: the parameters that the server runs with.
    port: where the endpoint listens; 0 before it does. source: what a read replica follows.
    """

    id: str
    resource_id: str
    engine: str
    version: str
    status: str
    created: float
    server: str
    klass: str
    master: str
    group: str
    option_group: str = ""
    cluster: str = ""
    password: str = ""
    port: int = 0
    wanted_port: int = 0
    standby: str = ""
    source: str = ""
    shape: dict[str, Any] = {}
    pending: dict[str, Any] = {}
    work: dict[str, Any] = {}
    settings: dict[str, str] = {}
    group_changed: bool = False
    tags: dict[str, str] = {}
    secret: dict[str, Any] = {}
    backed_up: float = 0.0
    latest_backup: str = ""
    roles: list[dict[str, str]] = []
    metered: float = 0.0
    """Up to when its hours are counted."""


class Cluster(msgspec.Struct, kw_only=True):
    """A DB cluster. members: instance ids, the writer first. volume: the server that holds the data while there is no
    instance, and the newest copy of it otherwise."""

    id: str
    resource_id: str
    engine: str
    version: str
    status: str
    created: float
    volume: str
    master: str
    group: str
    members: list[str] = []
    password: str = ""
    port: int = 0
    reader_port: int = 0
    wanted_port: int = 0
    shape: dict[str, Any] = {}
    pending: dict[str, Any] = {}
    work: dict[str, Any] = {}
    tags: dict[str, str] = {}
    secret: dict[str, Any] = {}
    backed_up: float = 0.0
    latest_backup: str = ""
    servers: int = 0
    roles: list[dict[str, str]] = []
    global_id: str = ""


class Snapshot(msgspec.Struct, kw_only=True):
    """A snapshot of an instance or a cluster: the engine's backup, and the shape of what it was taken of."""

    id: str
    source: str
    resource_id: str
    kind: str
    status: str
    created: float
    backup: str
    engine: str
    version: str
    shape: dict[str, Any] = {}
    work: dict[str, Any] = {}
    tags: dict[str, str] = {}
    shared: list[str] = []
    size: int = 0


class ParameterGroup(msgspec.Struct, kw_only=True):
    """Settings by name: [value, "immediate" or "pending-reboot"]."""

    name: str
    family: str
    description: str
    values: dict[str, tuple[str, str]] = {}
    tags: dict[str, str] = {}


class SubnetGroup(msgspec.Struct, kw_only=True):
    name: str
    description: str
    vpc: str
    subnets: list[tuple[str, str]]
    tags: dict[str, str] = {}


class OptionGroup(msgspec.Struct, kw_only=True):
    name: str
    engine: str
    major: str
    description: str
    options: list[dict[str, Any]] = []
    tags: dict[str, str] = {}


class Happening(msgspec.Struct, kw_only=True):
    """An event as DescribeEvents tells it; kept for 14 days."""

    at: int
    number: str
    source_type: str
    source: str
    arn: str
    message: str
    categories: list[str]
    event: str


class Subscription(msgspec.Struct, kw_only=True):
    name: str
    topic: str
    created: float
    source_type: str = ""
    sources: list[str] = []
    categories: list[str] = []
    enabled: bool = True
    tags: dict[str, str] = {}


class AutomatedBackup(msgspec.Struct, kw_only=True):
    """Backups and archived log of an instance or cluster that make any second of the last days restorable.

    base: (taken at, the engine's backup) of every base backup, oldest first.
    """

    resource_id: str
    source: str
    status: str
    created: float
    server: str
    engine: str
    version: str
    base: list[tuple[float, str]] = []
    until: float = 0.0
    shape: dict[str, Any] = {}
    deleted: float = 0.0
    ident: str = ""


class Endpoint(msgspec.Struct, kw_only=True):
    """A custom endpoint of a cluster."""

    id: str
    cluster: str
    kind: str
    resource_id: str
    created: float
    static: list[str] = []
    excluded: list[str] = []
    port: int = 0
    tags: dict[str, str] = {}


class GlobalCluster(msgspec.Struct, kw_only=True):
    id: str
    resource_id: str
    engine: str
    version: str
    created: float
    members: list[tuple[str, str]] = []
    """ARN of a cluster and its role, "writer" or "reader"."""
    shape: dict[str, Any] = {}
    tags: dict[str, str] = {}


class BlueGreen(msgspec.Struct, kw_only=True):
    """A blue/green deployment: ARNs as they are shown, and the identifiers of both instances."""

    id: str
    name: str
    source: str
    target: str
    blue: str
    green: str
    status: str
    created: float
    until: float = 0.0
    details: str = ""
    tags: dict[str, str] = {}


class Proxy(msgspec.Struct, kw_only=True):
    """A DB proxy; `place` picks its loopback address, `target` is (type, identifier)."""

    name: str
    resource_id: str
    family: str
    status: str
    created: float
    updated: float
    role: str
    auth: list[dict[str, Any]]
    subnets: list[str]
    groups: list[str]
    place: int = 0
    port: int = 0
    target: tuple[str, str] | None = None
    shape: dict[str, Any] = {}
    pool: dict[str, Any] = {}
    tags: dict[str, str] = {}


INSTANCES = Table("rds.instance", Instance, key=("id",))
CLUSTERS = Table("rds.cluster", Cluster, key=("id",))
SNAPSHOTS = Table("rds.snapshot", Snapshot, key=("id",))
CLUSTER_SNAPSHOTS = Table("rds.cluster-snapshot", Snapshot, key=("id",))
DISCARDED = Table("rds.discarded", Snapshot, key=("id",))
"""Snapshots that were deleted and whose bytes are yet to go."""
PARAMETER_GROUPS = Table("rds.parameter-group", ParameterGroup, key=("name",))
CLUSTER_PARAMETER_GROUPS = Table("rds.cluster-parameter-group", ParameterGroup, key=("name",))
SUBNET_GROUPS = Table("rds.subnet-group", SubnetGroup, key=("name",))
OPTION_GROUPS = Table("rds.option-group", OptionGroup, key=("name",))
HAPPENINGS = Table("rds.event", Happening, key=("at", "number"))
SUBSCRIPTIONS = Table("rds.subscription", Subscription, key=("name",))
BACKUPS = Table("rds.automated-backup", AutomatedBackup, key=("resource_id",))
ENDPOINTS = Table("rds.endpoint", Endpoint, key=("id",))
GLOBAL_CLUSTERS = Table("rds.global-cluster", GlobalCluster, key=("id",))
PROXIES = Table("rds.proxy", Proxy, key=("name",))
BLUE_GREENS = Table("rds.blue-green", BlueGreen, key=("id",))
