"""Rows of KMS: keys with their material (sealed), aliases, grants."""

from __future__ import annotations

import msgspec

from haneul.state.table import Table

ENABLED, DISABLED, PENDING_DELETION = "Enabled", "Disabled", "PendingDeletion"
PENDING_IMPORT, PENDING_REPLICA_DELETION = "PendingImport", "PendingReplicaDeletion"


class Material(msgspec.Struct, kw_only=True):
    """One generation of a key's material. `number` is what ciphertexts name; `sealed` is empty when it was deleted."""

    number: int
    id: str
    sealed: bytes
    created: float
    kind: str = ""
    """How it became current: "" for the first, AUTOMATIC or ON_DEMAND."""
    expires: float | None = None
    description: str | None = None
    pending: bool = False
    """Imported, but not rotated in yet."""


class Key(msgspec.Struct, kw_only=True):
    """A KMS key. The last material that isn't pending is the current one."""

    id: str
    account: str
    region: str
    spec: str
    usage: str
    created: float
    state: str = ENABLED
    origin: str = "AWS_KMS"
    manager: str = "CUSTOMER"
    description: str = ""
    policy: str = ""
    tags: dict[str, str] = {}
    materials: list[Material] = []
    deletion: float | None = None
    window: int | None = None
    before_deletion: str = ENABLED
    multi_region: bool = False
    primary: str = ""
    """The region of the primary key of a multi-region family, and all its regions."""
    family: list[str] = []
    rotates: bool = False
    rotation_days: int = 365
    next_rotation: float | None = None
    demand_started: float | None = None
    next_number: int = 1
    used: float | None = None
    used_by: str = ""

    @property
    def arn(self) -> str:
        return f"arn:aws:kms:{self.region}:{self.account}:key/{self.id}"

    @property
    def current(self) -> Material | None:
        for material in reversed(self.materials):
            if not material.pending:
                return material if material.sealed else None
        return None


class Alias(msgspec.Struct, kw_only=True):
    """`name` with its "alias/" in front; `key` is the key's id."""

    name: str
    key: str
    created: float
    updated: float


class Grant(msgspec.Struct, kw_only=True):
    """Leave to use a key."""

    key: str
    id: str
    token: str
    created: float
    grantee: str
    operations: list[str]
    retiring: str | None = None
    name: str | None = None
    issuer: str = ""
    subset: dict[str, str] | None = None
    equals: dict[str, str] | None = None
    source_arn: str | None = None
    services: tuple[bool, bool] = (False, False)
    """Whether grantee and retiring principal are AWS services."""


KEYS = Table("kms.key", Key, key=("id",))
ALIASES = Table("kms.alias", Alias, key=("name",))
GRANTS = Table("kms.grant", Grant, key=("key", "id"))
