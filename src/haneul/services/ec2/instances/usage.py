"""What instances cost and do: seconds of their type, and the figures that CloudWatch has of them, from the engines."""

from __future__ import annotations

from typing import Any

from haneul.engines.errors import EngineError
from haneul.service import Call
from haneul.services.ec2.instances.state import Instance
from haneul.services.ec2.instances.vitals import Figures
from haneul.services.ec2.plane import Plane
from haneul.services.ec2.reservations import coverage
from haneul.services.ec2.vpc.state import INTERFACE
from haneul.wire.errors import AwsError

LONGEST = 900.0
"""Seconds that are counted at once at most: what passed while the cloud was off costs nothing."""
MINUTE = 60.0
"""Seconds that are counted at once at least, while an instance runs."""
BASIC, DETAILED = 300.0, 60.0
"""Seconds between figures of an instance, with detailed monitoring off and on."""


def count(call: Call, row: Instance) -> None:
    """Count the time since the last look: an instance costs while it runs, and while it stops."""
    now = call.now()
    if row.state == "running" and 0 <= now - row.metered < MINUTE:
        return
    hours = min(max(0.0, now - row.metered), LONGEST) / 3600 if row.metered else 0.0
    row.metered = now if row.state in ("running", "stopping", "shutting-down") else 0.0
    if not hours:
        return
    if (row.options.get("Placement") or {}).get("HostId"):
        return  # its host is paid for
    if row.options.get("Lifecycle") == "spot":
        call.meter(f"SpotUsage:{row.type}", hours)
        return
    covered = coverage.share(call, row)
    if covered:
        call.meter(f"DiscountedUsage:{row.type}", hours * covered)
    if covered < 1:
        call.meter(f"BoxUsage:{row.type}", hours * (1 - covered))


def publish(call: Call, plane: Plane, row: Instance) -> None:
    """Tell CloudWatch what it did since the last time, when that is long enough ago."""
    vital = plane.vitals.of(row.id)
    if vital is None:
        return
    period = DETAILED if row.options.get("Monitoring") else BASIC
    before = vital.figures
    if before is not None and call.now() - before.at < period - 1:
        return
    now = _figures(call, plane, row)
    if now is None:
        return
    vital.figures = now
    if before is None or now.cpu < before.cpu:
        return  # the first look, or another process than last time
    span = max(1.0, now.at - before.at)
    cpus = max(1, min(row.options.get("vcpus", 1), plane.able.cpus if plane.able is not None else 1))
    failed = 1.0 if vital.failing else 0.0
    data = [
        ("CPUUtilization", min(100.0, (now.cpu - before.cpu) / span / cpus * 100), "Percent"),
        ("NetworkIn", max(0, now.sent - before.sent), "Bytes"),
        ("NetworkOut", max(0, now.received - before.received), "Bytes"),
        ("EBSReadBytes", max(0, now.read - before.read), "Bytes"),
        ("EBSWriteBytes", max(0, now.written - before.written), "Bytes"),
        ("DiskReadBytes", max(0, now.read - before.read), "Bytes"),
        ("DiskWriteBytes", max(0, now.written - before.written), "Bytes"),
        ("StatusCheckFailed", failed, "Count"),
        ("StatusCheckFailed_Instance", failed, "Count"),
        ("StatusCheckFailed_System", 0.0, "Count"),
    ]
    _put(call, row, data)


def _put(call: Call, row: Instance, data: list[tuple[str, float, str]]) -> None:
    whose = {"InstanceId": row.id, "AutoScalingGroupName": row.tags.get("aws:autoscaling:groupName")}
    told: list[dict[str, Any]] = [
        {"MetricName": name, "Value": float(value), "Unit": unit, "Dimensions": [{"Name": kind, "Value": identifier}]}
        for kind, identifier in whose.items()
        if identifier
        for name, value, unit in data
    ]
    try:
        call.invoke("cloudwatch", "PutMetricData", {"Namespace": "AWS/EC2", "MetricData": told})
    except AwsError:
        pass  # no CloudWatch here


def _figures(call: Call, plane: Plane, row: Instance) -> Figures | None:
    """`received` is what the network took from the guest, as its engine counts."""
    stats = plane.machines.stats(row.id)
    if stats is None:
        return None
    with call.read() as tx:
        nics = [one.id for one in INTERFACE.table.scan(tx, call.scope) if one.attachment.get("instance") == row.id]
    received = sent = 0
    for nic in nics:
        try:
            counters = plane.networks.counters(row.vpc, nic)
        except EngineError:
            continue
        received, sent = received + counters.received, sent + counters.sent
    return Figures(call.now(), stats.cpu_seconds, stats.read_bytes, stats.written_bytes, received, sent)
