"""Storage Lens as it is kept: dashboards' configurations, and groups of objects by a filter."""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.service import Scope
from haneul.state.table import Table


class Lens(msgspec.Struct, kw_only=True):
    """`configuration` is AWS's structure, as it was given."""

    id: str
    configuration: dict[str, Any]
    tags: dict[str, str] = {}


class Group(msgspec.Struct, kw_only=True):
    name: str
    filter: dict[str, Any]
    tags: dict[str, str] = {}


LENSES = Table("s3control.storage_lens", Lens, key=("id",))
GROUPS = Table("s3control.storage_lens_group", Group, key=("name",))


def lens_arn(scope: Scope, identity: str) -> str:
    return f"arn:aws:s3:{scope.region}:{scope.account}:storage-lens/{identity}"


def group_arn(scope: Scope, name: str) -> str:
    return f"arn:aws:s3:{scope.region}:{scope.account}:storage-lens-group/{name}"
