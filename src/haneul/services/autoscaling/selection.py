"""Which zone gets the next instance, which type it is, and which instance goes first. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from haneul.services.autoscaling.recipes import Choice, Recipe
from haneul.services.autoscaling.state import Group, Member

PENDING = ("Pending", "Pending:Wait", "Pending:Proceed")
TERMINATING = ("Terminating", "Terminating:Wait", "Terminating:Proceed")
HOUR = 3600.0


def counts(member: Member) -> bool:
    """Whether it is part of the group's capacity."""
    return not member.warm and (member.state == "InService" or (member.state in PENDING and not member.extra))


def capacity(members: Iterable[Member]) -> int:
    return sum(one.weight for one in members if counts(one))


def by_zone(zones: Sequence[str], members: Iterable[Member]) -> dict[str, int]:
    """How many instances each zone has, those of the group first and in its order."""
    found = dict.fromkeys(zones, 0)
    for one in members:
        if counts(one) or (one.state in PENDING and not one.warm):
            found[one.zone] = found.get(one.zone, 0) + 1
    return found


def next_place(group: Group, members: Sequence[Member]) -> tuple[str, str]:
    """The zone with the fewest instances and, in it, the subnet with the fewest ("" when the group names none)."""
    held = by_zone(group.zones, members)
    zone = min(group.zones, key=lambda name: (held[name], group.zones.index(name)))
    subnets = group.subnets.get(zone) or []
    if not subnets:
        return zone, ""
    used = [one.subnet for one in members]
    return zone, min(subnets, key=lambda name: (used.count(name), subnets.index(name)))


def unbalanced(group: Group, members: Sequence[Member]) -> Member | None:
    """The instance that should move to another zone, if any: the oldest of the fullest, or of a zone that the group
    has no more."""
    serving = [one for one in members if counts(one) and not one.protected]
    stray = next((one for one in serving if one.zone not in group.zones), None)
    if stray is not None:
        return stray
    held = by_zone(group.zones, members)
    if not held or max(held.values()) - min(held.values()) < 2:
        return None
    full = max(held, key=lambda name: held[name])
    return next((one for one in serving if one.zone == full), None)


def wants_spot(distribution: Mapping[str, Any], present: Sequence[Member]) -> bool:
    """Whether the next instance is to be a Spot Instance: the base is on demand, above it a percentage is."""
    share = distribution.get("OnDemandPercentageAboveBaseCapacity", 100)
    if not distribution or share == 100:
        return False
    there = [one for one in present if counts(one)]
    demand = sum(one.weight for one in there if not one.spot)
    above = sum(one.weight for one in there) - distribution.get("OnDemandBaseCapacity", 0)
    if demand < distribution.get("OnDemandBaseCapacity", 0):
        return False
    wanted = -(-(above + 1) * share // 100)  # rounded up in favour of on demand
    return bool(demand - distribution.get("OnDemandBaseCapacity", 0) >= wanted)


def preferred(recipe: Recipe, spot: bool, present: Sequence[Member]) -> list[Choice]:
    """The choices in the order in which to try them: as listed; Spot by lowest price goes round its pools."""
    choices = list(recipe.choices)
    if spot and recipe.distribution.get("SpotAllocationStrategy") == "lowest-price":
        pools = max(1, min(int(recipe.distribution.get("SpotInstancePools") or 2), len(choices)))
        held = [one.type for one in present if one.spot and counts(one)]
        choices[:pools] = sorted(choices[:pools], key=lambda one: held.count(one.type))
    return choices


def first_to_go(
    group: Group, members: Sequence[Member], current: Mapping[str, str], configuration: str, now: float
) -> Member | None:
    """The instance that a scale-in ends next, by the group's termination policies; None when all are protected.

    current: the specification that the group launches from now; configuration: its launch configuration's name."""
    candidates = [one for one in members if counts(one) and not one.protected]
    if not candidates:
        return None
    leaving = [one for one in candidates if one.leaving]
    if leaving:
        return leaving[0]
    pending = [one for one in candidates if one.state != "InService"]
    policies = list(group.settings.get("TerminationPolicies") or ["Default"])
    held = by_zone(group.zones, members)
    strays = [one for one in candidates if one.zone not in group.zones]
    full = max((held.get(one.zone, 0) for one in candidates), default=0)
    candidates = strays or [one for one in candidates if held.get(one.zone, 0) == full]
    for policy in policies:
        narrowed = _POLICIES[policy](candidates, current, configuration, now)
        candidates = narrowed or candidates
        if len(candidates) == 1:
            break
    waiting = [one for one in candidates if one in pending]
    return waiting[0] if waiting else candidates[0]


def _oldest(rows: Sequence[Member], *_: Any) -> list[Member]:
    return [min(rows, key=lambda one: (one.created, one.id))]


def _newest(rows: Sequence[Member], *_: Any) -> list[Member]:
    return [max(rows, key=lambda one: (one.created, one.id))]


def _old_configuration(
    rows: Sequence[Member], current: Mapping[str, str], configuration: str, now: float
) -> list[Member]:
    """Those launched from the launch configuration that is the oldest in use."""
    held = [one for one in rows if one.configuration]
    others = [one for one in held if one.configuration != configuration]
    if not held:
        return list(rows)
    first = min(others or held, key=lambda one: one.created).configuration
    return [one for one in held if one.configuration == first]


def _old_template(rows: Sequence[Member], current: Mapping[str, str], configuration: str, now: float) -> list[Member]:
    """Those of another template than the group's; else those of its lowest version."""
    held = [one for one in rows if one.template]
    if not held:
        return list(rows)
    other = [one for one in held if one.template.get("LaunchTemplateId") != current.get("LaunchTemplateId", "")]
    if other:
        return other
    lowest = min(int(one.template.get("Version") or 0) for one in held)
    return [one for one in held if int(one.template.get("Version") or 0) == lowest]


def _next_hour(rows: Sequence[Member], current: Mapping[str, str], configuration: str, now: float) -> list[Member]:
    return [min(rows, key=lambda one: HOUR - (now - one.created) % HOUR)]


def _default(rows: Sequence[Member], current: Mapping[str, str], configuration: str, now: float) -> list[Member]:
    rows = _old_configuration(rows, current, configuration, now)
    rows = _old_template(rows, current, configuration, now)
    return _next_hour(rows, current, configuration, now)


def _as_they_are(rows: Sequence[Member], *_: Any) -> list[Member]:
    return list(rows)


_POLICIES: dict[str, Callable[..., list[Member]]] = {
    "OldestInstance": _oldest,
    "NewestInstance": _newest,
    "OldestLaunchConfiguration": _old_configuration,
    "OldestLaunchTemplate": _old_template,
    "ClosestToNextInstanceHour": _next_hour,
    "AllocationStrategy": _as_they_are,
    "Default": _default,
}
