"""EC2 Fleets: asked for, told, changed and deleted; `converge` keeps their capacity."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, Scope
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import coded, errors, invalid, mixed
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.fleets import converge, filling, history, pools, rights, wishes
from haneul.services.ec2.fleets.filling import Filled
from haneul.services.ec2.fleets.state import FLEET, Fleet
from haneul.services.ec2.fleets.wishes import Wish
from haneul.services.ec2.instances.state import INSTANCE
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc.places import zone_id
from haneul.state.store import Reader, Writer

Request = Mapping[str, Any]
KIND = "ec2.fleet"
ARN = "arn:aws:ec2:{region}:{account}:fleet/{FleetId}"
_KEPT = (
    "Context",
    "ExcessCapacityTerminationPolicy",
    "LaunchTemplateConfigs",
    "OnDemandOptions",
    "ReplaceUnhealthyInstances",
    "SpotOptions",
    "TagSpecifications",
    "TargetCapacitySpecification",
    "TerminateInstancesWithExpiration",
    "ValidFrom",
    "ValidUntil",
)
PATIENCE = 60.0
"""Seconds after which the step looks whether an instant fleet was filled."""
_USUAL = "lowestPrice"
"""EC2 tells the strategy that nobody named by its old spelling, whatever its model says; Terraform relies on it."""
_LAUNCHED = ("instance", "volume", "network-interface", "spot-instances-request")
_INSTANT = ("SingleInstanceType", "SingleAvailabilityZone", "MinTargetCapacity")


def _both(member: str) -> Any:
    """States are told with underscores; filters may write hyphens."""
    return lambda item: [item[member], item[member].replace("_", "-")]


_FILTERS: Filters = {
    "activity-status": _both("ActivityStatus"),
    "excess-capacity-termination-policy": lambda item: item["ExcessCapacityTerminationPolicy"] == "termination",
    "fleet-state": _both("FleetState"),
    "replace-unhealthy-instances": "ReplaceUnhealthyInstances",
    "type": "Type",
}


@operation("arn:aws:ec2:{region}:{account}:fleet/*")
async def create_fleet(call: Call, request: Request) -> dict[str, Any]:
    """CreateFleet: an instant one launches before it is answered, and tells what it could and couldn't."""
    with call.read() as tx:
        made = idempotency.made_before(tx, call, request)
        if made:
            return _answer(FLEET.get(tx, call.scope, made[0]))
    row = _new(call, request)
    wish = wishes.of(row)
    check_times(call, wish)
    known = await asyncio.to_thread(pools.read, call, row, wish.unit)
    rights.check_launches(call, known)
    row.profiles = rights.profiles_of(call, known)

    def begin(tx: Writer) -> str:
        """The row first: whatever is launched for it has its fleet. An instant one that a crash cuts short is finished
        by its step."""
        again = idempotency.made_before(tx, call, request)
        if again:
            return again[0]
        FLEET.table.put(tx, call.scope, row)
        history.changed(tx, call, row, row.state)
        idempotency.remember(tx, call, request, [row.id])
        wake(tx, KIND, call.scope, (row.id,), call.now() + (PATIENCE if row.type == "instant" else 0))
        return row.id

    made_now = await call.transact(begin)
    if row.type == "instant" and made_now == row.id:
        await asyncio.to_thread(fill_now, call, row, wish, known)
        await call.transact(lambda tx: FLEET.table.put(tx, call.scope, row))
    with call.read() as tx:
        return _answer(FLEET.get(tx, call.scope, made_now))


@operation()
def describe_fleets(call: Call, request: Request) -> dict[str, Any]:
    """DescribeFleets; instant ones only by their ids."""
    ids = request.get("FleetIds") or ()
    with call.read() as tx:
        have = filling.all_fulfilled(tx, call.scope)
    return listing.describe(
        call,
        request,
        FLEET,
        member="Fleets",
        ids="FleetIds",
        filters=_FILTERS,
        render=lambda _, row: describe(row, have.get(row.id) or {}),
        limits=(1, 1000),
        wanted=lambda row: bool(ids) or row.type != "instant",
    )


@operation(ARN)
def describe_fleet_instances(call: Call, request: Request) -> dict[str, Any]:
    """DescribeFleetInstances: those that run. Not for instant fleets."""
    with call.read() as tx:
        row = FLEET.get(tx, call.scope, request["FleetId"])
        if row.type == "instant":
            raise errors.Unsupported("DescribeFleetInstances is not supported for fleets of type 'instant'.")
        items = instances(tx, call, row.id)
    output = listing.paged(request, "ActiveInstances", items, {"instance-type": "InstanceType"}, (1, 1000))
    return {**output, "FleetId": row.id}


@operation(ARN)
def describe_fleet_history(call: Call, request: Request) -> dict[str, Any]:
    """DescribeFleetHistory: two days of it."""
    with call.read() as tx:
        row = FLEET.get(tx, call.scope, request["FleetId"])
    return {**history.tell(call, row, request, spot_fleet=False), "FleetId": row.id}


