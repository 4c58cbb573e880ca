"""The process killed after every engine call of an instance's life: the end is the same, and nothing is left over."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import botocore.exceptions
import pytest

from tests.api.ec2.waiting import image, pretending
from tests.running import RunningCloud

MOST = 12
"""More calls of one engine than the story takes."""
TOKEN = "the-one-launch"
_DEAD = (
    botocore.exceptions.EndpointConnectionError,
    botocore.exceptions.ConnectionClosedError,
    botocore.exceptions.ReadTimeoutError,
    botocore.exceptions.HTTPClientError,
)


class Story:
    """A cloud that dies at the n-th call of an engine, and is started again by whoever needs it."""

    def __init__(self, kind: str, number: int) -> None:
        self.cloud = pretending(RunningCloud("--log-level", "error"))
        self.flag = self.cloud.data / "engines" / kind / "kill-after"
        self.flag.parent.mkdir(parents=True, exist_ok=True)
        self.flag.write_text(str(number))
        self.cloud.start()

    @property
    def ec2(self) -> Any:
        if self.cloud.process is not None and self.cloud.process.poll() is not None:
            self.cloud.start()
        return self.cloud.client("ec2")

    def tell(self, act: Callable[[Any], Any], end: str) -> None:
        """Do something, across deaths, until the one instance is in a state."""
        deadline = time.monotonic() + 40
        done = False
        found: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            try:
                if not done:
                    act(self.ec2)
                    done = True
                found = self.instances()
                if [one["State"]["Name"] for one in found] == [end]:
                    return
            except _DEAD:
                pass
            time.sleep(0.02)
        raise AssertionError(f"{end} was not reached: {found}, {self.left()}:\n{self.cloud.log()[-3000:]}")

    def instances(self) -> list[dict[str, Any]]:
        return [one for part in self.ec2.describe_instances()["Reservations"] for one in part["Instances"]]

    def left(self) -> dict[str, list[str]]:
        """What there is beside the rows, by engine."""
        engines = self.cloud.data / "engines"
        machines = engines / "machines" / "machines.json"
        known = json.loads(machines.read_text()) if machines.exists() else {}
        files = [path.name for path in (engines / "volumes" / "volumes").glob("*")]
        spaces = [path.name for path in (engines / "networks" / "vpcs").glob("*")]
        return {"machines": sorted(known), "networks": sorted(spaces), "volumes": sorted(files)}


@pytest.fixture
def story() -> Iterator[Callable[[str, int], Story]]:
    made: list[Story] = []

    def make(kind: str, number: int) -> Story:
        made.append(Story(kind, number))
        return made[-1]

    yield make
    for one in made:
        one.cloud.close()


def _run(ec2: Any) -> None:
    ec2.run_instances(ImageId=image(ec2), InstanceType="t3.micro", MinCount=1, MaxCount=1, ClientToken=TOKEN)


def _life(one: Story) -> None:
    """Run, stop, start, terminate."""
    one.tell(_run, "running")
    identifier = one.instances()[0]["InstanceId"]
    assert {name: len(found) for name, found in one.left().items()} == {"machines": 1, "networks": 1, "volumes": 1}
    one.tell(lambda ec2: ec2.stop_instances(InstanceIds=[identifier]), "stopped")
    one.tell(lambda ec2: ec2.start_instances(InstanceIds=[identifier]), "running")
    one.tell(lambda ec2: ec2.terminate_instances(InstanceIds=[identifier]), "terminated")


def _nothing(one: Story) -> bool:
    try:
        rows = one.ec2.describe_volumes()["Volumes"]
    except _DEAD:
        return False
    return not rows and one.left() == {"machines": [], "networks": [], "volumes": []}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["machines", "networks", "volumes"])
def test_a_life_with_a_death_at_every_engine_call(story: Any, kind: str) -> None:
    """On the shipped doubles, so that every moment is reached; HANEUL_BUDGET raises how many (each takes seconds)."""
    budget = int(os.environ.get("HANEUL_BUDGET", "6"))
    for number in range(1, MOST + 1, max(1, MOST // budget)):
        one = story(kind, number)
        _life(one)
        deadline = time.monotonic() + 20
        while not _nothing(one) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert one.left() == {"machines": [], "networks": [], "volumes": []}, number
        died = not one.flag.exists()
        one.cloud.close()
        if not died:
            break


def test_a_cloud_killed_finds_its_machines_again(story: Any) -> None:
    """What runs is not touched by the next cloud: the same boot, the same process."""
    one = story("machines", 1000)
    one.flag.unlink()
    one.tell(_run, "running")
    file = one.cloud.data / "engines" / "machines" / "machines.json"
    before = file.read_text()
    one.cloud.kill()
    one.cloud.start()
    one.tell(lambda ec2: ec2.describe_instance_status(), "running")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        (status,) = one.ec2.describe_instance_status()["InstanceStatuses"]
        if status["InstanceStatus"]["Status"] == "ok":
            break
        time.sleep(0.05)
    assert status["InstanceStatus"]["Status"] == "ok" and file.read_text() == before


def test_an_orderly_end_is_a_reboot_of_the_host(story: Any) -> None:
    """Machines end with their cloud and run again with the next one; the instance was `running` all the while."""
    one = story("machines", 1000)
    one.flag.unlink()
    one.tell(_run, "running")
    file = one.cloud.data / "engines" / "machines" / "machines.json"
    one.cloud.stop()
    (machine,) = json.loads(file.read_text()).values()
    assert machine["state"] == "stopped"
    one.cloud.start()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        (machine,) = json.loads(file.read_text()).values()
        if machine["state"] == "running":
            break
        time.sleep(0.05)
    assert machine["state"] == "running" and one.instances()[0]["State"]["Name"] == "running"
