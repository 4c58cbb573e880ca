"""Lines of flow logs: from what passed the network to what an interface saw. Pure.

Source: the VPC User Guide, "Flow log records".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from haneul.engines.networks.port import Flow, Passage

DEFAULT = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} "
    "${bytes} ${start} ${end} ${action} ${log-status}"
)
_UNKNOWN = (
    "tcp-flags",
    "sublocation-type",
    "sublocation-id",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
    "traffic-path",
    "ecs-cluster-arn",
    "ecs-cluster-name",
    "ecs-container-instance-arn",
    "ecs-container-instance-id",
    "ecs-container-id",
    "ecs-second-container-id",
    "ecs-service-name",
    "ecs-task-definition-arn",
    "ecs-task-arn",
    "ecs-task-id",
    "reject-reason",
)
"""Fields of AWS's that stay "-" here."""
Counts = dict[Flow, tuple[tuple[int, int], tuple[int, int], tuple[int, int]]]


@dataclass(frozen=True)
class Seen:
    """What an interface saw of a flow within one interval."""

    flow: Flow
    egress: bool
    accepted: bool
    packets: int
    size: int


@dataclass(frozen=True)
class Observer:
    """The interface that records are about, and the interval."""

    account: str
    region: str
    vpc: str
    subnet: str
    zone: str
    interface: str
    instance: str
    addresses: tuple[str, ...]
    start: int
    end: int


def fields_of(template: str) -> list[str]:
    """The names in a format. Raises ValueError with the first that isn't AWS's, or for a text that is no format."""
    parts = template.split()
    found = [match.group(1) if (match := re.fullmatch(r"\$\{([a-z0-9-]+)\}", part)) else "" for part in parts]
    for part, name in zip(parts, found, strict=True):
        if name not in _FIELDS and name not in _UNKNOWN:
            raise ValueError(part)
    if not found:
        raise ValueError(template)
    return found


def since(
    passed: Iterable[Passage], before: Mapping[Flow, tuple[tuple[int, int], ...]]
) -> tuple[list[Passage], Counts]:
    """What passed since `before`, and what to give as `before` the next time. A count that fell began anew."""
    fresh: list[Passage] = []
    totals: Counts = {}
    for one in passed:
        now = (one.offered, one.left, one.entered)
        totals[one.flow] = now
        old = before.get(one.flow)
        if old is None or any(new[0] < then[0] for new, then in zip(now, old, strict=True)):
            old = ((0, 0),) * 3
        grown = [(new[0] - then[0], new[1] - then[1]) for new, then in zip(now, old, strict=True)]
        if grown[0][0] > 0:
            fresh.append(Passage(one.flow, *grown))
    return fresh, totals


def seen_by(addresses: Sequence[str], passed: Iterable[Passage]) -> Iterator[Seen]:
    """What the interface with these addresses saw: what it sent, let out or not, and what arrived, let in or not."""
    for one in passed:
        if one.flow.source in addresses:
            yield from _fates(one.flow, True, one.offered, one.left)
        if one.flow.target in addresses:
            yield from _fates(one.flow, False, one.left, one.entered)


def _fates(flow: Flow, egress: bool, came: tuple[int, int], went: tuple[int, int]) -> Iterator[Seen]:
    if went[0] > 0:
        yield Seen(flow, egress, True, *went)
    if came[0] > went[0]:
        yield Seen(flow, egress, False, came[0] - went[0], max(0, came[1] - went[1]))


def line(fields: Sequence[str], observer: Observer, seen: Seen | None) -> str:
    """One record; without anything seen, the one that says so (NODATA)."""
    return " ".join(_value(name, observer, seen) or "-" for name in fields)


def _value(name: str, observer: Observer, seen: Seen | None) -> str:
    if name == "log-status":
        return "OK" if seen else "NODATA"
    if name in _OBSERVED:
        return _OBSERVED[name](observer)
    return _SEEN[name](seen) if seen and name in _SEEN else ""


_OBSERVED: Mapping[str, Callable[[Observer], str]] = {
    "version": lambda observer: "2",
    "account-id": lambda observer: observer.account,
    "interface-id": lambda observer: observer.interface,
    "start": lambda observer: str(observer.start),
    "end": lambda observer: str(observer.end),
    "vpc-id": lambda observer: observer.vpc,
    "subnet-id": lambda observer: observer.subnet,
    "instance-id": lambda observer: observer.instance,
    "region": lambda observer: observer.region,
    "az-id": lambda observer: observer.zone,
}
_SEEN: Mapping[str, Callable[[Seen], str]] = {
    "srcaddr": lambda seen: seen.flow.source,
    "dstaddr": lambda seen: seen.flow.target,
    "pkt-srcaddr": lambda seen: seen.flow.source,
    "pkt-dstaddr": lambda seen: seen.flow.target,
    "srcport": lambda seen: str(seen.flow.source_port),
    "dstport": lambda seen: str(seen.flow.target_port),
    "protocol": lambda seen: str(seen.flow.protocol),
    "packets": lambda seen: str(seen.packets),
    "bytes": lambda seen: str(seen.size),
    "action": lambda seen: "ACCEPT" if seen.accepted else "REJECT",
    "type": lambda seen: "IPv4",
    "flow-direction": lambda seen: "egress" if seen.egress else "ingress",
}
_FIELDS = frozenset({*_OBSERVED, *_SEEN, "log-status"})
