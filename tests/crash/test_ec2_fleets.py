"""The process killed while a fleet and a persistent Spot request get what they ask for: they get it, and no more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import pytest

from tests.api.ec2.waiting import image, pretending
from tests.running import RunningCloud

_DEAD = (
    botocore.exceptions.EndpointConnectionError,
    botocore.exceptions.ConnectionClosedError,
    botocore.exceptions.ReadTimeoutError,
    botocore.exceptions.HTTPClientError,
)
ACTIVE = ("pending", "running")


@pytest.fixture
def dying(request: pytest.FixtureRequest) -> Iterator[RunningCloud]:
    """A cloud that is killed at the n-th call of its machines."""
    cloud = pretending(RunningCloud("--log-level", "error"))
    flag = cloud.data / "engines" / "machines" / "kill-after"
    flag.parent.mkdir(parents=True, exist_ok=True)
    flag.write_text(str(request.param))
    yield cloud.start()
    cloud.close()


def _ec2(cloud: RunningCloud) -> Any:
    if cloud.process is not None and cloud.process.poll() is not None:
        cloud.start()
    return cloud.client("ec2")


def _running(ec2: Any) -> int:
    found = [one for held in ec2.describe_instances()["Reservations"] for one in held["Instances"]]
    assert len([one for one in found if one["State"]["Name"] in ACTIVE]) <= 4, found
    return len([one for one in found if one["State"]["Name"] == "running"])


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("dying", [1, 2, 3, 5], indirect=True)
def test_exactly_what_was_asked_for(dying: RunningCloud) -> None:
    """Three instances of a fleet and one of a request, whenever the cloud died; the fleet counts by its instances."""
    ec2 = _ec2(dying)
    made = ec2.create_launch_template(
        LaunchTemplateName="fleet", LaunchTemplateData={"ImageId": image(ec2), "InstanceType": "t3.micro"}
    )
    specification = {"LaunchTemplateId": made["LaunchTemplate"]["LaunchTemplateId"], "Version": "1"}
    target = {"TotalTargetCapacity": 3, "DefaultTargetCapacityType": "on-demand"}
    configs = [{"LaunchTemplateSpecification": specification}]
    spot = {"ImageId": image(ec2), "InstanceType": "t3.micro"}
    ec2.request_spot_instances(LaunchSpecification=spot, Type="persistent")
    ec2.create_fleet(LaunchTemplateConfigs=configs, TargetCapacitySpecification=target)
    deadline = time.monotonic() + 60
    found = 0
    while found != 4 and time.monotonic() < deadline:
        try:
            found = _running(_ec2(dying))
        except _DEAD:
            found = 0
        time.sleep(0.05)
    assert found == 4, dying.log()[-3000:]
    (fleet,) = _ec2(dying).describe_fleets()["Fleets"]
    assert fleet["FulfilledCapacity"] == 3.0
    (request,) = _ec2(dying).describe_spot_instance_requests()["SpotInstanceRequests"]
    assert request["State"] == "active"
