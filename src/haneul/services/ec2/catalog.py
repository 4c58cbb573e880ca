"""All kinds of resources, for what goes by an id alone: tags, ARNs, flow logs."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from haneul.services.ec2.account import state as account
from haneul.services.ec2.fleets import state as fleets
from haneul.services.ec2.hosts import state as hosts
from haneul.services.ec2.instances import image_state as image_tasks
from haneul.services.ec2.instances import state as instances
from haneul.services.ec2.kinds import Kind
from haneul.services.ec2.reservations import state as reservations
from haneul.services.ec2.transit import state as transit
from haneul.services.ec2.volumes import state as volumes
from haneul.services.ec2.vpc import state as vpc

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FAMILIES = (vpc, instances, image_tasks, volumes, fleets, reservations, hosts, account, transit)


@cache
def kinds() -> tuple[Kind[Any], ...]:
    """Every kind that the families declare, in the order of their types."""
    found = [value for module in _FAMILIES for value in vars(module).values() if isinstance(value, Kind)]
    return tuple(sorted(set(found), key=lambda kind: (kind.type, kind.prefix)))


@cache
def by_prefix() -> dict[str, Kind[Any]]:
    return {kind.prefix: kind for kind in kinds() if kind.prefix}


@cache
def by_type() -> dict[str, Kind[Any]]:
    return {kind.type: kind for kind in kinds()}


def kind_of(identifier: str) -> Kind[Any] | None:
    """The kind whose id this is, by what stands before its last hyphen ("eipalloc-0a…", "vpc-cidr-assoc-0a…"), or
    before a UUID ("fleet-1234abcd-…"), or a UUID alone."""
    found = by_prefix().get(identifier.rpartition("-")[0])
    if found is None and _UUID.fullmatch(identifier[-36:]):
        prefix = identifier[:-36].rstrip("-")
        return by_prefix().get(prefix) if prefix else by_type()["reserved-instances"]
    return found


def plausible(identifier: str) -> bool:
    """Whether it ends as ids do: in 8 or 17 hexadecimal digits, or in a UUID."""
    return bool(
        _UUID.fullmatch(identifier[-36:]) or re.fullmatch(r"[0-9a-f]{8}|[0-9a-f]{17}", identifier.rpartition("-")[2])
    )
