"""Images on their way: pending until their snapshots are there. Each step may be repeated, and interrupted."""

from __future__ import annotations

from haneul.engines.errors import EngineError
from haneul.service import Call, Step
from haneul.services.ec2.instances import image_notices, image_storing, image_taking
from haneul.services.ec2.instances.state import Image
from haneul.services.ec2.volumes.state import SNAPSHOT
from haneul.wire.errors import AwsError

POLL = 0.1
KEPT = 3600.0
"""Seconds that a deregistered image is remembered as one that was there."""


def step_image(call: Call, row: Image) -> Step:
    """Bring an image one state further."""
    if row.state == "deregistered":
        left = row.work.get("ended", 0.0) + KEPT - call.now()
        return Step(row, left) if left > 0 else Step(None)
    if row.state != "pending":
        return Step(row)
    if row.work.get("restore"):
        try:
            return image_storing.restore(call, row)
        except (AwsError, EngineError, OSError) as error:
            image_storing.forget(call, row)
            return _ended(call, row, "failed", error.message if isinstance(error, AwsError) else str(error))
    with call.read() as tx:
        found = [SNAPSHOT.find(tx, call.scope, one) for one in row.work.get("snapshots") or ()]
    broken = [one for one in found if one is None or one.state not in ("pending", "completed")]
    if broken:
        message = next((one.work["message"] for one in broken if one and one.work.get("message")), "a snapshot is gone")
        return _ended(call, row, "failed", message)
    if all(one is not None and one.state == "completed" for one in found):
        return _ended(call, row, "available")
    if row.work.get("instance"):
        image_taking.turn(call, row)
    return Step(row, POLL)


def _ended(call: Call, row: Image, state: str, message: str = "") -> Step:
    row.state, row.work = state, {}
    if message:
        row.options = {
            **row.options,
            "StateReason": {"Code": "Client.InternalError", "Message": f"Client.InternalError: {message}"[:500]},
        }
    with call.write() as tx:
        image_notices.tell(tx, call.scope, row, call.now())
    return Step(row)
