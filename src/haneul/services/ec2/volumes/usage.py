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
    "io2": ("EBS:VolumeP-IOPS.io2", 0),
}
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
    name, included = _IOPS.get(row.type, ("", 0))
    if name and row.iops > included:
        call.meter(name, (row.iops - included) * months)
    if row.throughput > 125:
        call.meter("EBS:VolumeP-Throughput.gp3", (row.throughput - 125) / 1024 * months)
