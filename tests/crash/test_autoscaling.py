"""The process killed while a group grows and shrinks: it comes to the size that it should have, nothing is launched
twice, and nothing is left over."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.ec2.waiting import image, pretending
from tests.crash.test_ec2 import _DEAD
from tests.running import RunningCloud

SIZE = 3


class Story:
    """A cloud that dies, and is started again by whoever needs it."""

    def __init__(self, kind: str = "", number: int = 0) -> None:
        self.cloud = pretending(RunningCloud("--log-level", "error"))
        self.flag = self.cloud.data / "engines" / (kind or "machines") / "kill-after"
        if kind:
            self.flag.write_text(str(number))
        self.cloud.start()

    def client(self, service: str) -> Any:
        if self.cloud.process is not None and self.cloud.process.poll() is not None:
            self.cloud.start()
        return self.cloud.client(service)

    def insist(self, act: Any) -> Any:
        """Do something until the cloud lives long enough to answer."""
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            try:
                return act()
            except _DEAD:
                time.sleep(0.02)
        raise AssertionError(self.cloud.log()[-3000:])

    def make(self) -> None:
        """An empty group."""
        self.insist(lambda: _create(self.client("ec2"), self.client("autoscaling")))

    def resize(self, size: int) -> None:
        given = {"AutoScalingGroupName": "crash", "DesiredCapacity": size}
        self.insist(lambda: self.client("autoscaling").set_desired_capacity(**given))

    def serving(self) -> list[str]:
        asked = {"AutoScalingGroupNames": ["crash"]}
        (group,) = self.insist(lambda: self.client("autoscaling").describe_auto_scaling_groups(**asked))[
            "AutoScalingGroups"
        ]
        assert len(group["Instances"]) <= SIZE
        return [one["InstanceId"] for one in group["Instances"] if one["LifecycleState"] == "InService"]

    def instances(self) -> list[dict[str, Any]]:
        """Every one that was ever launched."""
        found = self.insist(lambda: self.client("ec2").describe_instances())["Reservations"]
        return [one for part in found for one in part["Instances"]]

    def reached(self, size: int) -> None:
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            alive = [one for one in self.instances() if one["State"]["Name"] != "terminated"]
            if len(self.serving()) == len(alive) == size:
                return
            time.sleep(0.02)
        raise AssertionError(f"{size} instances were not reached: {self.instances()}\n{self.cloud.log()[-3000:]}")

    def finish(self) -> None:
        """Grown and shrunk again, with as many launches as were needed."""
        self.reached(SIZE)
        self.resize(0)
        self.reached(0)
        launched = self.instances()
        assert len(launched) == SIZE and len({one["ClientToken"] for one in launched}) == SIZE


def _create(ec2: Any, asg: Any) -> None:
    try:
        ec2.create_launch_template(
            LaunchTemplateName="crash", LaunchTemplateData={"ImageId": image(ec2), "InstanceType": "t3.micro"}
        )
    except ec2.exceptions.ClientError:
        pass  # made before the death
    try:
        asg.create_auto_scaling_group(
            AutoScalingGroupName="crash",
            MinSize=0,
            MaxSize=SIZE,
            AvailabilityZones=["us-east-1a", "us-east-1b"],
            LaunchTemplate={"LaunchTemplateName": "crash"},
        )
    except asg.exceptions.ClientError:
        pass


@pytest.fixture
def made() -> Iterator[list[Story]]:
    stories: list[Story] = []
    yield stories
    for one in stories:
        one.cloud.close()


@pytest.mark.timeout(600)
def test_killed_while_it_grows(made: list[Story]) -> None:
    """At moments from the request to the last launch: between a launch and the note of it, too."""
    budget = int(os.environ.get("HANEUL_BUDGET", "3"))
    for number in range(budget):
        one = Story()
        made.append(one)
        one.make()
        one.resize(SIZE)
        time.sleep(number * 0.25 / budget)
        one.cloud.kill()
        one.finish()
        made.pop().cloud.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_calls_of_the_engine(made: list[Story]) -> None:
    """At the n-th call to the machines, on the way up and on the way down."""
    budget = int(os.environ.get("HANEUL_BUDGET", "6"))
    for number in range(1, 4 * budget, 4):
        one = Story("machines", number)
        made.append(one)
        one.make()
        one.resize(SIZE)
        one.finish()
        died = not one.flag.exists()
        made.pop().cloud.close()
        if not died:
            break
