"""What instances do is in CloudWatch, what they cost is counted; on a cloud whose minutes are seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from haneul.metering.meter import USAGE
from haneul.state.rocks import RocksStore
from tests.api.ec2.waiting import pretending, running, until
from tests.running import RunningCloud


@pytest.fixture(scope="module")
def quick() -> Iterator[RunningCloud]:
    cloud = pretending(RunningCloud("--log-level", "warning", "--clock-rate", "60")).start()
    yield cloud
    cloud.close()


def test_figures_and_hours(quick):
    """Detailed monitoring tells every minute; each minute that it runs is counted under its type."""
    ec2, cloudwatch = quick.client("ec2"), quick.client("cloudwatch")
    identifier = running(ec2, Monitoring={"Enabled": True})["InstanceId"]
    dimensions = [{"Name": "InstanceId", "Value": identifier}]

    def names() -> set[str]:
        found = cloudwatch.list_metrics(Namespace="AWS/EC2", Dimensions=dimensions)["Metrics"]
        return {one["MetricName"] for one in found}

    wanted = {"CPUUtilization", "NetworkIn", "NetworkOut", "DiskReadBytes", "DiskWriteBytes", "StatusCheckFailed"}
    until(lambda: names() >= wanted)
    quick.stop()
    store = RocksStore(str(quick.data / "store"))
    try:
        with store.read() as tx:
            hours = sum(row.amount for _, row in USAGE.everywhere(tx) if row.usage == "BoxUsage:t3.micro")
    finally:
        store.close()
    assert hours > 0.9 / 60
