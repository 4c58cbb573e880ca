"""Seats that change hands: between capacity reservations, and for instances that shall run in another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.converge import wake
from haneul.service import Call
from haneul.services.ec2 import idempotency, tagging
from haneul.services.ec2.errors import errors, invalid, mixed
from haneul.services.ec2.instances.state import INSTANCE
from haneul.services.ec2.operations import operation
from haneul.services.ec2.reservations import capacity_reservations, seats
from haneul.services.ec2.reservations.state import CAPACITY_RESERVATION, CapacityReservation
from haneul.state.store import Writer

Request = Mapping[str, Any]
_SOURCE = "arn:aws:ec2:{region}:{account}:capacity-reservation/{SourceCapacityReservationId}"


@operation(_SOURCE)
def create_capacity_reservation_by_splitting(call: Call, request: Request) -> dict[str, Any]:
    """CreateCapacityReservationBySplitting: a new one with seats of another one that nobody uses."""
    tags = tagging.of_new(request, "capacity-reservation")
    with call.write() as tx:
        source = CAPACITY_RESERVATION.get(tx, call.scope, request["SourceCapacityReservationId"])
        made = idempotency.made_before(tx, call, request)
        if made:
            return _told(call, tx, source, CAPACITY_RESERVATION.get(tx, call.scope, made[0]), request)
        capacity_reservations.check_active(source)
        target = msgspec.structs.replace(
            source, id=CAPACITY_RESERVATION.new_id(), created=call.now(), metered=call.now(), count=0, tags=tags
        )
        _move(call, tx, source, target, request["InstanceCount"])
        idempotency.remember(tx, call, request, [target.id])
        return _told(call, tx, source, target, request)


@operation(_SOURCE)
def move_capacity_reservation_instances(call: Call, request: Request) -> dict[str, Any]:
    """MoveCapacityReservationInstances: seats that nobody uses; a reservation that has none left is cancelled."""
    with call.write() as tx:
        source = CAPACITY_RESERVATION.get(tx, call.scope, request["SourceCapacityReservationId"])
        target = CAPACITY_RESERVATION.get(tx, call.scope, request["DestinationCapacityReservationId"])
        if idempotency.made_before(tx, call, request) is None:
            for row in (source, target):
                capacity_reservations.check_active(row)
            if source.id == target.id or _nature(source) != _nature(target):
                raise mixed(
                    "The source and the destination must be different capacity reservations of the same instance type, "
                    "platform, Availability Zone, tenancy, placement group and end."
                )
            _move(call, tx, source, target, request["InstanceCount"])
            idempotency.remember(tx, call, request, [target.id])
        return _told(call, tx, source, target, request)


@operation("arn:aws:ec2:{region}:{account}:capacity-reservation/{CapacityReservationId}")
def get_groups_for_capacity_reservation(call: Call, request: Request) -> dict[str, Any]:
    """GetGroupsForCapacityReservation: none, there are no resource groups."""
    with call.read() as tx:
        CAPACITY_RESERVATION.get(tx, call.scope, request["CapacityReservationId"])
    return {"CapacityReservationGroups": []}


@operation("arn:aws:ec2:{region}:{account}:instance/{InstanceId}")
def modify_instance_capacity_reservation_attributes(call: Call, request: Request) -> dict[str, Any]:
    """ModifyInstanceCapacityReservationAttributes: where it runs when it starts again; only while it is stopped.
    Raises IncorrectInstanceState."""
    wish = request["CapacityReservationSpecification"]
    _, target = seats.chosen(wish)
    with call.write() as tx:
        row = INSTANCE.get(tx, call.scope, request["InstanceId"])
        if row.state != "stopped":
            raise errors.IncorrectInstanceState(
                f"The instance '{row.id}' is not in the 'stopped' state: its capacity reservation can't be modified."
            )
        if target:
            CAPACITY_RESERVATION.get(tx, call.scope, target)
        row.options = {**row.options, "CapacityReservationSpecification": wish}
        INSTANCE.table.put(tx, call.scope, row)
    return {"Return": True}


def _move(call: Call, tx: Writer, source: CapacityReservation, target: CapacityReservation, count: int) -> None:
    """Raises InvalidParameterValue when there aren't so many empty seats."""
    left = seats.free(tx, call.scope, source)
    if not 1 <= count <= left:
        raise invalid(f"The capacity reservation '{source.id}' has {left} instances to give, not {count}.")
    source.count -= count
    target.count += count
    if not source.count:
        capacity_reservations.end(call, tx, source, "cancelled")
    for row in (source, target):
        CAPACITY_RESERVATION.table.put(tx, call.scope, row)
        wake(tx, capacity_reservations.KIND, call.scope, (row.id,), call.now())


def _nature(row: CapacityReservation) -> tuple[object, ...]:
    return row.type, row.platform, row.zone, row.tenancy, row.placement_group, row.ends


def _told(
    call: Call, tx: Writer, source: CapacityReservation, target: CapacityReservation, request: Request
) -> dict[str, Any]:
    return {
        "SourceCapacityReservation": capacity_reservations.describe(call, tx, source),
        "DestinationCapacityReservation": capacity_reservations.describe(call, tx, target),
        "InstanceCount": request["InstanceCount"],
    }
