"""Which reservations an instance runs in: each reserved instance is a seat that only a matching one takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from haneul.service import Scope
from haneul.services.ec2.errors import errors, mixed
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.reservations.state import CAPACITY_RESERVATION, CapacityReservation
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

PLATFORM = "Linux/UNIX"
"""Of every instance here."""


@dataclass(frozen=True)
class Seats:
    """taken: a reservation's id for each instance that finds a seat. only: the others may not run at all."""

    taken: list[str]
    only: bool = False


def find(tx: Reader, scope: Scope, wish: Mapping[str, Any] | None, type: str, zone: str, wanted: int) -> Seats:
    """Seats for `wanted` instances. wish: their CapacityReservationSpecification.
    Raises InvalidCapacityReservationId.NotFound, InvalidParameterCombination."""
    preference, target = chosen(wish)
    if target:
        row = CAPACITY_RESERVATION.get(tx, scope, target)
        if row.type != type or row.zone != zone or row.platform != PLATFORM:
            raise mixed(
                f"The capacity reservation '{row.id}' is for {row.type} ({row.platform}) in {row.zone}: it does not "
                "match this instance."
            )
        return Seats([row.id] * min(wanted, free(tx, scope, row)), only=True)
    if preference == "none":
        return Seats([])
    found: list[str] = []
    fitting = [
        row for row in CAPACITY_RESERVATION.table.scan(tx, scope) if row.criteria == "open" and _fits(row, type, zone)
    ]
    taken = all_used(tx, scope) if fitting else Counter()
    for row in fitting:
        found += [row.id] * min(wanted - len(found), left(row, taken[row.id]))
    return Seats(found, only=preference == "capacity-reservations-only")


def chosen(wish: Mapping[str, Any] | None) -> tuple[str, str]:
    """(preference, target's id) of a CapacityReservationSpecification."""
    wish = wish or {}
    target = wish.get("CapacityReservationTarget") or {}
    if target.get("CapacityReservationResourceGroupArn"):
        raise errors.UnsupportedOperation("Groups of capacity reservations are not supported here.")
    preference = wish.get("CapacityReservationPreference") or ""
    if preference and preference != "capacity-reservations-only" and target:
        raise mixed("A capacity reservation preference may not be used in combination with a target.")
    return preference or "open", target.get("CapacityReservationId") or ""


def exceeded() -> AwsError:
    return errors.ReservationCapacityExceeded(
        "The requested reservation does not have sufficient compatible and available capacity for this request."
    )


def free(tx: Reader, scope: Scope, row: CapacityReservation) -> int:
    """How many of its seats are empty."""
    return left(row, used(tx, scope, row))


def left(row: CapacityReservation, taken: int) -> int:
    """How many of its seats are empty when so many are taken."""
    return max(0, row.count - taken) if row.state == "active" else 0


def used(tx: Reader, scope: Scope, row: CapacityReservation) -> int:
    return all_used(tx, scope)[row.id]


def all_used(tx: Reader, scope: Scope) -> Counter[str]:
    """Reservation -> how many run in it."""
    return Counter(seat_of(one) for one in INSTANCE.table.scan(tx, scope) if one.lives)


def seat_of(instance: Instance) -> str:
    """The reservation that it runs in, or ""."""
    return instance.options.get("CapacityReservationId") or ""


def unused_memory(tx: Reader, instances: Counter[str]) -> int:
    """MiB that all empty seats of everybody's keep. instances: how many run in each reservation."""
    return sum(
        max(0, row.count - instances[row.id]) * row.memory
        for _, row in CAPACITY_RESERVATION.table.everywhere(tx)
        if row.state == "active"
    )


def adopt(tx: Writer, scope: Scope, row: CapacityReservation) -> int:
    """Running instances that match an open reservation and sit nowhere take its seats; how many do."""
    if row.criteria != "open":
        return 0
    empty = free(tx, scope, row)
    taken = 0
    for one in list(INSTANCE.table.scan(tx, scope)):
        if taken >= empty:
            break
        if not one.lives or seat_of(one) or one.options.get("Lifecycle") == "spot":
            continue
        preference, target = chosen(one.options.get("CapacityReservationSpecification"))
        if preference == "open" and not target and _fits(row, one.type, one.zone):
            one.options = {**one.options, "CapacityReservationId": row.id}
            INSTANCE.table.put(tx, scope, one)
            taken += 1
    return taken


def leave(tx: Writer, scope: Scope, row: CapacityReservation) -> None:
    """The reservation is no more: what ran in it runs on without."""
    for one in list(INSTANCE.table.scan(tx, scope)):
        if seat_of(one) == row.id:
            one.options = {name: value for name, value in one.options.items() if name != "CapacityReservationId"}
            INSTANCE.table.put(tx, scope, one)


def _fits(row: CapacityReservation, type: str, zone: str) -> bool:
    return row.state == "active" and (row.type, row.zone, row.platform) == (type, zone, PLATFORM)
