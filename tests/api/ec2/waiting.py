"""Waiting for what takes time, with a limit; and clouds whose engines are doubles."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from haneul.engines.errors import EngineError
from haneul.engines.volumes import exports
from tests.running import RunningCloud

KINDS = ("machines", "networks")


def pretending(cloud: RunningCloud, kinds: tuple[str, ...] = KINDS) -> RunningCloud:
    """The cloud, before it starts, told to use doubles for these engines."""
    for kind in kinds:
        folder = cloud.data / "engines" / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "fake").touch()
    return cloud


def seals(cloud: RunningCloud) -> None:
    """Skips the test where this machine can't open encrypted volumes (no FUSE, no qemu-storage-daemon)."""
    try:
        exports.check(cloud.data)
    except EngineError as error:
        pytest.skip(str(error))


def until(look: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What `look` gives, once it is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come about in time")


def instance(ec2: Any, identifier: str) -> dict[str, Any]:
    """One instance as DescribeInstances shows it."""
    (reservation,) = ec2.describe_instances(InstanceIds=[identifier])["Reservations"]
    return dict(reservation["Instances"][0])


def reached(ec2: Any, identifier: str, state: str, seconds: float = 20.0) -> dict[str, Any]:
    """The instance, once it is in a state."""
    return dict(until(lambda: (found := instance(ec2, identifier))["State"]["Name"] == state and found, seconds))


def image(ec2: Any) -> str:
    """The id of the built-in image that boots the fastest."""
    asked = [{"Name": "name", "Values": ["haneul-minimal-*"]}]
    return str(ec2.describe_images(Owners=["amazon"], Filters=asked)["Images"][0]["ImageId"])


def launched(ec2: Any, **options: Any) -> list[dict[str, Any]]:
    """New instances of a t3.micro, one unless asked otherwise, as RunInstances answers them."""
    asked = {"ImageId": image(ec2), "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1} | options
    return list(ec2.run_instances(**asked)["Instances"])


def running(ec2: Any, **options: Any) -> dict[str, Any]:
    """One new instance, once it runs."""
    return reached(ec2, launched(ec2, **options)[0]["InstanceId"], "running")
