"""What machines open of a volume: an encrypted one while it is needed, any of them as slow as its type where
the setting `volume_limits` says so.

Sources: EBS' user guide, "Amazon EBS volume types" (throughput of types, gp2's burst of 3000 operations from a bucket
of 5.4 million).
"""

from __future__ import annotations

from pathlib import Path

from haneul.engines.errors import EngineError
from haneul.engines.volumes.port import NO_LIMITS, Limits
from haneul.service import Call
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.instances.state import INSTANCE
from haneul.services.ec2.volumes import keys
from haneul.services.ec2.volumes.state import Volume
from haneul.wire.errors import AwsError

_DOWN = ("stopping", "stopped", "shutting-down", "terminated")
_BUCKET = 5_400_000
_BURST = 3000
_MAGNETIC = {"st1": (40, 20, 500), "sc1": (12, 6, 192)}
"""MiB/s of each TiB, the least, the most."""
_MOST = {"io1": 1000, "io2": 4000}


def ensure(call: Call, row: Volume) -> Path:
    """The raw file, open. Raises EngineError, also when KMS doesn't give the key."""
    volumes = planes.of(call.cloud).volumes
    key = b""
    if volumes.is_sealed(row.id) and not volumes.is_open(row.id):
        try:
            key = keys.opened(call, row.data_key)
        except AwsError as error:
            raise EngineError(f"KMS does not open {row.id}: {error.code}: {error.message}") from error
    return volumes.ensure_open(row.id, key, limits(row) if call.cloud.config.volume_limits else NO_LIMITS)


def settle(call: Call, row: Volume) -> None:
    """One that is open is so by the limits that it has now; one that no machine needs is closed."""
    plane = planes.of(call.cloud)
    if not plane.volumes.is_open(row.id):
        return
    if any(_needs(call, instance) for instance in row.attachments):
        ensure(call, row)
    else:
        plane.volumes.ensure_closed(row.id)


def _needs(call: Call, instance: str) -> bool:
    with call.read() as tx:
        owner = INSTANCE.find(tx, call.scope, instance)
    if owner is not None and owner.state not in _DOWN:
        return True
    return planes.of(call.cloud).machines.state(instance) in ("running", "paused")


def limits(row: Volume) -> Limits:
    """What AWS lets a volume of its type and size do."""
    if row.type in _MAGNETIC:
        each, least, most = _MAGNETIC[row.type]
        return Limits(throughput=max(least, min(most, each * row.size // 1024)))
    if row.type == "standard":
        return Limits(iops=100, throughput=40, burst=200, seconds=60)
    if row.type == "gp2":
        throughput = 128 if row.size <= 170 else 250
        if row.iops >= _BURST:
            return Limits(row.iops, throughput)
        return Limits(row.iops, throughput, _BURST, _BUCKET // (_BURST - row.iops))
    if row.type in _MOST:
        return Limits(row.iops, min(_MOST[row.type], max(1, row.iops // 4)))
    return Limits(row.iops, row.throughput)
