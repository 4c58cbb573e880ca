"""The process killed after every call of the volumes engine while volumes are encrypted: the end is the same, and no
exporter, mount or file is left over."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from haneul.engines.errors import EngineError
from haneul.engines.volumes import exports
from tests.crash.test_ec2 import _DEAD, TOKEN, Story, _run

MOST = 20
"""More calls of the engine than the story takes."""
_AGAIN = ("VolumeInUse", "InvalidVolume.NotFound", "IncorrectState", "InvalidParameterValue")


@pytest.fixture
def story() -> Iterator[Callable[[int], Story]]:
    made: list[Story] = []

    def make(number: int) -> Story:
        made.append(Story("volumes", number))
        return made[-1]

    yield make
    for one in made:
        one.cloud.close()


def done(one: Story, act: Callable[[Any], Any]) -> Any:
    """What a call that may be repeated gives, across deaths."""
    return waited(one, lambda ec2: act(ec2) or True)


def waited(one: Story, look: Callable[[Any], Any]) -> Any:
    """What `look` gives once it is something, across deaths."""
    deadline = time.monotonic() + 60
    found = None
    while time.monotonic() < deadline:
        try:
            if found := look(one.ec2):
                return found
        except _DEAD:
            pass
        except ClientError as error:
            if error.response["Error"]["Code"] not in _AGAIN:
                raise
        time.sleep(0.02)
    raise AssertionError(f"it did not come about: {files(one)}:\n{one.cloud.log()[-3000:]}")


def volume(ec2: Any, identifier: str) -> dict[str, Any]:
    return dict(ec2.describe_volumes(VolumeIds=[identifier])["Volumes"][0])


def states(ec2: Any, identifier: str) -> list[str]:
    return [one["State"] for one in volume(ec2, identifier)["Attachments"]]


def files(one: Story) -> list[str]:
    """What is open, half made, or not given back."""
    folder = one.cloud.data / "engines" / "volumes"
    return sorted(str(path.relative_to(folder)) for name in ("exports", "luks", "frozen", "volumes")
                  for path in (folder / name).glob("*"))  # fmt: skip


def exporters(one: Story) -> list[int]:
    """Processes that have files of the data folder open, but for the cloud."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if "/engines/volumes/" in (where := os.readlink(path)) and where.startswith(str(one.cloud.data)):
                found.add(int(path.parts[2]))
        except OSError:
            continue
    return sorted(found - {one.cloud.process.pid if one.cloud.process is not None else 0})


def life(one: Story) -> None:
    """An instance with an encrypted root, a second volume, its snapshot, a volume made of that; all of it ended."""
    done(one, lambda ec2: ec2.enable_ebs_encryption_by_default())
    one.tell(_run, "running")
    instance = one.instances()[0]["InstanceId"]
    zone = one.instances()[0]["Placement"]["AvailabilityZone"]
    asked: dict[str, Any] = {"AvailabilityZone": zone, "Size": 1}
    second = done(one, lambda ec2: ec2.create_volume(**asked, ClientToken=TOKEN))["VolumeId"]
    waited(one, lambda ec2: volume(ec2, second)["State"] == "available")
    waited(
        one,
        lambda ec2: states(ec2, second) or ec2.attach_volume(VolumeId=second, InstanceId=instance, Device="/dev/sdf"),
    )
    waited(one, lambda ec2: states(ec2, second) == ["attached"])
    with (path := Path(f"/proc/{_pid(one, second)}/root/volume")).open("r+b") as file:
        file.write(b"kept")
    assert path.stat().st_size == 1 << 30
    snapshot = waited(
        one,
        lambda ec2: ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] or [ec2.create_snapshot(VolumeId=second)],
    )[0]["SnapshotId"]
    waited(one, lambda ec2: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed")
    asked |= {"SnapshotId": snapshot}
    third = done(one, lambda ec2: ec2.create_volume(**asked, ClientToken=f"{TOKEN}-2"))["VolumeId"]
    waited(one, lambda ec2: volume(ec2, third)["State"] == "available")
    waited(one, lambda ec2: not states(ec2, second) or (ec2.detach_volume(VolumeId=second) and None))
    one.tell(lambda ec2: ec2.terminate_instances(InstanceIds=[instance]), "terminated")
    for identifier in (second, third):
        waited(one, lambda ec2, identifier=identifier: _gone(ec2, identifier))


def _pid(one: Story, identifier: str) -> int:
    return int((one.cloud.data / "engines/volumes/exports" / identifier / "pid").read_text().split()[0])


def _gone(ec2: Any, identifier: str) -> bool:
    rows = [row for row in ec2.describe_volumes()["Volumes"] if row["VolumeId"] == identifier]
    if rows and rows[0]["State"] == "available":
        ec2.delete_volume(VolumeId=identifier)
    return not rows


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_encrypted_volumes_with_a_death_at_every_call(story: Callable[[int], Story], tmp_path: Path) -> None:
    """HANEUL_BUDGET raises how many deaths are tried (each takes seconds)."""
    try:
        exports.check(tmp_path)
    except EngineError as error:
        pytest.skip(str(error))
    budget = int(os.environ.get("HANEUL_BUDGET", "5"))
    for number in range(1, MOST + 1, max(1, MOST // budget)):
        one = story(number)
        life(one)
        deadline = time.monotonic() + 20
        while (files(one) or exporters(one)) and time.monotonic() < deadline:
            one.ec2.describe_volumes()  # starts it again where it died last
            time.sleep(0.05)
        assert (files(one), exporters(one)) == ([], []), number
        assert str(one.cloud.data) not in Path("/proc/mounts").read_text()
        died = not one.flag.exists()
        one.cloud.close()
        if not died:
            break
