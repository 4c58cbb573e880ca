"""What AWS lets volumes of each type do, as EBS' user guide tells it."""

from __future__ import annotations

import pytest

from haneul.engines.volumes.port import Limits
from haneul.services.ec2.volumes import opening, types
from haneul.services.ec2.volumes.state import Volume


@pytest.mark.parametrize(
    ("kind", "size", "iops", "limits"),
    [
        ("gp3", 100, None, Limits(3000, 125)),
        ("gp2", 8, None, Limits(100, 128, 3000, 1862)),
        ("gp2", 500, None, Limits(1500, 250, 3000, 3600)),
        ("gp2", 2000, None, Limits(6000, 250)),
        ("io1", 100, 2000, Limits(2000, 500)),
        ("io1", 2000, 64000, Limits(64000, 1000)),
        ("io2", 2000, 64000, Limits(64000, 4000)),
        ("st1", 1024, None, Limits(throughput=40)),
        ("st1", 16384, None, Limits(throughput=500)),
        ("sc1", 2048, None, Limits(throughput=24)),
        ("standard", 10, None, Limits(100, 40, 200, 60)),
    ],
)
def test_limits_of_types(kind, size, iops, limits):
    """By type, size and what was provisioned."""
    found = types.settle(kind, size, iops, None)
    row = Volume(id="v", zone="z", size=size, type=kind, state="available", created=0.0)
    row.iops, row.throughput = found
    assert opening.limits(row) == limits
