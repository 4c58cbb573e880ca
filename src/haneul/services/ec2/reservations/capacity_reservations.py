"""Capacity reservations: memory of this machine that is kept for instances of a type, whether they run or not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, Step
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import coded, errors, invalid, missing, mixed
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.instances import capacity, types, wiring
from haneul.services.ec2.instances.types import InstanceType
from haneul.services.ec2.operations import operation
from haneul.services.ec2.reservations import seats
from haneul.services.ec2.reservations.state import CAPACITY_RESERVATION, CapacityReservation
from haneul.services.ec2.vpc.places import zone_id
from haneul.state.store import Reader, Writer

Request = Mapping[str, Any]
KIND = "ec2.capacity-reservation"
ARN = "arn:aws:ec2:{region}:{account}:capacity-reservation/{CapacityReservationId}"
COUNT = 1000
KEPT = 48 * 3600.0
"""Seconds for which an ended reservation is still told."""
LOOK = 60.0
"""Seconds between counts of seats that nobody uses."""
LONGEST = 900.0
_FILTERS: Filters = {
    "availability-zone": "AvailabilityZone",
    "end-date": "EndDate",
    "end-date-type": "EndDateType",
    "instance-match-criteria": "InstanceMatchCriteria",
    "instance-platform": "InstancePlatform",
    "instance-type": "InstanceType",
    "outpost-arn": "OutpostArn",
    "owner-id": "OwnerId",
    "placement-group-arn": "PlacementGroupArn",
    "start-date": "StartDate",
    "state": "State",
    "tenancy": "Tenancy",
}


@operation("arn:aws:ec2:{region}:{account}:capacity-reservation/*")
async def create_capacity_reservation(call: Call, request: Request) -> dict[str, Any]:
    """CreateCapacityReservation: at once, or InsufficientInstanceCapacity."""
    spec, zone = _checked(call, request)
    tags = tagging.of_new(request, "capacity-reservation")
    able = await asyncio.to_thread(capacity.able, planes.of(call.cloud))

    def create(tx: Writer) -> dict[str, Any]:
        made = idempotency.made_before(tx, call, request)
        if made:
            return describe(call, tx, CAPACITY_RESERVATION.get(tx, call.scope, made[0]))
        row = CapacityReservation(
            id=CAPACITY_RESERVATION.new_id(),
            state="active",
            created=call.now(),
            type=spec.name,
            memory=spec.memory,
            platform=request["InstancePlatform"],
            zone=zone,
            count=request["InstanceCount"],
            tenancy=request.get("Tenancy") or "default",
            ebs_optimized=bool(request.get("EbsOptimized")),
            criteria=request.get("InstanceMatchCriteria") or "open",
            ends=request.get("EndDate") or 0.0,
            placement_group=request.get("PlacementGroupArn") or "",
            metered=call.now(),
            tags=tags,
        )
        CAPACITY_RESERVATION.table.put(tx, call.scope, row)
        seats.adopt(tx, call.scope, row)
        if capacity.overdrawn(tx, able) or (able.memory and spec.memory > able.memory):
            raise capacity.insufficient(spec, zone)
        wake(tx, KIND, call.scope, (row.id,), call.now() + LOOK)
        idempotency.remember(tx, call, request, [row.id])
        return describe(call, tx, row)

    return {"CapacityReservation": await call.transact(create)}


@operation()
def describe_capacity_reservations(call: Call, request: Request) -> dict[str, Any]:
    """DescribeCapacityReservations, ended ones for two days."""
    with call.read() as tx:
        used = seats.all_used(tx, call.scope)
    return listing.describe(
        call,
        request,
        CAPACITY_RESERVATION,
        member="CapacityReservations",
        ids="CapacityReservationIds",
        filters=_FILTERS,
        render=lambda _, row: shown(call, row, used[row.id]),
        limits=(1, 1000),
    )


@operation(ARN)
async def modify_capacity_reservation(call: Call, request: Request) -> dict[str, Any]:
    """ModifyCapacityReservation: its count (never below what is in use), its end, who may match."""
    count = request.get("InstanceCount")
    if count is not None and not 1 <= count <= COUNT:
        raise invalid(f"Value ({count}) for parameter instanceCount is invalid. It must be between 1 and {COUNT}.")
    for name in ("StartDate", "QuoteId"):
        if request.get(name):
            raise errors.UnsupportedOperation("Future-dated capacity reservations are not supported here.")
    able = await asyncio.to_thread(capacity.able, planes.of(call.cloud))

    def change(tx: Writer) -> None:
        row = CAPACITY_RESERVATION.get(tx, call.scope, request["CapacityReservationId"])
        check_active(row)
        if count is not None:
            if count < seats.used(tx, call.scope, row):
                raise invalid(
                    f"The capacity reservation '{row.id}' has more instances in use than the {count} asked for."
                )
            row.count = count
        _set_end(call, row, request)
        row.criteria = request.get("InstanceMatchCriteria") or row.criteria
        CAPACITY_RESERVATION.table.put(tx, call.scope, row)
        seats.adopt(tx, call.scope, row)
        if capacity.overdrawn(tx, able):
            raise capacity.insufficient(types.spec(row.type), row.zone)
        wake(tx, KIND, call.scope, (row.id,), call.now())

    await call.transact(change)
    return {"Return": True}


@operation(ARN)
def cancel_capacity_reservation(call: Call, request: Request) -> dict[str, Any]:
    """CancelCapacityReservation: its room is free for everybody; what runs in it runs on."""
    with call.write() as tx:
        row = CAPACITY_RESERVATION.get(tx, call.scope, request["CapacityReservationId"])
        check_active(row)
        end(call, tx, row, "cancelled")
        CAPACITY_RESERVATION.table.put(tx, call.scope, row)
        wake(tx, KIND, call.scope, (row.id,), call.now())
    return {"Return": True}


@operation(ARN)
def get_capacity_reservation_usage(call: Call, request: Request) -> dict[str, Any]:
    """GetCapacityReservationUsage: by account; reservations aren't shared here."""
    with call.read() as tx:
        row = CAPACITY_RESERVATION.get(tx, call.scope, request["CapacityReservationId"])
        used = seats.used(tx, call.scope, row)
        left = seats.free(tx, call.scope, row)
    return {
        "CapacityReservationId": row.id,
        "InstanceType": row.type,
        "TotalInstanceCount": row.count,
        "AvailableInstanceCount": left,
        "State": row.state,
        "InstanceUsages": [{"AccountId": call.account, "UsedInstanceCount": used}] if used else [],
    }


