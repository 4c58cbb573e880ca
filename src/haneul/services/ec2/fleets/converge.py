"""Fleets of both APIs on their way: filled up to their targets, kept there, cut back, ended."""

from __future__ import annotations

from typing import Any

from haneul.service import Call, Step
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.fleets import filling, history, pools, wishes
from haneul.services.ec2.fleets.filling import Filled
from haneul.services.ec2.fleets.state import FLEET_EVENTS, Fleet
from haneul.services.ec2.fleets.wishes import Wish
from haneul.services.ec2.instances.state import INSTANCE
from haneul.wire.errors import AwsError

AGAIN = 10.0
"""Seconds between tries to find missing capacity."""
LOOK = 30.0
"""Seconds between looks at the health of instances."""
LEAVING = 5.0
"""Seconds for which a fleet is told as terminating at least."""
KEPT = 48 * 3600.0
"""Seconds for which a fleet that ended is still told."""


def step_fleet(call: Call, row: Fleet) -> Step:
    """Bring an EC2 Fleet or a Spot Fleet nearer to what is asked of it."""
    over = ended_state(row)
    if row.state in (over, "failed"):
        left = row.ended + KEPT - call.now()
        if left > 0:
            return Step(row, left)
        with call.write() as tx:
            FLEET_EVENTS.delete_all(tx, call.scope, row.id)
        return Step(None)
    _note_members(call, row)
    if row.state in (f"{over}_running", f"{over}_terminating"):
        return _end(call, row, over)
    wish = wishes.of(row)
    if row.type == "instant":
        if not row.placed:
            _finish(call, row, wish)
        return Step(row)
    if wish.starts > call.now():
        return Step(row, wish.starts - call.now())
    if wish.ends and wish.ends <= call.now():
        return _expire(call, row, wish, over)
    return _keep(call, row, wish)


def _finish(call: Call, row: Fleet, wish: Wish) -> None:
    """An instant fleet that was cut short is filled as it would have been."""
    row.placed, row.activity = True, "fulfilled"
    filled = _fill(call, row, wish)
    row.errors = [refusal(*one) for one in filled.refused]


def ended_state(row: Fleet) -> str:
    return "cancelled" if row.id.startswith("sfr-") else "deleted"


def _keep(call: Call, row: Fleet, wish: Wish) -> Step:
    """submitted, active, modifying: as many instances as are wanted."""
    before = row.state
    row.state = "active"
    if wish.heals and row.type == "maintain":
        _replace_unhealthy(call, row)
    if _lacks(call, row, wish) and not (row.type == "request" and row.placed):
        filled = _fill(call, row, wish)
        _note_refusals(call, row, filled)
    gone = filling.shrink(call, row, wish) if wish.shrinks and row.type == "maintain" else []
    with call.write() as tx:
        have = filling.fulfilled(tx, call.scope, row.id)
        row.members = sorted({*row.members, *(one.id for one in filling.members(tx, call.scope, row.id))})
        if before != "active":
            history.changed(tx, call, row, "active")
        history.trim(tx, call, row.id)
    short = any(have[market.name] < market.units for market in wish.markets)
    row.placed = row.placed or not short
    row.activity = "pending_termination" if gone else "fulfilled"
    waits = short and not (row.type == "request" and row.placed)
    if waits:
        row.activity = "error" if row.errors else "pending_fulfillment"
    else:
        row.errors = []
    return Step(row, _next(call, row, wish, bool(gone), waits))


def _lacks(call: Call, row: Fleet, wish: Wish) -> bool:
    with call.read() as tx:
        have = filling.fulfilled(tx, call.scope, row.id)
    return any(have[market.name] < market.units for market in wish.markets)


def _next(call: Call, row: Fleet, wish: Wish, shrinking: bool, waits: bool) -> float | None:
    again = [wish.ends - call.now()] if wish.ends else []
    if shrinking:
        again.append(1.0)
    if waits:
        again.append(AGAIN)
    if wish.heals and row.type == "maintain":
        again.append(LOOK)
    return max(0.0, min(again)) if again else None


def _fill(call: Call, row: Fleet, wish: Wish) -> Filled:
    try:
        with call.read() as tx:
            known = pools.of(tx, call, row, wish.unit)
    except AwsError as error:
        with call.write() as tx:
            history.failed(tx, call, row, error.code, error.message)
        row.errors = [{"ErrorCode": error.code, "ErrorMessage": error.message}]
        return Filled()
    row.errors = []
    return filling.fill(call, row, wish, known)


def _note_refusals(call: Call, row: Fleet, filled: Filled) -> None:
    if not filled.refused:
        return
    with call.write() as tx:
        for _, _, error in filled.refused:
            history.failed(tx, call, row, error.code, error.message)
    row.errors = row.errors or [refusal(*one) for one in filled.refused[:20]]


def refusal(pool: pools.Pool, market: str, error: AwsError) -> dict[str, Any]:
    """An error of CreateFleet's answer."""
    return {
        "LaunchTemplateAndOverrides": pool.told(),
        "Lifecycle": market,
        "ErrorCode": error.code,
        "ErrorMessage": error.message,
    }


def _note_members(call: Call, row: Fleet) -> None:
    """Which of its instances have ended since the last look."""
    with call.read() as tx:
        there = {one.id for one in filling.members(tx, call.scope, row.id)}
    gone = [one for one in row.members if one not in there]
    if gone:
        with call.write() as tx:
            for one in gone:
                history.ended(tx, call, row.id, one, INSTANCE.find(tx, call.scope, one))
        row.members = [one for one in row.members if one in there]


def _replace_unhealthy(call: Call, row: Fleet) -> None:
    """Instances whose status checks fail are ended; the next look launches others."""
    vitals = planes.of(call.cloud).vitals
    with call.write() as tx:
        for one in list(filling.members(tx, call.scope, row.id)):
            vital = vitals.of(one.id)
            if vital is not None and vital.failing:
                filling.end(tx, call, one)


def _expire(call: Call, row: Fleet, wish: Wish, over: str) -> Step:
    """Its time is up: it launches no more, and ends what it launched if that is wanted."""
    row.state = f"{over}_terminating" if wish.ends_instances else f"{over}_running"
    with call.write() as tx:
        if wish.ends_instances:
            filling.end_all(tx, call, row.id)
        history.changed(tx, call, row, "expired")
    return Step(row, 0.0)


def _end(call: Call, row: Fleet, over: str) -> Step:
    with call.read() as tx:
        left = {
            one.state
            for one in INSTANCE.table.scan(tx, call.scope)
            if one.options.get("Fleet") == row.id and one.state != "terminated"
        }
    if left:
        row.activity = "pending_termination" if row.state.endswith("terminating") else row.activity
        return Step(row, 0.5 if left == {"shutting-down"} else None)
    wait = row.ended + LEAVING - call.now()  # nobody would see it end otherwise
    if wait > 0:
        return Step(row, wait)
    row.state, row.ended, row.activity = over, call.now(), "fulfilled"
    with call.write() as tx:
        history.changed(tx, call, row, over)
    return Step(row, KEPT)
