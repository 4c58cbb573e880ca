"""Between the tables and the kernel: VPCs in which something runs are as their tables say."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from haneul.converge import wake
from haneul.engines.errors import EngineError
from haneul.engines.networks.port import VpcPlan
from haneul.service import Call, Scope, Step
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.plane import Plane
from haneul.services.ec2.vpc import plan, state
from haneul.state.store import Reader, Writer

log = logging.getLogger(__name__)
_LOCKS: dict[str, threading.Lock] = {}
"""One for each VPC: who compiled last is who tells the kernel last."""
Changed = tuple[dict[str, Any], Iterable[str]]
"""An operation's answer, and the VPCs that it changed."""


def realise(plane: Plane, scope: Scope, vpc: str) -> None:
    """The kernel has the VPC as its tables say, and doesn't have it when nothing of it runs. Blocking.
    Raises EngineError where something should run and networks can't be made."""
    sweep(plane)
    with _LOCKS.setdefault(vpc, threading.Lock()):
        with plane.cloud.store.read() as tx:
            wanted = plan.compile_plan(tx, scope, vpc)
        reason = "" if plane.networked else plane.networks.available()
        if wanted is None:
            plane.services.release(vpc)
            if not reason:
                plane.networks.remove(vpc)
        elif reason:
            raise EngineError(reason)
        else:
            _ensure(plane, wanted)
            plane.services.ensure(vpc, [one.addresses[0] for one in wanted.enis if one.kind == "none"])


def _ensure(plane: Plane, wanted: VpcPlan) -> None:
    with plane.kernel:
        if plane.closing:
            raise EngineError("the cloud is closing")
        plane.networked = True
        plane.networks.ensure(wanted)


def sweep(plane: Plane) -> None:
    """Once, before anything is made: what an earlier cloud left in the kernel, and nobody wants any more, goes."""
    with plane.sweeping:
        if plane.swept:
            return
        with plane.kernel:  # the probe is a network, too
            plane.networked = not plane.closing and not plane.networks.available()
        if plane.networked:
            with plane.cloud.store.read() as tx:
                keep = {row.vpc for _, row in state.INTERFACE.table.everywhere(tx) if row.live}
            for vpc in plane.networks.sweep(keep):
                log.info("removed the network of %s, which nothing runs in", vpc)
        plane.swept = True


def resume(plane: Plane) -> None:
    """At start-up: every VPC in which something should run is there again, and no other. Blocking."""
    with plane.cloud.store.read() as tx:
        live = {(scope, row.vpc) for scope, row in state.INTERFACE.table.everywhere(tx) if row.live}
    try:
        sweep(plane)
        for scope, vpc in sorted(live):
            realise(plane, scope, vpc)
    except (EngineError, OSError) as error:
        log.warning("networks of VPCs could not be brought back: %s", error)


def touch(tx: Writer, scope: Scope, vpc: str) -> None:
    """Something of the VPC changed: the kernel hears of it, and of its peers, if anything of theirs runs."""
    for where, one in _concerned(tx, scope, vpc):
        wake(tx, "ec2.vpc", where, (one,), 0.0)


def touch_peers(tx: Writer, scope: Scope, vpc: str) -> None:
    """As `touch`, for VPCs whose groups may refer to groups of this one; its own step is under way."""
    for where, one in _concerned(tx, scope, vpc):
        if one != vpc:
            wake(tx, "ec2.vpc", where, (one,), 0.0)


async def apply(call: Call, change: Callable[[Writer], Changed]) -> dict[str, Any]:
    """One transaction, and then the kernel: the caller is answered when what was forbidden is so from the next packet
    on. Killed in between, the step does it when the cloud is back."""

    def changed(tx: Writer) -> tuple[dict[str, Any], list[tuple[Scope, str]]]:
        answer, vpcs = change(tx)
        concerned = []
        for vpc in dict.fromkeys(vpcs):
            touch(tx, call.scope, vpc)
            concerned += _concerned(tx, call.scope, vpc)
        return answer, concerned

    answer, concerned = await call.transact(changed)
    for scope, vpc in dict.fromkeys(concerned):
        await asyncio.to_thread(realise, planes.of(call.cloud), scope, vpc)
    return answer


async def settle(call: Call, vpc: str) -> None:
    """The kernel is as the tables say, for who changed them already."""
    with call.read() as tx:
        concerned = _concerned(tx, call.scope, vpc)
    for scope, one in concerned:
        await asyncio.to_thread(realise, planes.of(call.cloud), scope, one)


def step_vpc(call: Call, row: state.Vpc) -> Step:
    """A VPC's step: the kernel is as the tables say."""
    realise(planes.of(call.cloud), call.scope, row.id)
    return Step(row)


def _concerned(tx: Reader, scope: Scope, vpc: str) -> list[tuple[Scope, str]]:
    """The VPC and its active peers: those of them that the kernel has."""
    everyone = [(scope, vpc)]
    for _, ours, theirs in plan.peers(tx, scope, vpc):
        if ours.get("VpcId") == vpc:
            everyone.append((plan.scope_of(scope, theirs), theirs["VpcId"]))
    return [
        (where, one)
        for where, one in dict.fromkeys(everyone)
        if state.VPC.find(tx, where, one) is not None and plan.live_interfaces(tx, where, one)
    ]