@operation(ARN)
async def modify_fleet(call: Call, request: Request) -> dict[str, Any]:
    """ModifyFleet: another target, other templates; only of a fleet that is maintained."""
    with call.read() as tx:
        changed = _modified(FLEET.get(tx, call.scope, request["FleetId"]), request)
    known = await asyncio.to_thread(pools.read, call, changed, wishes.of(changed).unit)
    rights.check_launches(call, known)
    found = rights.profiles_of(call, known)

    def change(tx: Writer) -> None:
        row = _modified(FLEET.get(tx, call.scope, request["FleetId"]), request)
        row.profiles = {**row.profiles, **found}
        row.state, row.activity = "modifying", "pending_fulfillment"
        FLEET.table.put(tx, call.scope, row)
        history.changed(tx, call, row, "modify_in_progress")
        wake(tx, KIND, call.scope, (row.id,), call.now())

    await call.transact(change)
    return {"Return": True}


def _modified(row: Fleet, request: Request) -> Fleet:
    """The row with the configuration that is asked for. Raises UnsupportedOperation, InvalidFleetState."""
    if row.type != "maintain":
        raise errors.UnsupportedOperation(f"A fleet of type '{row.type}' can't be modified.")
    if row.state not in ("submitted", "active", "modifying"):
        raise coded("InvalidFleetState", f"The fleet '{row.id}' is in the state '{row.state}'.")
    names = ("Context", "ExcessCapacityTerminationPolicy", "LaunchTemplateConfigs")
    config = {**row.config, **{name: request[name] for name in names if request.get(name)}}
    target = request.get("TargetCapacitySpecification")
    if target:
        given = {name: value for name, value in target.items() if value is not None}
        config["TargetCapacitySpecification"] = {**config["TargetCapacitySpecification"], **given}
    pools.check(config)
    row.config = config
    return row


def _arns(call: Call, request: Request) -> list[str]:
    return [FLEET.arn(call.scope, one) for one in request.get("FleetIds") or ()]


@operation(_arns)
def delete_fleets(call: Call, request: Request) -> dict[str, Any]:
    """DeleteFleets: with their instances or without; an instant one never without."""
    ends = bool(request["TerminateInstances"])
    done: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    with call.write() as tx:
        for identifier in dict.fromkeys(request["FleetIds"]):
            row = FLEET.find(tx, call.scope, identifier)
            why = _undeletable(row, identifier, ends)
            if row is None or why is not None:
                refused.append({"FleetId": identifier, "Error": why})
                continue
            before = row.state
            row.state = "deleted_terminating" if ends else "deleted_running"
            if ends:
                row.ended = call.now()
                filling.end_all(tx, call, row.id)
            FLEET.table.put(tx, call.scope, row)
            history.changed(tx, call, row, row.state)
            wake(tx, KIND, call.scope, (row.id,), call.now())
            done.append({"FleetId": identifier, "PreviousFleetState": before, "CurrentFleetState": row.state})
    return {"SuccessfulFleetDeletions": done, "UnsuccessfulFleetDeletions": refused}


def instances(tx: Reader, call: Call, fleet: str) -> list[tuple[str, dict[str, Any]]]:
    """ActiveInstances by id."""
    vitals = planes.of(call.cloud).vitals
    found = []
    for one in filling.members(tx, call.scope, fleet):
        vital = vitals.of(one.id)
        told = {
            "InstanceId": one.id,
            "InstanceType": one.type,
            "SpotInstanceRequestId": one.options.get("SpotRequest"),
            "InstanceHealth": "unhealthy" if vital is not None and vital.failing else "healthy",
        }
        found.append((one.id, told))
    return found


def describe(row: Fleet, have: Mapping[str, float]) -> dict[str, Any]:
    """A FleetData. have: its units of capacity by market."""
    config = row.config
    spot = {
        "AllocationStrategy": _USUAL,
        "InstanceInterruptionBehavior": "terminate",
        **(config.get("SpotOptions") or {}),
    }
    if wishes.strategy_of(spot["AllocationStrategy"], wishes.SPOT_STRATEGIES) == "lowest-price":
        spot.setdefault("InstancePoolsToUseCount", 1)
    return {
        "FleetId": row.id,
        "FleetState": row.state,
        "ActivityStatus": row.activity,
        "CreateTime": row.created,
        "Type": row.type,
        "ExcessCapacityTerminationPolicy": config.get("ExcessCapacityTerminationPolicy") or "termination",
        "FulfilledCapacity": float(sum(have.values())),
        "FulfilledOnDemandCapacity": have.get("on-demand", 0.0),
        "LaunchTemplateConfigs": [_told_config(one) for one in config["LaunchTemplateConfigs"]],
        "TargetCapacitySpecification": {
            "OnDemandTargetCapacity": 0,
            "SpotTargetCapacity": 0,
            **config["TargetCapacitySpecification"],
        },
        "TerminateInstancesWithExpiration": bool(config.get("TerminateInstancesWithExpiration")),
        "ReplaceUnhealthyInstances": bool(config.get("ReplaceUnhealthyInstances")),
        "SpotOptions": spot,
        "OnDemandOptions": {"AllocationStrategy": _USUAL, **(config.get("OnDemandOptions") or {})},
        "ValidFrom": config.get("ValidFrom"),
        "ValidUntil": config.get("ValidUntil"),
        "ClientToken": config.get("ClientToken"),
        "Context": config.get("Context"),
        "Tags": tagging.render(row.tags),
        "Errors": row.errors if row.type == "instant" else None,
        "Instances": row.launched if row.type == "instant" else None,
    }


