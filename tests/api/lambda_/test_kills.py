"""A killed cloud: nothing of its functions runs on, and no event that it took is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.api.lambda_.test_functions import PYTHON, archive, until

ROLE = "arn:aws:iam::000000000000:role/worker"
CODE = """
import time
def handler(event, context):
    time.sleep(event['seconds'])
    import boto3
    boto3.client('s3').put_object(Bucket='kept-events', Key=event['key'], Body=b'x')
"""


def _descendants(cloud: int) -> set[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found: set[int] = set()
    front = {cloud}
    while front:
        front = {pid for pid, parent in parents.items() if parent in front} - found
        found |= front
    return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_events_outlive_the_cloud(fresh_cloud: Callable[..., Any]) -> None:
    """202 means kept: the event is run after the restart, and the old environment is gone with the old cloud."""
    cloud = fresh_cloud()
    cloud.client("s3").create_bucket(Bucket="kept-events")
    aws = cloud.client("lambda")
    aws.create_function(
        FunctionName="kept",
        Runtime=PYTHON,
        Role=ROLE,
        Handler="index.handler",
        Timeout=20,
        Code={"ZipFile": archive(CODE)},
    )
    aws.invoke(FunctionName="kept", Payload=json.dumps({"seconds": 0, "key": "first"}))
    for key in ("a", "b"):
        aws.invoke(FunctionName="kept", InvocationType="Event", Payload=json.dumps({"seconds": 1, "key": key}))
    running = _descendants(cloud.process.pid)
    assert running
    cloud.kill()
    until(lambda: not any(_alive(pid) for pid in running))
    cloud.start()
    held = until(lambda: _keys(cloud) >= {"a", "b", "first"})
    assert held


def test_nothing_is_left_after_a_stop(fresh_cloud: Callable[..., Any]) -> None:
    """Processes and control groups end with the cloud."""
    cloud = fresh_cloud()
    aws = cloud.client("lambda")
    text = "def handler(event, context):\n    return 1\n"
    aws.create_function(
        FunctionName="f", Runtime=PYTHON, Role=ROLE, Handler="index.handler", Code={"ZipFile": archive(text)}
    )
    aws.invoke(FunctionName="f")
    pid = cloud.process.pid
    running = _descendants(pid)
    cloud.stop()
    assert not any(_alive(one) for one in running)
    root = Path("/sys/fs/cgroup")
    assert not [*root.glob(f"haneul-{pid}"), *root.glob(f"*/haneul-{pid}")]
    assert not os.path.exists(f"/proc/{pid}/task")


def _keys(cloud: Any) -> set[str]:
    return {one["Key"] for one in cloud.client("s3").list_objects_v2(Bucket="kept-events").get("Contents", ())}
