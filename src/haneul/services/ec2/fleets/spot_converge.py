"""Spot requests on their way: open ones launch, those with an instance follow it, persistent ones launch again."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from haneul.service import Call, Step
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.fleets import prices
from haneul.services.ec2.fleets.spot_requests import FULFILLED, PENDING, settle
from haneul.services.ec2.fleets.state import SPOT_REQUEST, SpotRequest
from haneul.services.ec2.instances import capacity, launching
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.wire.errors import AwsError

KEPT = 4 * 3600.0
"""Seconds for which a request that ended is still told."""
AGAIN = 15.0
"""Seconds between tries to find capacity."""
_ENDED = "instance-terminated-by-user"
_FULL = ("InsufficientInstanceCapacity", "ReservationCapacityExceeded")


def step_spot_request(call: Call, row: SpotRequest) -> Step:
    """Bring a Spot request one state further."""
    return _STEPS[row.state](call, row)


def _open(call: Call, row: SpotRequest) -> Step:
    now = call.now()
    if row.valid_until and row.valid_until <= now:
        settle(row, now, "closed", "schedule-expired", "Your Spot request expired before it was fulfilled.")
        return Step(row, KEPT)
    if row.valid_from > now:
        message = "Your Spot request will not be evaluated until the scheduled date."
        _hold(row, now, "not-scheduled-yet", message)
        return Step(row, row.valid_from - now)
    type = row.launch.get("InstanceType") or launching.DEFAULT_TYPE
    if row.price and Decimal(row.price) < prices.spot(call.region, type):
        _hold(row, now, "price-too-low", "Your maximum price is lower than the current Spot price.")
        return Step(row, 4 * AGAIN)
    try:
        _launch(call, row)
    except AwsError as error:
        if error.code in _FULL:
            message = "There is no Spot capacity available that matches your request."
            _hold(row, now, "capacity-not-available", message)
            return Step(row, AGAIN)
        settle(row, now, "failed", "bad-parameters", "Your Spot request failed due to bad parameters.")
        row.fault = (error.code, error.message)
        return Step(row, KEPT)
    return Step(row)  # the row was written with the instance


def _launch(call: Call, row: SpotRequest) -> None:
    """The instance and the request's new state, in one transaction; nothing if the request was changed meanwhile."""
    able = capacity.able(planes.of(call.cloud))
    with call.write() as tx:
        current = SPOT_REQUEST.find(tx, call.scope, row.id)
        if current is None or current.state != "open":
            return
        origin = launching.Origin(tags=row.marks, fleet=row.fleet, request=row.id)
        launching.launch(call, tx, row.launch, launching.Profile(*row.profile), able, origin)


def _hold(row: SpotRequest, now: float, code: str, message: str) -> None:
    if row.code != code:
        settle(row, now, "open", code, message)


def _follow(call: Call, row: SpotRequest) -> Step:
    """active, disabled: as its instance is."""
    now = call.now()
    with call.read() as tx:
        instance = INSTANCE.find(tx, call.scope, row.instance)
    if instance is None or instance.state in ("shutting-down", "terminated"):
        return _ended(call, row, instance)
    if instance.state in ("stopping", "stopped"):
        if row.state != "disabled":
            settle(row, now, "disabled", "instance-stopped-by-user", "Your instance was stopped by you.")
    elif row.state != "active":
        settle(row, now, "active", *FULFILLED)
    return Step(row)


def _ended(call: Call, row: SpotRequest, instance: Instance | None) -> Step:
    """Its instance is gone: a persistent request, while it is valid, launches another one."""
    now = call.now()
    if row.type == "persistent" and not (row.valid_until and row.valid_until <= now):
        row.instance, row.zone = "", ""
        settle(row, now, "open", *PENDING)
        return Step(row, 0.0)
    code, message = _ENDED, "Spot Instance terminated due to user-initiated termination."
    if instance is not None and instance.reason[0].startswith("Server."):
        code, message = "system-error", "There was an unexpected system error."
    settle(row, now, "closed", code, message)
    return Step(row, KEPT)


def _over(call: Call, row: SpotRequest) -> Step:
    """closed, cancelled, failed: told for a while, and as long as its instance runs."""
    now = call.now()
    if row.code == "request-canceled-and-instance-running":
        with call.read() as tx:
            instance = INSTANCE.find(tx, call.scope, row.instance)
        if instance is not None and instance.state not in ("shutting-down", "terminated"):
            return Step(row)
        settle(row, now, row.state, _ENDED, "Spot Instance terminated due to user-initiated termination.")
    left = row.updated + KEPT - now
    return Step(row, left) if left > 0 else Step(None)


_STEPS: dict[str, Callable[[Call, SpotRequest], Step]] = {
    "open": _open,
    "active": _follow,
    "disabled": _follow,
    "closed": _over,
    "cancelled": _over,
    "failed": _over,
}
