"""Rows of the Parameter Store: parameters, and their versions."""

from __future__ import annotations

import msgspec

from haneul.state.table import Table


class Parameter(msgspec.Struct, kw_only=True):
    """A parameter: what isn't a version's own. `labels`: label -> version."""

    name: str
    version: int = 0
    tags: dict[str, str] = {}
    labels: dict[str, int] = {}
    expires: float | None = None


class Version(msgspec.Struct, kw_only=True):
    """One version. A SecureString's `value` is its ciphertext, base64 as AWS shows it."""

    name: str
    number: int
    kind: str
    value: str
    modified: float
    user: str
    description: str | None = None
    pattern: str | None = None
    key: str | None = None
    tier: str = "Standard"
    data_type: str = "text"
    policies: list[dict[str, str]] = []


PARAMETERS = Table("ssm.parameter", Parameter, key=("name",))
VERSIONS = Table("ssm.version", Version, key=("name", "number"))
