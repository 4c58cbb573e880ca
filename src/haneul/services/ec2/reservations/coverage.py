"""Which instances' hours Reserved Instances pay for: those of a zone cover their type in it, those of the region any
size of the family, by AWS's normalization factors, the smallest instances first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction

from haneul.service import Call
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.reservations.state import RESERVED_INSTANCES, ReservedInstances

_FACTORS = {
    "nano": Fraction(1, 4),
    "micro": Fraction(1, 2),
    "small": Fraction(1),
    "medium": Fraction(2),
    "large": Fraction(4),
    "xlarge": Fraction(8),
}


def factor(type: str) -> Fraction | None:
    """A size in units of "small"; None for those that AWS doesn't compare (bare metal)."""
    size = type.partition(".")[2]
    number = re.fullmatch(r"(\d+)xlarge", size)
    return Fraction(8 * int(number[1])) if number else _FACTORS.get(size)


def share(call: Call, instance: Instance) -> float:
    """What part of an instance's time is paid for already, between 0 and 1."""
    with call.read() as tx:
        bought = [one for one in RESERVED_INSTANCES.scan(tx, call.scope) if one.state == "active"]
        if not bought:
            return 0.0
        running = [
            one
            for one in INSTANCE.table.scan(tx, call.scope)
            if one.state in ("running", "stopping", "shutting-down") and one.options.get("Lifecycle") != "spot"
        ]
    return float(covered(bought, running).get(instance.id, Fraction(0)))


def covered(bought: Sequence[ReservedInstances], running: Iterable[Instance]) -> dict[str, Fraction]:
    """Instance -> the part of it that is covered."""
    ordered = sorted(running, key=lambda one: (factor(one.type) or 0, one.created, one.id))
    found: dict[str, Fraction] = {}
    for one in bought:
        if one.zone:
            _cover_zone(one, ordered, found)
    for one in bought:
        if not one.zone:
            _cover_region(one, ordered, found)
    return found


def _cover_zone(one: ReservedInstances, running: Sequence[Instance], found: dict[str, Fraction]) -> None:
    left = Fraction(one.count)
    for instance in running:
        if instance.type == one.type and instance.zone == one.zone and left > 0:
            part = min(left, 1 - found.get(instance.id, Fraction(0)))
            found[instance.id] = found.get(instance.id, Fraction(0)) + part
            left -= part


def _cover_region(one: ReservedInstances, running: Sequence[Instance], found: dict[str, Fraction]) -> None:
    size = factor(one.type)
    family = one.type.partition(".")[0]
    left = one.count * (size or Fraction(1))
    for instance in running:
        if left <= 0:
            return
        if size is None:
            need = Fraction(1) if instance.type == one.type else None
        else:
            need = factor(instance.type) if instance.type.partition(".")[0] == family else None
        if need is None:
            continue
        part = min(left / need, 1 - found.get(instance.id, Fraction(0)))
        found[instance.id] = found.get(instance.id, Fraction(0)) + part
        left -= part * need
