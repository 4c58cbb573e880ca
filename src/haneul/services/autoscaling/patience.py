"""Answering a little late: whoever changed a group and looks at it next sees what was begun.

AWS promises nothing about the moment; with launches that take milliseconds, a short wait spares tests theirs.
"""

from __future__ import annotations

import asyncio

from haneul.service import Call
from haneul.services.autoscaling.names import members_of
from haneul.services.autoscaling.selection import capacity
from haneul.services.autoscaling.state import GROUPS

LONGEST, LOOK = 1.0, 0.02
"""Seconds in all, and between looks."""


async def begun(call: Call, name: str) -> None:
    """Wait until the group is as large as it is to be and EC2 knows its instances, or for as long as is bearable."""
    for _ in range(int(LONGEST / LOOK)):
        if _rests(call, name):
            return
        await asyncio.sleep(LOOK)


def _rests(call: Call, name: str) -> bool:
    with call.read() as tx:
        group = GROUPS.get(tx, call.scope, name)
        if group is None or group.paused > call.now() or {"Launch", "Terminate"} & set(group.suspended):
            return True
        members = members_of(tx, call.scope, name)
    if any("Terminating" in one.state and not one.state.endswith((":Wait", ":Retained")) for one in members):
        return False
    return capacity(members) >= group.desired and all(one.instance for one in members)
