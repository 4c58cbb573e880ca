"""Which instances of a group are well: what EC2 says of them, and what its status checks find."""

from __future__ import annotations

from haneul.service import Call
from haneul.services.autoscaling.neighbours import instances
from haneul.services.autoscaling.state import Group, Member
from haneul.wire.errors import AwsError

ENDED = "an EC2 health check indicating it has been terminated or stopped."
IMPAIRED = "an EC2 instance status checks failure."
USER = "a user health-check."


def examine(call: Call, group: Group, members: list[Member]) -> dict[str, str]:
    """Member's id -> why it is unhealthy, in the words that end AWS's sentence. Asks EC2: from a step."""
    looked = [one for one in members if one.instance and (one.warm or one.state in ("InService", "Standby"))]
    if not looked or "HealthCheck" in group.suspended:
        return {}
    shown = instances(call, "instance-id", [one.instance for one in looked])
    impaired = _impaired(call) if any(one.state == "InService" for one in looked) else set()
    grace = group.settings.get("HealthCheckGracePeriod", 0)
    found: dict[str, str] = {}
    for one in looked:
        state = shown[one.instance]["State"]["Name"] if one.instance in shown else "terminated"
        gone = state in ("terminated", "shutting-down")
        if gone or (one.state == "InService" and state in ("stopping", "stopped")):
            found[one.id] = ENDED
        elif one.state == "InService" and one.instance in impaired and call.now() >= one.served + grace:
            found[one.id] = IMPAIRED
    return found


def _impaired(call: Call) -> set[str]:
    """Instances whose status checks fail."""
    found: set[str] = set()
    for name in ("instance-status.status", "system-status.status"):
        try:
            answer = call.invoke("ec2", "DescribeInstanceStatus", {"Filters": [{"Name": name, "Values": ["impaired"]}]})
        except AwsError:
            continue  # no look is no finding
        found |= {one["InstanceId"] for one in answer.get("InstanceStatuses") or ()}
    return found
