"""What a database costs: hours of its class while it runs, storage while it is there, in AWS's usage types."""

from __future__ import annotations

from haneul.service import Call
from haneul.services.rds.state import Instance

_STORAGE = {"gp2": "GP2-Storage", "gp3": "GP3-Storage", "io1": "PIOPS-Storage", "io2": "PIOPS-Storage-IO2"}
_MONTH = 730.0
"""Hours, as AWS counts a month."""
LONGEST = 900.0
"""Seconds that are counted at once at most: what passed while the cloud was off costs nothing."""


def count(call: Call, row: Instance, *, runs: bool) -> None:
    """Count the time since the last look."""
    now = call.now()
    hours = min(max(0.0, now - row.metered), LONGEST) / 3600 if row.metered else 0.0
    row.metered = now
    if not hours:
        return
    double = 2 if row.shape.get("MultiAZ") else 1
    if runs:
        kind = "Multi-AZUsage" if double == 2 else "InstanceUsage"
        call.meter(f"{kind}:{row.klass}", hours)
    if not row.cluster:
        name = _STORAGE.get(row.shape.get("StorageType", ""), "StorageUsage")
        call.meter(f"RDS:{name}", row.shape.get("AllocatedStorage", 0) * double * hours / _MONTH)
