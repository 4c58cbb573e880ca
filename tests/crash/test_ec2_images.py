"""The process killed after every engine call while an image of a running instance is taken, copied and deregistered:
the end is the same, the instance runs, and no snapshot's bytes are left over."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import botocore.exceptions
import pytest

from tests.api.ec2.waiting import image
from tests.crash.test_ec2 import _DEAD, Story

MOST = 14
"""More calls of one engine than the story takes."""


@pytest.fixture
def story() -> Iterator[Callable[[str, int], Story]]:
    made: list[Story] = []

    def make(kind: str, number: int) -> Story:
        made.append(Story(kind, number))
        return made[-1]

    yield make
    for one in made:
        one.cloud.close()


def _across(one: Story, look: Callable[[Any], Any], seconds: float = 60) -> Any:
    """What `look` gives, once it is something, across deaths."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = look(one.ec2)
            if found:
                return found
        except _DEAD:
            pass
        time.sleep(0.02)
    raise AssertionError(f"it did not come about: {one.left()}\n{one.cloud.log()[-3000:]}")


def _made(ec2: Any, name: str, make: Callable[[], Any]) -> str:
    """The image of that name, made if it isn't there; its id once it is available."""
    asked = [{"Name": "name", "Values": [name]}]
    found = ec2.describe_images(Owners=["self"], Filters=asked)["Images"]
    if not found:
        make()
        return ""
    assert found[0]["State"] in ("pending", "available"), found
    return str(found[0]["ImageId"]) if found[0]["State"] == "available" else ""


def _gone(ec2: Any, identifier: str) -> bool:
    try:
        ec2.deregister_image(ImageId=identifier, DeleteAssociatedSnapshots=True)
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidAMIID.Unavailable"
    return True


def _files(one: Story) -> list[str]:
    folder = one.cloud.data / "engines" / "volumes"
    return [path.name for kind in ("snapshots", "segments", "frozen") for path in (folder / kind).glob("*")]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["machines", "volumes"])
def test_images_with_a_death_at_every_engine_call(story: Any, kind: str) -> None:
    """On the shipped doubles; HANEUL_BUDGET raises how many moments are tried (each takes seconds)."""
    budget = int(os.environ.get("HANEUL_BUDGET", "7"))
    for number in range(1, MOST + 1, max(1, MOST // budget)):
        one = story(kind, number)
        launch = {"InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "ClientToken": "once"}
        _across(one, lambda ec2: ec2.run_instances(ImageId=image(ec2), **launch))  # noqa: B023 (called at once)
        one.tell(lambda ec2: ec2.describe_instances(), "running")
        (instance,) = [row["InstanceId"] for row in one.instances()]

        def take(ec2: Any, of: str = instance) -> str:
            return _made(ec2, "taken", lambda: ec2.create_image(InstanceId=of, Name="taken"))

        taken = _across(one, take)

        def copy(ec2: Any, of: str = taken) -> str:
            asked = {"SourceImageId": of, "SourceRegion": "us-east-1", "Name": "copied", "ClientToken": "copy"}
            return _made(ec2, "copied", lambda: ec2.copy_image(**asked))

        copied = _across(one, copy)
        one.tell(lambda ec2: ec2.describe_instances(), "running")
        for each in (taken, copied):
            _across(one, lambda ec2, of=each: _gone(ec2, of))
        _across(one, lambda ec2: ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == [])
        _across(one, lambda _: _files(one) == [])  # noqa: B023 (called at once)
        assert len(one.left()["machines"]) == 1
        died = not one.flag.exists()
        one.cloud.close()
        if not died:
            break
