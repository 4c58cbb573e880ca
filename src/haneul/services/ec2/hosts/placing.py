"""Which host an instance stands on: a named one, or any with room that places by itself.

A host has as many vCPUs as its family's largest size. All hosts are this machine; what they hold is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from haneul.service import Scope
from haneul.services.ec2.errors import errors, mixed
from haneul.services.ec2.hosts.state import HOST, Host
from haneul.services.ec2.instances import types
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.instances.types import InstanceType
from haneul.state.store import Reader
from haneul.wire.errors import AwsError


def wanted(placement: Mapping[str, Any]) -> bool:
    """Whether a Placement asks for a host. Raises InvalidParameterCombination."""
    tenancy = placement.get("Tenancy")
    if placement.get("HostId") and tenancy not in (None, "", "host"):
        raise mixed(f"The parameter hostId cannot be used with the tenancy '{tenancy}'.")
    if placement.get("Affinity") == "host" and tenancy not in (None, "", "host"):
        raise mixed(f"The affinity 'host' cannot be used with the tenancy '{tenancy}'.")
    return bool(placement.get("HostId")) or tenancy == "host"


def places(
    tx: Reader, scope: Scope, placement: Mapping[str, Any], spec: InstanceType, zone: str, count: int
) -> list[dict[str, Any]]:
    """What Placement says of each of `count` new instances, fewer when there is no room for more: nothing unless hosts
    are asked for. Raises InvalidHostID.NotFound, InvalidHostConfiguration, InsufficientHostCapacity."""
    if not wanted(placement):
        return [{} for _ in range(count)]
    found: list[dict[str, Any]] = []
    for host in _candidates(tx, scope, placement, spec, zone):
        room = min(count - len(found), left(tx, scope, host, spec))
        found += [{"Tenancy": "host", "HostId": host.id} for _ in range(room)]
    if not found:
        raise _full(placement.get("HostId") or "")
    return found


def again(tx: Reader, scope: Scope, row: Instance) -> dict[str, Any]:
    """Placement of an instance that starts: on its own host, or without affinity on any that places by itself.
    Raises InsufficientHostCapacity."""
    placement = dict(row.options.get("Placement") or {})
    if placement.get("Tenancy") != "host":
        return placement
    spec = types.spec(row.type)
    own = HOST.find(tx, scope, placement.get("HostId") or "")
    if own is not None and own.state == "available" and left(tx, scope, own, spec):
        return placement
    if placement.get("Affinity") == "host":
        raise _full(placement.get("HostId") or "")
    (chosen, *_) = places(tx, scope, {"Tenancy": "host"}, spec, row.zone, 1)
    return {**placement, **chosen}


def _candidates(
    tx: Reader, scope: Scope, placement: Mapping[str, Any], spec: InstanceType, zone: str
) -> Iterator[Host]:
    if placement.get("HostId"):
        host = HOST.get(tx, scope, placement["HostId"])
        if host.state != "available":
            raise HOST.missing([host.id])
        if not takes(host, spec) or host.zone != zone:
            raise errors.InvalidHostConfiguration(
                f"The host '{host.id}' takes {host.type or host.family} in {host.zone}: it does not match an instance "
                f"of type {spec.name} in {zone}."
            )
        yield host
        return
    for host in HOST.table.scan(tx, scope):
        if host.state == "available" and host.auto_placement == "on" and host.zone == zone and takes(host, spec):
            yield host


def takes(host: Host, spec: InstanceType) -> bool:
    return host.type == spec.name if host.type else host.family == spec.family


def standing(tx: Reader, scope: Scope, host: str) -> list[Instance]:
    """The instances that hold room on a host: those that run, and stopped ones with affinity to it."""
    return [
        row
        for row in INSTANCE.table.scan(tx, scope)
        if (placement := row.options.get("Placement") or {}).get("HostId") == host
        and (row.lives or (row.state == "stopped" and placement.get("Affinity") == "host"))
    ]


def left(tx: Reader, scope: Scope, host: Host, spec: InstanceType) -> int:
    """How many more instances of a type there is room for."""
    used = sum(types.spec(row.type).vcpus for row in standing(tx, scope, host.id))
    return max(0, vcpus(host.family) - used) // spec.vcpus


@cache
def vcpus(family: str) -> int:
    """Of a host of this family."""
    return max(one.vcpus for one in types.all_types() if one.family == family)


def _full(host: str) -> AwsError:
    which = f"on the host {host}" if host else "on hosts with auto-placement"
    return errors.InsufficientHostCapacity(f"Insufficient capacity {which} for this instance.")
