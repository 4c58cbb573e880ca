"""Spot Fleets: the older API of the same thing. Its states are told as cancelled where EC2 Fleet's are deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from haneul.auth import passing
from haneul.converge import wake
from haneul.service import Call
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.fleets import filling, fleets, history, pools, rights, wishes
from haneul.services.ec2.fleets.state import SPOT_FLEET, Fleet
from haneul.services.ec2.operations import operation
from haneul.state.store import Writer

Request = Mapping[str, Any]
KIND = "ec2.spot-fleet"
_LEFT = "cancelled_running"
_POLICIES = {True: "Default", False: "NoTermination"}
"""As EC2 tells them, whatever its model says; Terraform relies on it."""
ARN = "arn:aws:ec2:{region}:{account}:spot-fleet-request/{SpotFleetRequestId}"


@operation("arn:aws:ec2:{region}:{account}:spot-fleet-request/*")
async def request_spot_fleet(call: Call, request: Request) -> dict[str, Any]:
    """RequestSpotFleet: of type request or maintain (the default)."""
    config = dict(request["SpotFleetRequestConfig"])
    asked = {**config, "DryRun": None}
    with call.read() as tx:
        made = idempotency.made_before(tx, call, asked)
        if made:
            return {"SpotFleetRequestId": made[0]}
    row = _new(call, config)
    wish = wishes.of(row)
    fleets.check_times(call, wish)
    passing.check(call, config["IamFleetRole"], "spotfleet.amazonaws.com")
    known = await asyncio.to_thread(pools.read, call, row, wish.unit)
    row.profiles = rights.profiles_of(call, known)

    def begin(tx: Writer) -> str:
        again = idempotency.made_before(tx, call, asked)
        if again:
            return again[0]
        SPOT_FLEET.table.put(tx, call.scope, row)
        history.changed(tx, call, row, row.state)
        idempotency.remember(tx, call, asked, [row.id])
        wake(tx, KIND, call.scope, (row.id,), call.now())
        return row.id

    return {"SpotFleetRequestId": await call.transact(begin)}


@operation()
def describe_spot_fleet_requests(call: Call, request: Request) -> dict[str, Any]:
    """DescribeSpotFleetRequests, ended ones for two days."""
    with call.read() as tx:
        have = filling.all_fulfilled(tx, call.scope)
    return listing.describe(
        call,
        {**request, "Filters": None},
        SPOT_FLEET,
        member="SpotFleetRequestConfigs",
        ids="SpotFleetRequestIds",
        filters={},
        render=lambda _, row: _describe(row, have.get(row.id) or {}),
        limits=(1, 1000),
    )


@operation(ARN)
def describe_spot_fleet_instances(call: Call, request: Request) -> dict[str, Any]:
    """DescribeSpotFleetInstances: those that run."""
    with call.read() as tx:
        row = SPOT_FLEET.get(tx, call.scope, request["SpotFleetRequestId"])
        items = fleets.instances(tx, call, row.id)
    output = listing.paged({**request, "Filters": None}, "ActiveInstances", items, {}, (1, 1000))
    return {**output, "SpotFleetRequestId": row.id}


@operation(ARN)
def describe_spot_fleet_request_history(call: Call, request: Request) -> dict[str, Any]:
    """DescribeSpotFleetRequestHistory: two days of it."""
    with call.read() as tx:
        row = SPOT_FLEET.get(tx, call.scope, request["SpotFleetRequestId"])
    return {**history.tell(call, row, request, spot_fleet=True), "SpotFleetRequestId": row.id}


@operation(ARN)
async def modify_spot_fleet_request(call: Call, request: Request) -> dict[str, Any]:
    """ModifySpotFleetRequest: another target, other templates; only of a fleet that is maintained."""
    with call.read() as tx:
        changed = _modified(SPOT_FLEET.get(tx, call.scope, request["SpotFleetRequestId"]), request)
    known = await asyncio.to_thread(pools.read, call, changed, wishes.of(changed).unit)
    found = rights.profiles_of(call, known)

    def change(tx: Writer) -> None:
        row = _modified(SPOT_FLEET.get(tx, call.scope, request["SpotFleetRequestId"]), request)
        row.profiles = {**row.profiles, **found}
        row.state, row.activity = "modifying", "pending_fulfillment"
        SPOT_FLEET.table.put(tx, call.scope, row)
        history.changed(tx, call, row, "modify_in_progress")
        wake(tx, KIND, call.scope, (row.id,), call.now())

    await call.transact(change)
    return {"Return": True}


def _arns(call: Call, request: Request) -> list[str]:
    return [SPOT_FLEET.arn(call.scope, one) for one in request.get("SpotFleetRequestIds") or ()]


@operation(_arns)
def cancel_spot_fleet_requests(call: Call, request: Request) -> dict[str, Any]:
    """CancelSpotFleetRequests: with their instances or without."""
    ends = bool(request["TerminateInstances"])
    done: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    with call.write() as tx:
        for identifier in dict.fromkeys(request["SpotFleetRequestIds"]):
            row = SPOT_FLEET.find(tx, call.scope, identifier)
            over = ("cancelled", "cancelled_terminating") if ends else ("cancelled", "cancelled_terminating", _LEFT)
            if row is None or row.state in over:
                refused.append({"SpotFleetRequestId": identifier, "Error": _why(row, identifier)})
                continue
            before = row.state
            row.state = "cancelled_terminating" if ends else _LEFT
            if ends:
                filling.end_all(tx, call, row.id)
            SPOT_FLEET.table.put(tx, call.scope, row)
            history.changed(tx, call, row, "cancelled")
            wake(tx, KIND, call.scope, (row.id,), call.now())
            done.append(
                {
                    "SpotFleetRequestId": identifier,
                    "PreviousSpotFleetRequestState": before,
                    "CurrentSpotFleetRequestState": row.state,
                }
            )
    return {"SuccessfulFleetRequests": done, "UnsuccessfulFleetRequests": refused}


def _why(row: Fleet | None, identifier: str) -> dict[str, str]:
    if row is None:
        message = f"The spot fleet request ID '{identifier}' does not exist."
        return {"Code": "fleetRequestIdDoesNotExist", "Message": message}
    message = f"The spot fleet request is in the state '{row.state}'."
    return {"Code": "fleetRequestNotInCancellableState", "Message": message}


def _new(call: Call, config: dict[str, Any]) -> Fleet:
    type = config.get("Type") or "maintain"
    if type == "instant":
        raise invalid("A Spot Fleet can't be of type 'instant': EC2 Fleets can.")
    if config.get("SpotMaintenanceStrategies"):
        raise errors.UnsupportedOperation("Capacity rebalancing is not supported here: no instance is interrupted.")
    if config.get("LoadBalancersConfig"):
        raise errors.UnsupportedOperation("Spot Fleets with load balancers are not supported here.")
    if config.get("LaunchSpecifications") and config.get("LaunchTemplateConfigs"):
        raise invalid("Launch specifications and launch template configurations can't be specified together.")
    pools.check(config)
    return Fleet(
        id=SPOT_FLEET.new_id(),
        state="submitted",
        created=call.now(),
        type=type,
        config=config,
        tags=tagging.of_new(config, "spot-fleet-request"),
    )


def _modified(row: Fleet, request: Request) -> Fleet:
    """The row with the configuration that is asked for. Raises InvalidSpotFleetRequestConfig, InvalidState."""
    if row.type != "maintain":
        raise coded("InvalidSpotFleetRequestConfig", f"A Spot Fleet of type '{row.type}' can't be modified.")
    if row.state not in ("submitted", "active", "modifying"):
        raise coded("InvalidState", f"The spot fleet request '{row.id}' is in the state '{row.state}'.")
    names = (
        "Context",
        "ExcessCapacityTerminationPolicy",
        "LaunchTemplateConfigs",
        "OnDemandTargetCapacity",
        "TargetCapacity",
    )
    config = {**row.config, **{name: request[name] for name in names if request.get(name) is not None}}
    pools.check(config)
    row.config = config
    return row


def _describe(row: Fleet, have: Mapping[str, float]) -> dict[str, Any]:
    """A SpotFleetRequestConfig."""
    config = {
        "AllocationStrategy": "lowestPrice",
        "OnDemandAllocationStrategy": "lowestPrice",
        "OnDemandTargetCapacity": 0,
        "InstanceInterruptionBehavior": "terminate",
        "ReplaceUnhealthyInstances": False,
        "TerminateInstancesWithExpiration": True,
        **row.config,
        "ExcessCapacityTerminationPolicy": _POLICIES[wishes.of_spot_fleet(row.config).shrinks],
        "Type": row.type,
        "FulfilledCapacity": float(sum(have.values())),
        "OnDemandFulfilledCapacity": have.get("on-demand", 0.0),
    }
    return {
        "SpotFleetRequestId": row.id,
        "SpotFleetRequestState": row.state,
        "ActivityStatus": row.activity,
        "CreateTime": row.created,
        "SpotFleetRequestConfig": config,
        "Tags": tagging.render(row.tags),
    }
