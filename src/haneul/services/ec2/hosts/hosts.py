"""Dedicated Hosts in the order of their life: allocate, describe, modify, release."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2.account import hours
from haneul.services.ec2.errors import coded, errors, invalid, missing, mixed
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.hosts import placing
from haneul.services.ec2.hosts.state import HOST, Host
from haneul.services.ec2.instances import types
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc.places import zone_id, zone_named, zones_of
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

LIMIT = 20
"""Hosts of an account in a region."""
KEPT = 3600.0
"""Seconds for which a released host is still told."""
_FILTERS: Filters = {
    "auto-placement": "AutoPlacement",
    "availability-zone": "AvailabilityZone",
    "client-token": "ClientToken",
    "host-reservation-id": "HostReservationId",
    "instance-type": "HostProperties.InstanceType",
    "state": "State",
}

Request = Mapping[str, Any]


def _arns(call: Call, request: Request) -> list[str]:
    return [HOST.arn(call.scope, one) for one in request.get("HostIds") or ("*",)]


@operation("arn:aws:ec2:{region}:{account}:dedicated-host/*")
def allocate_hosts(call: Call, request: Request) -> dict[str, Any]:
    """AllocateHosts: for one type, or for all of a family. Raises InvalidHostConfiguration, HostLimitExceeded."""
    if request.get("OutpostArn") or request.get("AssetIds"):
        raise errors.UnsupportedOperation("There are no Outposts here.")
    zone = _zone(call, request)
    family, type = _kind(request)
    quantity = request.get("Quantity") if request.get("Quantity") is not None else 1
    if not 1 <= int(quantity or 0) <= LIMIT:
        raise invalid(f"Value ({quantity}) for parameter quantity is invalid. Expecting a value of 1 to {LIMIT}.")
    tags = tagging.of_new(request, "dedicated-host")
    with call.write() as tx:
        made = idempotency.made_before(tx, call, request)
        if made is not None:
            return {"HostIds": made}
        there = sum(1 for one in HOST.table.scan(tx, call.scope) if one.state == "available")
        if there + int(quantity or 1) > LIMIT:
            raise errors.HostLimitExceeded(f"You have reached the limit of {LIMIT} Dedicated Hosts.")
        rows = [
            Host(
                id=HOST.new_id(),
                family=family,
                type=type,
                zone=zone,
                allocated=call.now(),
                auto_placement=request.get("AutoPlacement") or "off",
                recovery=request.get("HostRecovery") or "off",
                maintenance=request.get("HostMaintenance") or "off",
                client_token=request.get("ClientToken") or "",
                tags=dict(tags),
            )
            for _ in range(int(quantity or 1))
        ]
        for row in rows:
            HOST.table.put(tx, call.scope, row)
        hours.begin(tx, call.scope, call.now())
        idempotency.remember(tx, call, request, [row.id for row in rows])
    return {"HostIds": [row.id for row in rows]}


@operation()
def describe_hosts(call: Call, request: Request) -> dict[str, Any]:
    """DescribeHosts: released ones for an hour."""
    return listing.describe(
        call,
        {**request, "Filters": request.get("Filter")},
        HOST,
        member="Hosts",
        ids="HostIds",
        filters=_FILTERS,
        render=lambda tx, row: describe(tx, call.scope, row),
        limits=(5, 500),
        wanted=lambda row: row.state == "available" or row.released > call.now() - KEPT,
    )


@operation(_arns)
def modify_hosts(call: Call, request: Request) -> dict[str, Any]:
    """ModifyHosts: each by itself is changed or refused. An occupied one keeps its type."""
    if request.get("InstanceType") and request.get("InstanceFamily"):
        raise mixed("You cannot specify both InstanceType and InstanceFamily.")

    def change(tx: Writer, row: Host) -> None:
        if request.get("InstanceType") or request.get("InstanceFamily"):
            family, type = _kind(request)
            if family != row.family:
                raise errors.InvalidHostConfiguration(f"The host '{row.id}' is of the family {row.family}.")
            if type and any(one.type != type for one in placing.standing(tx, call.scope, row.id)):
                raise coded("InvalidHost.Occupied", f"The host '{row.id}' is occupied by instances of other types.")
            row.type = type
        row.auto_placement = request.get("AutoPlacement") or row.auto_placement
        row.recovery = request.get("HostRecovery") or row.recovery
        row.maintenance = request.get("HostMaintenance") or row.maintenance

    return _each(call, request, change)


@operation(_arns)
def release_hosts(call: Call, request: Request) -> dict[str, Any]:
    """ReleaseHosts: each by itself; one on which instances stand is refused."""

    def release(tx: Writer, row: Host) -> None:
        if placing.standing(tx, call.scope, row.id):
            raise coded(
                "InvalidHost.Occupied",
                f"Dedicated host {row.id} cannot be released as it is occupied by instances",
            )
        row.state, row.released = "released", call.now()

    return _each(call, request, release)


def describe(tx: Reader, scope: Scope, row: Host) -> dict[str, Any]:
    """A Host."""
    there = placing.standing(tx, scope, row.id)
    total = placing.vcpus(row.family)
    used = sum(types.spec(one.type).vcpus for one in there)
    sizes = [row.type] if row.type else [one.name for one in types.all_types() if one.family == row.family]
    threads = types.spec(sizes[0]).threads
    return {
        "HostId": row.id,
        "State": row.state,
        "AutoPlacement": row.auto_placement,
        "HostRecovery": row.recovery,
        "HostMaintenance": row.maintenance,
        "AllowsMultipleInstanceTypes": "off" if row.type else "on",
        "AvailabilityZone": row.zone,
        "AvailabilityZoneId": zone_id(row.zone),
        "OwnerId": scope.account,
        "ClientToken": row.client_token or None,
        "AllocationTime": row.allocated,
        "ReleaseTime": row.released or None,
        "MemberOfServiceLinkedResourceGroup": False,
        "HostProperties": {
            "Cores": total // threads,
            "Sockets": 2 if total >= 72 else 1,
            "TotalVCpus": total,
            "InstanceFamily": None if row.type else row.family,
            "InstanceType": row.type or None,
        },
        "AvailableCapacity": {
            "AvailableVCpus": max(0, total - used),
            "AvailableInstanceCapacity": [_capacity(name, total, used) for name in sizes],
        },
        "Instances": [{"InstanceId": one.id, "InstanceType": one.type, "OwnerId": scope.account} for one in there],
        "Tags": tagging.render(row.tags),
    }


def _capacity(name: str, total: int, used: int) -> dict[str, Any]:
    each = types.spec(name).vcpus
    return {
        "InstanceType": name,
        "AvailableCapacity": max(0, total - used) // each,
        "TotalCapacity": total // each,
    }


def _each(call: Call, request: Request, change: Callable[[Writer, Host], None]) -> dict[str, Any]:
    """Successful and Unsuccessful, by host."""
    done: list[str] = []
    refused: list[dict[str, Any]] = []
    with call.write() as tx:
        for identifier in dict.fromkeys(request["HostIds"]):
            try:
                row: Host = HOST.get(tx, call.scope, identifier)
                if row.state != "available":
                    raise HOST.missing([identifier])
                change(tx, row)
            except AwsError as error:
                told = {"Code": f"Client.{error.code}", "Message": error.message}
                refused.append({"ResourceId": identifier, "Error": told})
                continue
            HOST.table.put(tx, call.scope, row)
            done.append(identifier)
    return {"Successful": done, "Unsuccessful": refused}


def _kind(request: Request) -> tuple[str, str]:
    """(family, type or ""). Raises MissingParameter, InvalidParameterCombination, InvalidHostConfiguration."""
    type, family = request.get("InstanceType") or "", request.get("InstanceFamily") or ""
    if type and family:
        raise mixed("You cannot specify both InstanceType and InstanceFamily.")
    if not type and not family:
        raise missing("InstanceType or InstanceFamily")
    if type:
        specs = [types.spec(type)]
    else:
        specs = [one for one in types.all_types() if one.family == family]
        if not specs:
            raise coded("InvalidInstanceFamily", f"The instance family '{family}' is not supported.")
    if not any(one.hosts for one in specs):
        raise errors.InvalidHostConfiguration(f"Dedicated Hosts for {type or family} are not supported.")
    return specs[0].family, type


def _zone(call: Call, request: Request) -> str:
    zone, identifier = request.get("AvailabilityZone"), request.get("AvailabilityZoneId")
    if zone and identifier:
        raise mixed("You cannot specify both AvailabilityZone and AvailabilityZoneId.")
    found = zone_named(call.region, identifier) if identifier else zone
    if not found:
        raise (
            missing("AvailabilityZone") if not identifier else invalid(f"Invalid availability zone-id: [{identifier}]")
        )
    if found not in zones_of(call.region):
        raise invalid(f"Invalid availability zone: [{found}]")
    return str(found)
