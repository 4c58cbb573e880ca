"""The instance profiles of a fleet's pools: checked when the fleet is made, as who makes it; its step only launches."""

from __future__ import annotations

from collections.abc import Sequence

from haneul.service import Call
from haneul.services.ec2.fleets.pools import Pool
from haneul.services.ec2.instances import launching


def of(call: Call, known: Sequence[Pool]) -> dict[str, tuple[str, str, str]]:
    """(ARN, id, role) by what names each. Raises InvalidParameterValue, AccessDenied."""
    found: dict[str, tuple[str, str, str]] = {}
    for pool in known:
        asked = pool.launch.get("IamInstanceProfile") or {}
        name = asked.get("Arn") or asked.get("Name") or ""
        if name and name not in found:
            profile = launching.profile_of(call, asked)
            found[name] = (profile.arn, profile.id, profile.role)
    return found
