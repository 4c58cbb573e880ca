"""The rows of EBS."""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.services.ec2.kinds import Kind
from haneul.state.table import Table


class Volume(msgspec.Struct, kw_only=True):
    """size in GiB. state: creating, available, in-use, deleting, error. attachments: instance id -> device, state
    (attaching, attached, detaching, busy), time, delete (on termination)."""

    id: str
    zone: str
    size: int
    type: str
    state: str
    created: float
    snapshot: str = ""
    iops: int = 0
    throughput: int = 0
    encrypted: bool = False
    key: str = ""
    data_key: str = ""
    """What its blocks are sealed with, under `key`; in base64."""
    multi_attach: bool = False
    attachments: dict[str, dict[str, Any]] = {}
    modification: dict[str, Any] = {}
    work: dict[str, Any] = {}
    metered: float = 0.0
    tags: dict[str, str] = {}


class Snapshot(msgspec.Struct, kw_only=True):
    """state: pending, completed, error. shared: account ids, and "all" for everybody. changed: bytes that
    it alone holds."""

    id: str
    volume: str
    size: int
    state: str
    created: float
    description: str = ""
    progress: str = ""
    encrypted: bool = False
    key: str = ""
    data_key: str = ""
    completed: float = 0.0
    shared: list[str] = []
    changed: int = 0
    tier: dict[str, Any] = {}
    """Of one that was archived: tier, status, started, completed, and until when it is restored."""
    lock: dict[str, Any] = {}
    """mode, created, start, expires, and of compliance cooloff: until when it may still be lifted."""
    work: dict[str, Any] = {}
    metered: float = 0.0
    tags: dict[str, str] = {}


class FastRestore(msgspec.Struct, kw_only=True):
    """A snapshot whose volumes are whole from their first block on, in a zone."""

    snapshot: str
    zone: str
    owner: str
    enabled: float


VOLUME = Kind(
    "volume",
    "vol",
    Table("ec2.volume", Volume, key=("id",)),
    "InvalidVolume.NotFound",
    "volume",
    "InvalidParameterValue",
)
SNAPSHOT = Kind(
    "snapshot",
    "snap",
    Table("ec2.snapshot", Snapshot, key=("id",)),
    "InvalidSnapshot.NotFound",
    "snapshot",
    "InvalidParameterValue",
)
FAST_RESTORES = Table("ec2.fast-snapshot-restore", FastRestore, key=("snapshot", "zone"))
VOLUMES = VOLUME.table
SNAPSHOTS = SNAPSHOT.table
