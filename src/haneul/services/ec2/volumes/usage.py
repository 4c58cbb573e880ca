"""What EBS costs: gigabyte-months of volumes by type, IOPS-months and throughput beyond what gp3 includes."""

from __future__ import annotations

from haneul.service import Call
from haneul.services.ec2.volumes.state import Volume

_STORAGE = {
    "gp2": "EBS:VolumeUsage.gp2",
    "gp3": "EBS:VolumeUsage.gp3",
    "io1": "EBS:VolumeUsage.piops",
    "io2": "EBS:VolumeUsage.io2",
    "st1": "EBS:VolumeUsage.st1",
    "sc1": "EBS:VolumeUsage.sc1",
    "standard": "EBS:VolumeUsage",
}
_IOPS = {
    "gp3": ("EBS:VolumeP-IOPS.gp3", 3000),
    "io1": ("EBS:VolumeP-IOPS.piops", 0),
}
_IO2 = (
    (0, 32000, "EBS:VolumeP-IOPS.io2"),
    (32000, 64000, "EBS:VolumeP-IOPS.io2.tier2"),
    (64000, 0, "EBS:VolumeP-IOPS.io2.tier3"),
)
"""IOPS of one volume from, to (0: without end), and what they are called on the bill."""
_MONTH = 730.0 * 3600
LONGEST = 3600.0
"""Seconds that are counted at once at most: what passed while the cloud was off costs nothing."""


def count_volume(call: Call, row: Volume) -> None:
    """Count the time since the last look."""
    now = call.now()
    months = min(max(0.0, now - row.metered), LONGEST) / _MONTH if row.metered else 0.0
    row.metered = now
    if not months:
        return
    call.meter(_STORAGE[row.type], row.size * months)
    for name, iops in _provisioned(row.type, row.iops):
        call.meter(name, iops * months)
    if row.throughput > 125:
        call.meter("EBS:VolumeP-Throughput.gp3", (row.throughput - 125) / 1024 * months)


def _provisioned(type: str, iops: int) -> list[tuple[str, int]]:
    """(usage type, IOPS beyond what the type includes); a volume's further IOPS cost less with io2."""
    if type == "io2":
        return [(name, min(iops, most or iops) - least) for least, most, name in _IO2 if iops > least]
    name, included = _IOPS.get(type, ("", 0))
    return [(name, iops - included)] if name and iops > included else []
