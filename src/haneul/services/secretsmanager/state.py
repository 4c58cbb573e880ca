"""Rows of Secrets Manager: secrets, and their versions with sealed values."""

from __future__ import annotations

import msgspec

from haneul.state.table import Table

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"


class Rules(msgspec.Struct, kw_only=True):
    """When a secret rotates."""

    days: int | None = None
    duration: str | None = None
    expression: str | None = None


class Replica(msgspec.Struct, kw_only=True):
    """A copy in another region."""

    region: str
    key: str | None = None
    status: str = "InSync"
    message: str | None = None


class Secret(msgspec.Struct, kw_only=True):
    """A secret. `stages`: label -> version id."""

    name: str
    suffix: str
    created: float
    changed: float
    description: str | None = None
    key: str | None = None
    kind: str | None = None
    tags: list[tuple[str, str]] = []
    stages: dict[str, str] = {}
    accessed: float | None = None
    deleted: float | None = None
    purge: float | None = None
    policy: str | None = None
    rotates: bool | None = None
    function: str | None = None
    rules: Rules | None = None
    rotated: float | None = None
    next_rotation: float | None = None
    rotation: str | None = None
    """The version that a rotation under way brings."""
    retry_at: float | None = None
    replicas: list[Replica] = []
    primary: str | None = None
    """The primary's region, on a replica."""


class Version(msgspec.Struct, kw_only=True):
    """A value. `sealed` is under the data key `wrapped` (AES-GCM), which KMS opens; both are empty while the version
    waits for its value. `text` tells SecretString from SecretBinary."""

    secret: str
    id: str
    created: float
    sealed: bytes = b""
    wrapped: bytes = b""
    text: bool = True
    accessed: float | None = None
    key: str | None = None


SECRETS = Table("secretsmanager.secret", Secret, key=("name",))
VERSIONS = Table("secretsmanager.version", Version, key=("secret", "id"))