def _told_config(config: Request) -> dict[str, Any]:
    """A configuration as DescribeFleets tells it."""
    told = {"LaunchTemplateSpecification": config["LaunchTemplateSpecification"]}
    if config.get("Overrides"):
        told["Overrides"] = config["Overrides"]
    return told


def _new(call: Call, request: Request) -> Fleet:
    """The row of a new fleet. Raises InvalidParameterValue, InvalidParameterCombination, UnsupportedOperation."""
    type = request.get("Type") or "maintain"
    for name in ("SpotOptions", "OnDemandOptions"):
        given = [one for one in _INSTANT if (request.get(name) or {}).get(one)]
        if given and type != "instant":
            raise mixed(f"{name}.{given[0]} is only supported for fleets of type 'instant'.")
    if request.get("ReservedCapacityOptions"):
        raise errors.UnsupportedOperation("Fleets of reserved capacity are not supported here.")
    if (request.get("SpotOptions") or {}).get("MaintenanceStrategies"):
        raise errors.UnsupportedOperation("Capacity rebalancing is not supported here: no instance is interrupted.")
    if request.get("ExcessCapacityTerminationPolicy") not in (None, "termination", "no-termination"):
        raise invalid(
            f"Invalid value '{request['ExcessCapacityTerminationPolicy']}' for the excess capacity termination policy."
        )
    others = _LAUNCHED if type == "instant" else ()
    config = {name: request[name] for name in _KEPT if request.get(name) is not None}
    pools.check(config)
    if request.get("ClientToken"):
        config["ClientToken"] = request["ClientToken"]
    return Fleet(
        id=FLEET.new_id(),
        state="submitted" if type != "instant" else "active",
        created=call.now(),
        type=type,
        config=config,
        tags=tagging.of_new(request, "fleet", *others),
    )


def check_times(call: Call, wish: Wish) -> None:
    if wish.ends and wish.ends <= call.now():
        raise invalid("The parameter validUntil must be in the future.")
    if wish.ends and wish.starts >= wish.ends:
        raise invalid("The parameter validFrom must be before validUntil.")


def fill_now(call: Call, row: Fleet, wish: Wish, known: list[pools.Pool]) -> None:
    """All that an instant fleet ever launches, into the row; nothing of a market whose least isn't reached."""
    filled = filling.fill(call, row, wish, known)
    with call.write() as tx:
        for market in wish.markets:
            have = filling.fulfilled(tx, call.scope, row.id)[market.name]
            if have < market.least:
                for one in list(filling.members(tx, call.scope, row.id)):
                    if filling.market_of(one) == market.name:
                        filling.end(tx, call, one)
                filled.launched = [one for one in filled.launched if one[1] != market.name]
    with call.read() as tx:
        row.launched = _launched(tx, call.scope, filled)
    row.errors = [converge.refusal(*one) for one in filled.refused]
    row.members = [one for _, _, ids in filled.launched for one in ids]
    row.placed, row.activity = True, "fulfilled"


def _launched(tx: Reader, scope: Scope, filled: Filled) -> list[dict[str, Any]]:
    """CreateFleet's Instances: those of one pool and market together."""
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for pool, market, ids in filled.launched:
        zone = INSTANCE.get(tx, scope, ids[0]).zone
        told = found.setdefault(
            (pool.order, market),
            {
                "LaunchTemplateAndOverrides": pool.told(),
                "Lifecycle": market,
                "InstanceIds": [],
                "InstanceType": pool.type,
                "AvailabilityZone": zone,
                "AvailabilityZoneId": zone_id(zone),
            },
        )
        told["InstanceIds"] += ids
    return list(found.values())


def _answer(row: Fleet) -> dict[str, Any]:
    if row.type != "instant":
        return {"FleetId": row.id}
    return {"FleetId": row.id, "Errors": row.errors, "Instances": row.launched}


def _undeletable(row: Fleet | None, identifier: str, ends: bool) -> dict[str, str] | None:
    if row is None:
        return {"Code": "fleetIdDoesNotExist", "Message": f"The fleet ID '{identifier}' does not exist."}
    if row.state in ("deleted", "deleted_terminating") or (row.state == "deleted_running" and not ends):
        return {"Code": "fleetNotInDeletableState", "Message": f"The fleet is in the state '{row.state}'."}
    if row.type == "instant" and not ends:
        return {"Code": "unexpectedError", "Message": "An instant fleet can't be deleted without its instances."}
    return None
