"""What costs by the hour without a step of its own: NAT gateways, interface endpoints, public addresses, hosts,
snapshots; and the traffic that leaves VPCs by their internet gateways. One step for an account and region, while there
is any."""

from __future__ import annotations

from collections import Counter

from haneul.converge import wake
from haneul.engines.errors import EngineError
from haneul.engines.networks.port import Counters
from haneul.service import Call, Scope, Step
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.account.state import HOURS, Hours
from haneul.services.ec2.hosts.state import HOST
from haneul.services.ec2.volumes.state import FAST_RESTORES, SNAPSHOT
from haneul.services.ec2.vpc.state import ADDRESS, ENDPOINT, INTERFACE, NAT
from haneul.state.store import Reader, Writer

KIND = "ec2.hours"
COUNTED = 300.0
"""Seconds between looks."""
LONGEST = 3600.0
"""Seconds that are counted at once at most: what passed while the cloud was off costs nothing."""
_MONTH = 730.0
_GIB = float(1 << 30)


def begin(tx: Writer, scope: Scope, now: float) -> None:
    """Something came that costs by the hour."""
    row = HOURS.get(tx, scope, "hours")
    if row is None:
        row = Hours(metered=now)
        wake(tx, KIND, scope, ("hours",), now + COUNTED)
    row.begun += 1
    HOURS.put(tx, scope, row)


def step_hours(call: Call, row: Hours) -> Step:
    """Count the time since the last look; end when nothing is left."""
    now = call.now()
    hours = min(max(0.0, now - row.metered), LONGEST) / 3600
    with call.read() as tx:
        there = _there(tx, call.scope)
        vpcs = _leaving(tx, call.scope)
    for usage, amount in there.items():
        call.meter(usage, amount * hours)
    for vpc, nats in vpcs.items():
        _traffic(call, vpc, nats)
    row.metered = now
    return Step(row, COUNTED) if there else Step(None)


def _there(tx: Reader, scope: Scope) -> dict[str, float]:
    """Usage type -> how much of it there is now, in what an hour of it counts."""
    found: Counter[str] = Counter()
    held = {public for nic in INTERFACE.table.scan(tx, scope) for public in nic.publics.values()}
    idle = sum(1 for one in ADDRESS.table.scan(tx, scope) if one.public not in held)
    found["NatGateway-Hours"] = sum(1 for one in NAT.table.scan(tx, scope) if one.state == "available")
    found["VpcEndpoint-Hours"] = sum(len(one.interfaces) for one in ENDPOINT.table.scan(tx, scope))
    found["PublicIPv4:InUseAddress"] = len(held)
    found["PublicIPv4:IdleAddress"] = idle
    for host in HOST.table.scan(tx, scope):
        found[f"HostUsage:{host.family}"] += host.state == "available"
    found["EBS:FastSnapshotRestore"] = sum(1 for _ in FAST_RESTORES.scan(tx, scope))
    kept: dict[str, float] = {name: float(count) for name, count in found.items() if count}
    for one in SNAPSHOT.table.scan(tx, scope):
        if one.state == "completed" and one.changed:
            name = "EBS:SnapshotArchiveStorage" if one.tier.get("tier") == "archive" else "EBS:SnapshotUsage"
            kept[name] = kept.get(name, 0.0) + one.changed / _GIB / _MONTH
    return kept


def _leaving(tx: Reader, scope: Scope) -> dict[str, bool]:
    """The VPCs in which something runs -> whether all that leaves them passes a NAT gateway."""
    nats = {one.vpc: one.interface for one in NAT.table.scan(tx, scope) if one.state == "available"}
    found: dict[str, bool] = {}
    for nic in INTERFACE.table.scan(tx, scope):
        if nic.live:
            found.setdefault(nic.vpc, nic.vpc in nats)
            if nic.publics and nic.id != nats.get(nic.vpc):
                found[nic.vpc] = False
    return found


def _traffic(call: Call, vpc: str, nats: bool) -> None:
    """Bytes since the last look, which the cloud's first one only remembers."""
    plane = planes.of(call.cloud)
    try:
        now = plane.networks.uplink(vpc)
    except EngineError:
        return
    before, plane.passed[vpc] = plane.passed.get(vpc), now
    if before is None:
        return
    sent, received = _since(before, now)
    if sent:
        call.meter("DataTransfer-Out-Bytes", sent)
    if nats and sent + received:
        call.meter("NatGateway-Bytes", sent + received)


def _since(before: Counters, now: Counters) -> tuple[int, int]:
    """Counters start anew with a new link."""
    if now.sent < before.sent or now.received < before.received:
        return now.sent, now.received
    return now.sent - before.sent, now.received - before.received
