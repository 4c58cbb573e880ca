"""AWS's own managed policies by name, from `catalog/managed.json`; read when the first of them is asked for.

The documents are ours: lists of the actions that AWS documents for each policy.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import orjson

PREFIX = "arn:aws:iam::aws:policy/"


class ManagedPolicy(NamedTuple):
    arn: str
    name: str
    path: str
    id: str
    version: str
    created: float
    updated: float
    description: str
    document: str


def find(arn: str) -> ManagedPolicy | None:
    """The policy with this ARN; None for customers' policies and names that aren't in the catalog."""
    return catalog().get(arn) if arn.startswith(PREFIX) else None


@cache
def catalog() -> dict[str, ManagedPolicy]:
    """ARN -> policy, sorted by name."""
    packed: list[dict[str, Any]] = orjson.loads(
        resources.files("haneul.auth").joinpath("catalog/managed.json").read_bytes()
    )
    found = [_policy(entry) for entry in packed]
    return {policy.arn: policy for policy in sorted(found, key=lambda policy: policy.name)}


def _policy(entry: dict[str, Any]) -> ManagedPolicy:
    path = entry.get("path", "/")
    document = orjson.dumps({"Version": "2012-10-17", "Statement": entry["statement"]}, option=orjson.OPT_INDENT_2)
    created = float(entry.get("created", 1423180000))
    return ManagedPolicy(
        arn=f"{PREFIX}{path[1:]}{entry['name']}",
        name=entry["name"],
        path=path,
        id=entry["id"],
        version=f"v{entry.get('version', 1)}",
        created=created,
        updated=float(entry.get("updated", created)),
        description=entry.get("description", ""),
        document=document.decode(),
    )
