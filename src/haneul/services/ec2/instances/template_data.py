"""What a launch template's data and a launch's own members make together: the launch's win, member by member; lists of
devices, interfaces and tags are joined by what names their entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Data = Mapping[str, Any]

_RENAMED = {"RamDiskId": "RamdiskId", "ElasticGpuSpecifications": "ElasticGpuSpecification"}
"""Members that RunInstances spells otherwise."""
_WHOLE = frozenset({"IamInstanceProfile", "InstanceMarketOptions", "CapacityReservationSpecification"})
"""Structures whose members only make sense together."""
_NETWORK = frozenset({"SecurityGroupIds", "SecurityGroups"})


def beneath(data: Data, request: Data) -> dict[str, Any]:
    """The request with the template's data beneath it, as RunInstances reads it."""
    found: dict[str, Any] = {_RENAMED.get(name, name): value for name, value in data.items()}
    found.pop("InstanceRequirements", None)
    if any(request.get(name) for name in _NETWORK):
        found = {name: value for name, value in found.items() if name not in _NETWORK}
    for name, value in request.items():
        if name != "LaunchTemplate" and value is not None:
            found[name] = _over(name, found.get(name), value)
    return found


def _over(name: str, below: Any, value: Any) -> Any:
    if below is None or name in _WHOLE:
        return value
    join = _JOINED.get(name)
    if join is not None:
        return join(below, value)
    if isinstance(below, Mapping) and isinstance(value, Mapping):
        return {**below, **value}
    return value


def _named(key: str) -> Callable[[Sequence[Data], Sequence[Data]], list[dict[str, Any]]]:
    """Entries with the same `key` are one, its members from above over those from below."""

    def join(below: Sequence[Data], above: Sequence[Data]) -> list[dict[str, Any]]:
        found = {one.get(key) or 0: dict(one) for one in below}
        for one in above:
            before = found.get(one.get(key) or 0, {})
            ebs = {**(before.get("Ebs") or {}), **(one.get("Ebs") or {})}
            found[one.get(key) or 0] = {**before, **one, **({"Ebs": ebs} if ebs else {})}
        return list(found.values())

    return join


def _tags(below: Sequence[Data], above: Sequence[Data]) -> list[dict[str, Any]]:
    """Tags of both for each type of resource; where both have a key, the launch's value."""
    found: dict[str, dict[str, Any]] = {}
    for specification in (*below, *above):
        tags = found.setdefault(specification.get("ResourceType") or "", {})
        tags.update({tag["Key"]: tag for tag in specification.get("Tags") or ()})
    return [{"ResourceType": kind, "Tags": list(tags.values())} for kind, tags in found.items()]


_JOINED: dict[str, Callable[[Sequence[Data], Sequence[Data]], list[dict[str, Any]]]] = {
    "BlockDeviceMappings": _named("DeviceName"),
    "NetworkInterfaces": _named("DeviceIndex"),
    "TagSpecifications": _tags,
}
