"""The rows of placement groups, capacity reservations and Reserved Instances."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from haneul.kit import tokens
from haneul.service import Scope
from haneul.services.ec2.errors import coded
from haneul.services.ec2.kinds import Kind
from haneul.state.table import Table


class PlacementGroup(msgspec.Struct, kw_only=True):
    """partitions, spread: only of the strategies that have them."""

    id: str
    name: str
    strategy: str
    partitions: int = 0
    spread: str = ""
    tags: dict[str, str] = {}


class CapacityReservation(msgspec.Struct, kw_only=True):
    """Room for `count` instances of a type, kept whether they run or not. memory: MiB of each. criteria: open or
    targeted. state: active, cancelled, expired."""

    id: str
    state: str
    created: float
    type: str
    memory: int
    platform: str
    zone: str
    count: int
    tenancy: str = "default"
    ebs_optimized: bool = False
    criteria: str = "open"
    ends: float = 0.0
    ended: float = 0.0
    placement_group: str = ""
    fleet: str = ""
    metered: float = 0.0
    tags: dict[str, str] = {}


class CapacityFleet(msgspec.Struct, kw_only=True):
    """A target of `target` units over several types. ways: its InstanceTypeSpecifications. made: reservations, by their
    ids, and which of the ways each was made from."""

    id: str
    state: str
    created: float
    target: int
    ways: list[dict[str, Any]]
    made: dict[str, int] = {}
    ends: float = 0.0
    ended: float = 0.0
    tags: dict[str, str] = {}


class ReservedInstances(msgspec.Struct, kw_only=True):
    """What was bought: `count` instances of a type at a price, for `duration` seconds. zone: "" for the whole region.
    state: queued, active, retired, queued-deleted. offering, years, payment: its terms."""

    id: str
    state: str
    start: float
    end: float
    type: str
    zone: str
    count: int
    offering: str
    years: int
    payment: str
    metered: float = 0.0
    ended: float = 0.0
    paid: bool = False
    tags: dict[str, str] = {}


class ReservedModification(msgspec.Struct, kw_only=True):
    """A change of Reserved Instances into others. made: (id, configuration) of each."""

    id: str
    created: float
    sources: list[str]
    made: list[tuple[str, dict[str, Any]]]
    client_token: str = ""


class ReservedKind(Kind[ReservedInstances]):
    """Their ids are bare UUIDs."""

    def new_id(self) -> str:
        return tokens.uuid()

    def arn(self, scope: Scope, identifier: str) -> str:
        return f"arn:aws:ec2:{scope.region}:{scope.account}:{self.type}/{identifier}"

    def check(self, identifiers: Sequence[str]) -> None:
        for one in identifiers:
            if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", one):
                raise coded("InvalidReservedInstancesId.Malformed", f'Invalid id: "{one}"')


PLACEMENT_GROUP = Kind(
    "placement-group",
    "pg",
    Table("ec2.placement-group", PlacementGroup, key=("id",)),
    "InvalidPlacementGroupId.NotFound",
    "placement group ID",
)
CAPACITY_RESERVATION = Kind(
    "capacity-reservation",
    "cr",
    Table("ec2.capacity-reservation", CapacityReservation, key=("id",)),
    "InvalidCapacityReservationId.NotFound",
    "capacity reservation ID",
)
CAPACITY_RESERVATIONS = CAPACITY_RESERVATION.table
CAPACITY_FLEET = Kind(
    "capacity-reservation-fleet",
    "crf",
    Table("ec2.capacity-fleet", CapacityFleet, key=("id",)),
    "InvalidCapacityReservationFleetId.NotFound",
    "capacity reservation fleet ID",
)
CAPACITY_FLEETS = CAPACITY_FLEET.table
RESERVED = ReservedKind(
    "reserved-instances",
    "",
    Table("ec2.reserved-instances", ReservedInstances, key=("id",)),
    "InvalidReservedInstancesId.NotFound",
    "reserved instance ID",
)
RESERVED_INSTANCES = RESERVED.table
RESERVED_MODIFICATIONS = Table("ec2.reserved-modification", ReservedModification, key=("id",))
