"""Capacity reservation fleets: one target over several instance types, the first that have room, as reservations."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from haneul.converge import wake
from haneul.service import Call, Scope, Step
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import coded, errors, invalid, missing
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.instances import capacity, types, wiring
from haneul.services.ec2.operations import operation
from haneul.services.ec2.reservations import capacity_reservations, seats
from haneul.services.ec2.reservations.state import (
    CAPACITY_FLEET,
    CAPACITY_RESERVATION,
    CapacityFleet,
    CapacityReservation,
)
from haneul.services.ec2.vpc.places import zone_id
from haneul.state.store import Reader, Writer

Request = Mapping[str, Any]
KIND = "ec2.capacity-fleet"
ARN = "arn:aws:ec2:{region}:{account}:capacity-reservation-fleet/{CapacityReservationFleetId}"
UNITS = 25_000
KEPT = 48 * 3600.0
"""Seconds for which a fleet that ended is still told."""
_LIVE = ("active", "partially_fulfilled")
_FILTERS: Filters = {
    "allocation-strategy": "AllocationStrategy",
    "instance-match-criteria": "InstanceMatchCriteria",
    "state": "State",
    "tenancy": "Tenancy",
}


@operation("arn:aws:ec2:{region}:{account}:capacity-reservation-fleet/*")
async def create_capacity_reservation_fleet(call: Call, request: Request) -> dict[str, Any]:
    """CreateCapacityReservationFleet: reserves at once what there is room for."""
    row = _new(call, request)
    able = await asyncio.to_thread(capacity.able, planes.of(call.cloud))

    def create(tx: Writer) -> CapacityFleet:
        made = idempotency.made_before(tx, call, request)
        if made:
            return CAPACITY_FLEET.get(tx, call.scope, made[0])
        _fill(call, tx, row, able)
        _settle(tx, call.scope, row)
        if row.state == "failed":
            row.ended = call.now()
        CAPACITY_FLEET.table.put(tx, call.scope, row)
        wake(tx, KIND, call.scope, (row.id,), call.now())
        idempotency.remember(tx, call, request, [row.id])
        return row

    made = await call.transact(create)
    with call.read() as tx:
        told = _describe(tx, call.scope, made)
    told["FleetCapacityReservations"] = told.pop("InstanceTypeSpecifications")
    return told


@operation()
def describe_capacity_reservation_fleets(call: Call, request: Request) -> dict[str, Any]:
    """DescribeCapacityReservationFleets, ended ones for two days."""
    return listing.describe(
        call,
        request,
        CAPACITY_FLEET,
        member="CapacityReservationFleets",
        ids="CapacityReservationFleetIds",
        filters=_FILTERS,
        render=lambda tx, row: _describe(tx, call.scope, row),
        limits=(1, 100),
    )


@operation(ARN)
async def modify_capacity_reservation_fleet(call: Call, request: Request) -> dict[str, Any]:
    """ModifyCapacityReservationFleet: its target, or its end; not both at once."""
    target, end = request.get("TotalTargetCapacity"), request.get("EndDate")
    if target is not None and (end is not None or request.get("RemoveEndDate")):
        raise invalid("The target capacity and the end date of a fleet can't be modified in one request.")
    if target is not None and not 1 <= target <= UNITS:
        raise invalid(f"The total target capacity must be between 1 and {UNITS}, not {target}.")
    if end is not None and end <= call.now():
        raise invalid("The end date of a fleet must be in the future.")
    able = await asyncio.to_thread(capacity.able, planes.of(call.cloud))

    def change(tx: Writer) -> None:
        row = CAPACITY_FLEET.get(tx, call.scope, request["CapacityReservationFleetId"])
        if row.state not in _LIVE:
            raise coded("InvalidCapacityReservationFleetState", f"The fleet '{row.id}' is {row.state}.")
        if target is not None:
            row.target = target
            _shrink(call, tx, row)
            _fill(call, tx, row, able)
            _settle(tx, call.scope, row)
        if end is not None or request.get("RemoveEndDate"):
            row.ends = end or 0.0
            for one, _ in list(_members(tx, call.scope, row)):
                one.ends = row.ends
                _put(call, tx, one)
        CAPACITY_FLEET.table.put(tx, call.scope, row)
        wake(tx, KIND, call.scope, (row.id,), call.now())

    await call.transact(change)
    return {"Return": True}


def _arns(call: Call, request: Request) -> list[str]:
    return [CAPACITY_FLEET.arn(call.scope, one) for one in request.get("CapacityReservationFleetIds") or ()]


@operation(_arns)
def cancel_capacity_reservation_fleets(call: Call, request: Request) -> dict[str, Any]:
    """CancelCapacityReservationFleets, with their reservations."""
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    with call.write() as tx:
        for identifier in dict.fromkeys(request["CapacityReservationFleetIds"]):
            row = CAPACITY_FLEET.find(tx, call.scope, identifier)
            if row is None or row.state not in _LIVE:
                message = f"The fleet '{identifier}' {'does not exist' if row is None else 'is ' + row.state}."
                error = {"Code": "InvalidCapacityReservationFleetId", "Message": message}
                failed.append({"CapacityReservationFleetId": identifier, "CancelCapacityReservationFleetError": error})
                continue
            before = row.state
            for one, _ in list(_members(tx, call.scope, row)):
                capacity_reservations.end(call, tx, one, "cancelled")
                _put(call, tx, one)
            row.state, row.ended = "cancelled", call.now()
            CAPACITY_FLEET.table.put(tx, call.scope, row)
            wake(tx, KIND, call.scope, (row.id,), call.now())
            told = {"PreviousFleetState": before, "CurrentFleetState": row.state}
            done.append({"CapacityReservationFleetId": identifier, **told})
    return {"SuccessfulFleetCancellations": done, "FailedFleetCancellations": failed}


def step_capacity_fleet(call: Call, row: CapacityFleet) -> Step:
    """It ends with its reservations, and is forgotten later."""
    now = call.now()
    if row.state in _LIVE:
        if not row.ends:
            return Step(row)
        if row.ends > now:
            return Step(row, row.ends - now)
        row.state, row.ended = "expired", now
    left = row.ended + KEPT - now
    return Step(row, left) if left > 0 else Step(None)


def _new(call: Call, request: Request) -> CapacityFleet:
    """Raises MissingParameter, InvalidParameterValue, UnsupportedOperation."""
    given: Sequence[Request] = request.get("InstanceTypeSpecifications") or ()
    if request.get("InstanceRequirements"):
        raise errors.UnsupportedOperation("Capacity reservation fleets name their instance types here.")
    if not given:
        raise missing("instanceTypeSpecification")
    target = request["TotalTargetCapacity"]
    if not 1 <= target <= UNITS:
        raise invalid(f"The total target capacity must be between 1 and {UNITS}, not {target}.")
    if request.get("AllocationStrategy") not in (None, "prioritized"):
        raise invalid("The allocation strategy of a capacity reservation fleet can only be 'prioritized'.")
    if request.get("EndDate") is not None and request["EndDate"] <= call.now():
        raise invalid("The end date of a fleet must be in the future.")
    ways = []
    for one in given:
        zone = wiring.zone_of(call.scope, {"Placement": one}) or wiring.zone_of(call.scope, {"Placement": request})
        if not zone:
            raise missing("availabilityZone")
        types.spec(one.get("InstanceType") or "")
        if (one.get("Weight") or 1) <= 0:
            raise invalid("The weight of an instance type must be greater than 0.")
        ways.append({**one, "AvailabilityZone": zone, "Weight": float(one.get("Weight") or 1)})
    return CapacityFleet(
        id=CAPACITY_FLEET.new_id(),
        state="submitted",
        created=call.now(),
        target=target,
        ways=ways,
        ends=request.get("EndDate") or 0.0,
        tags=tagging.of_new(request, "capacity-reservation-fleet"),
    )


def _fill(call: Call, tx: Writer, row: CapacityFleet, able: capacity.Able) -> None:
    """Reserve what is missing, of the types in the order of their priorities."""
    order = sorted(range(len(row.ways)), key=lambda at: (row.ways[at].get("Priority") or 0, at))
    for at in order:
        way = row.ways[at]
        lacks = row.target - _fulfilled(tx, call.scope, row)
        if lacks <= 0:
            return
        spec = types.spec(way["InstanceType"])
        wanted = min(math.ceil(lacks / way["Weight"]), capacity_reservations.COUNT)
        count = capacity.room(tx, able, spec, wanted)
        if count < 1:
            continue
        one = CapacityReservation(
            id=CAPACITY_RESERVATION.new_id(),
            state="active",
            created=call.now(),
            type=spec.name,
            memory=spec.memory,
            platform=way.get("InstancePlatform") or seats.PLATFORM,
            zone=way["AvailabilityZone"],
            count=count,
            ebs_optimized=bool(way.get("EbsOptimized")),
            ends=row.ends,
            metered=call.now(),
            fleet=row.id,
        )
        row.made = {**row.made, one.id: at}
        _put(call, tx, one)
        seats.adopt(tx, call.scope, one)


def _shrink(call: Call, tx: Writer, row: CapacityFleet) -> None:
    """Give back what is more than the target, the least wanted and then the newest first, as far as nobody uses it."""
    excess = _fulfilled(tx, call.scope, row) - row.target
    newest = list(_members(tx, call.scope, row))[::-1]
    for one, way in sorted(newest, key=lambda pair: -(pair[1].get("Priority") or 0)):
        gone = min(int(excess // way["Weight"]), seats.free(tx, call.scope, one))
        if gone < 1:
            continue
        excess -= gone * way["Weight"]
        one.count -= gone
        if not one.count:
            capacity_reservations.end(call, tx, one, "cancelled")
        _put(call, tx, one)


def _put(call: Call, tx: Writer, one: CapacityReservation) -> None:
    CAPACITY_RESERVATION.table.put(tx, call.scope, one)
    wake(tx, capacity_reservations.KIND, call.scope, (one.id,), call.now())


def _members(tx: Reader, scope: Scope, row: CapacityFleet) -> Iterator[tuple[CapacityReservation, Request]]:
    """Its reservations that are in force, each with what it was made from."""
    for identifier, at in row.made.items():
        one = CAPACITY_RESERVATION.find(tx, scope, identifier)
        if one is not None and one.state == "active":
            yield one, row.ways[at]


def _fulfilled(tx: Reader, scope: Scope, row: CapacityFleet) -> float:
    return float(sum(one.count * way["Weight"] for one, way in _members(tx, scope, row)))


def _settle(tx: Reader, scope: Scope, row: CapacityFleet) -> None:
    have = _fulfilled(tx, scope, row)
    row.state = "active" if have >= row.target else "partially_fulfilled" if have else "failed"


def _describe(tx: Reader, scope: Scope, row: CapacityFleet) -> dict[str, Any]:
    """A CapacityReservationFleet."""
    members = [
        {
            "CapacityReservationId": one.id,
            "InstanceType": one.type,
            "InstancePlatform": one.platform,
            "AvailabilityZone": one.zone,
            "AvailabilityZoneId": zone_id(one.zone),
            "TotalInstanceCount": one.count,
            "FulfilledCapacity": one.count * way["Weight"],
            "EbsOptimized": one.ebs_optimized,
            "CreateDate": one.created,
            "Weight": way["Weight"],
            "Priority": way.get("Priority"),
        }
        for one, way in _members(tx, scope, row)
    ]
    return {
        "CapacityReservationFleetId": row.id,
        "CapacityReservationFleetArn": CAPACITY_FLEET.arn(scope, row.id),
        "State": row.state,
        "TotalTargetCapacity": row.target,
        "TotalFulfilledCapacity": _fulfilled(tx, scope, row),
        "Tenancy": "default",
        "CreateTime": row.created,
        "EndDate": row.ends or None,
        "InstanceMatchCriteria": "open",
        "AllocationStrategy": "prioritized",
        "InstanceTypeSpecifications": members,
        "Tags": tagging.render(row.tags),
    }
