"""The rows of Spot requests and of both kinds of fleets."""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.kit import tokens
from haneul.services.ec2.kinds import Kind
from haneul.state.table import Table


class SpotRequest(msgspec.Struct, kw_only=True):
    """state: open, active, disabled, closed, cancelled, failed. code, message: its Status. launch: what RunInstances is
    asked for; profile: the instance profile that goes with it (ARN, id, role)."""

    id: str
    state: str
    code: str
    message: str
    updated: float
    created: float
    type: str
    price: str
    launch: dict[str, Any]
    profile: tuple[str, str, str] = ("", "", "")
    instance: str = ""
    zone: str = ""
    valid_from: float = 0.0
    valid_until: float = 0.0
    interruption: str = "terminate"
    launch_group: str = ""
    zone_group: str = ""
    fault: tuple[str, str] = ("", "")
    marks: dict[str, str] = {}
    """AWS's own tags on what it launches."""
    fleet: str = ""
    tags: dict[str, str] = {}


class SpotFeed(msgspec.Struct, kw_only=True):
    """The account's data feed. written: the end of the last hour that was written. fault: why it wasn't."""

    bucket: str
    prefix: str
    written: float
    fault: tuple[str, str] = ("", "")
    id: str = "feed"


class Fleet(msgspec.Struct, kw_only=True):
    """An EC2 Fleet, or a Spot Fleet. config: what was asked for, by AWS's names. state, activity: as AWS names them.
    members: the instances that it had when it was last looked at."""

    id: str
    state: str
    created: float
    type: str
    config: dict[str, Any]
    activity: str = "pending_fulfillment"
    placed: bool = False
    """Its whole capacity was there once: a one-time request asks no more."""
    profiles: dict[str, tuple[str, str, str]] = {}
    """Instance profiles that the maker might pass on (ARN, id, role), by what named them."""
    members: list[str] = []
    errors: list[dict[str, Any]] = []
    launched: list[dict[str, Any]] = []
    """What an instant fleet launched, as its answer told."""
    ended: float = 0.0
    tags: dict[str, str] = {}


class FleetEvent(msgspec.Struct, kw_only=True):
    """One record of a fleet's history."""

    fleet: str
    id: str
    at: float
    type: str
    subtype: str
    description: str = ""
    instance: str = ""


class SpotKind(Kind[SpotRequest]):
    def new_id(self) -> str:
        return tokens.resource_id(self.prefix, 8)


class FleetKind(Kind[Fleet]):
    def new_id(self) -> str:
        return f"{self.prefix}-{tokens.uuid()}"


SPOT_REQUEST = SpotKind(
    "spot-instances-request",
    "sir",
    Table("ec2.spot-request", SpotRequest, key=("id",)),
    "InvalidSpotInstanceRequestID.NotFound",
    "spot instance request ID",
)
SPOT_REQUESTS = SPOT_REQUEST.table
FLEET = FleetKind("fleet", "fleet", Table("ec2.fleet", Fleet, key=("id",)), "InvalidFleetId.NotFound", "fleet ID")
FLEETS = FLEET.table
SPOT_FLEET = FleetKind(
    "spot-fleet-request",
    "sfr",
    Table("ec2.spot-fleet", Fleet, key=("id",)),
    "InvalidSpotFleetRequestId.NotFound",
    "spot fleet request ID",
)
SPOT_FLEETS = SPOT_FLEET.table
FLEET_EVENTS = Table("ec2.fleet-event", FleetEvent, key=("fleet", "id"))
SPOT_FEEDS = Table("ec2.spot-feed", SpotFeed, key=("id",))
