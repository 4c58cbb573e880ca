"""What a fleet's maker must be allowed to: launch from its pools, and pass on their instance profiles. It is checked
when the fleet is made or modified, as who does that; the fleet's step only launches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from haneul.service import Call
from haneul.services.ec2.fleets.pools import Pool
from haneul.services.ec2.instances import launching

ACTION = "ec2:RunInstances"


def check_launches(call: Call, known: Sequence[Pool]) -> None:
    """Raises UnauthorizedOperation for what RunInstances would be refused for."""
    seen: set[tuple[str, str]] = set()
    for pool in known:
        asked = {name: value for name, value in pool.launch.items() if name != "LaunchTemplate"}
        keys = launching.conditions(call, asked)

        def told(_: Call, __: object, keys: Mapping[str, str | list[str]] = keys) -> Mapping[str, str | list[str]]:
            return keys

        for resource in launching.arns(call, asked):
            if (resource, pool.type) not in seen:
                seen.add((resource, pool.type))
                call.cloud.gate.check(call, ACTION, resource, conditions=told)


def profiles_of(call: Call, known: Sequence[Pool]) -> dict[str, tuple[str, str, str]]:
    """(ARN, id, role) by what names each. Raises InvalidParameterValue, AccessDenied."""
    found: dict[str, tuple[str, str, str]] = {}
    for pool in known:
        asked = pool.launch.get("IamInstanceProfile") or {}
        name = asked.get("Arn") or asked.get("Name") or ""
        if name and name not in found:
            profile = launching.profile_of(call, asked)
            found[name] = (profile.arn, profile.id, profile.role)
    return found
