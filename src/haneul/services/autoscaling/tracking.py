"""Target tracking: a policy keeps two CloudWatch alarms around its target."""

from __future__ import annotations

from typing import Any

from haneul.service import Call
from haneul.services.autoscaling.state import Policy
from haneul.wire.errors import AwsError

PREFIX = "TargetTracking"


def alarm_names(policy: Policy) -> list[str]:
    """Of a target tracking policy: high, and low unless it never scales in."""
    tracked: dict[str, Any] = policy.settings.get("TargetTrackingConfiguration") or {}
    if not tracked:
        return []
    kinds = ["High"] if tracked.get("DisableScaleIn") else ["High", "Low"]
    return [f"{PREFIX}-{policy.group}-Alarm{kind}-{policy.id}" for kind in kinds]


def drop_alarms(call: Call, policy: Policy) -> None:
    """From a step: the alarms that the policy made go with it."""
    for name in alarm_names(policy):
        try:
            call.invoke("cloudwatch", "DeleteAlarms", {"AlarmNames": [name]})
        except AwsError:
            continue  # somebody else did it