def step_capacity_reservation(call: Call, row: CapacityReservation) -> Step:
    """Count what nobody uses; end at the end; be forgotten later."""
    now = call.now()
    if row.state != "active":
        left = row.ended + KEPT - now
        return Step(row, left) if left > 0 else Step(None)
    with call.read() as tx:
        empty = seats.free(tx, call.scope, row)
    hours = min(max(0.0, now - row.metered), LONGEST) / 3600
    row.metered = now
    if hours and empty:
        call.meter(f"UnusedBox:{row.type}", hours * empty)
    if row.ends and row.ends <= now:
        with call.write() as tx:
            end(call, tx, row, "expired")
        return Step(row, KEPT)
    return Step(row, min(LOOK, row.ends - now) if row.ends else LOOK)


def end(call: Call, tx: Writer, row: CapacityReservation, state: str) -> None:
    row.state, row.ended = state, call.now()
    seats.leave(tx, call.scope, row)


def _checked(call: Call, request: Request) -> tuple[InstanceType, str]:
    """The type and zone of a new reservation."""
    spec = types.spec(request["InstanceType"])
    zone = wiring.zone_of(call.scope, {"Placement": request})
    if not zone:
        raise missing("availabilityZone")
    count = request["InstanceCount"]
    if not 1 <= count <= COUNT:
        raise invalid(f"Value ({count}) for parameter instanceCount is invalid. It must be between 1 and {COUNT}.")
    for name in ("StartDate", "CommitmentDuration"):
        if request.get(name):
            raise errors.UnsupportedOperation("Future-dated capacity reservations are not supported here.")
    if request.get("OutpostArn"):
        raise errors.UnsupportedOperation("There are no Outposts here.")
    _check_end(call, request.get("EndDateType"), request.get("EndDate"))
    return spec, zone


def _check_end(call: Call, kind: str | None, date: float | None) -> None:
    if kind == "limited" and date is None:
        raise missing("endDate")
    if kind != "limited" and date is not None and kind is not None:
        raise mixed("An end date may only be given with the end date type 'limited'.")
    if date is not None and date <= call.now():
        raise invalid("The end date of a capacity reservation must be in the future.")


def _set_end(call: Call, row: CapacityReservation, request: Request) -> None:
    kind, date = request.get("EndDateType"), request.get("EndDate")
    _check_end(call, kind, date)
    if kind == "unlimited":
        row.ends = 0.0
    elif date is not None:
        row.ends = date


def check_active(row: CapacityReservation) -> None:
    if row.state != "active":
        raise coded(
            "InvalidCapacityReservationState",
            f"The capacity reservation '{row.id}' is {row.state}: it can be neither modified nor cancelled.",
        )


def describe(call: Call, tx: Reader, row: CapacityReservation) -> dict[str, Any]:
    """A CapacityReservation."""
    return shown(call, row, seats.used(tx, call.scope, row))


def shown(call: Call, row: CapacityReservation, used: int) -> dict[str, Any]:
    """A CapacityReservation in which so many instances run."""
    return {
        "CapacityReservationId": row.id,
        "OwnerId": call.account,
        "CapacityReservationArn": CAPACITY_RESERVATION.arn(call.scope, row.id),
        "AvailabilityZone": row.zone,
        "AvailabilityZoneId": zone_id(row.zone),
        "InstanceType": row.type,
        "InstancePlatform": row.platform,
        "Tenancy": row.tenancy,
        "TotalInstanceCount": row.count,
        "AvailableInstanceCount": seats.left(row, used),
        "EbsOptimized": row.ebs_optimized,
        "EphemeralStorage": False,
        "State": row.state,
        "StartDate": row.created,
        "CreateDate": row.created,
        "EndDate": row.ends or None,
        "EndDateType": "limited" if row.ends else "unlimited",
        "InstanceMatchCriteria": row.criteria,
        "PlacementGroupArn": row.placement_group or None,
        "CapacityReservationFleetId": row.fleet or None,
        "CapacityAllocations": [{"AllocationType": "used", "Count": used}] if used else [],
        "ReservationType": "default",
        "Tags": tagging.render(row.tags),
    }
