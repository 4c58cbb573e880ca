"""Asking other services, from operations (on the event loop) and from steps (in threads)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call
from haneul.wire.errors import AwsError

LOOK = 200
"""Values of one filter."""


async def ask(call: Call, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Another service's operation, from an asynchronous one of ours. Raises AwsError."""
    found = call.invoke(service, operation, request)
    return dict(await found if inspect.isawaitable(found) else found)


def instance(call: Call, identifier: str) -> dict[str, Any] | None:
    """What EC2 knows of one instance; None when it is not there (any more). From a step."""
    try:
        answer = call.invoke("ec2", "DescribeInstances", {"InstanceIds": [identifier]})
    except AwsError as error:
        if error.code.startswith("InvalidInstanceID"):
            return None
        raise
    return dict(answer["Reservations"][0]["Instances"][0])


def instances(call: Call, filter: str, values: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What EC2 knows of instances, by id; those that are not there are missing. From a step."""
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(values), LOOK):
        asked: dict[str, Any] = {"Filters": [{"Name": filter, "Values": list(values[start : start + LOOK])}]}
        while True:
            answer = call.invoke("ec2", "DescribeInstances", asked)
            for reservation in answer.get("Reservations") or ():
                found |= {one["InstanceId"]: one for one in reservation["Instances"]}
            if not answer.get("NextToken"):
                break
            asked["NextToken"] = answer["NextToken"]
    return found
