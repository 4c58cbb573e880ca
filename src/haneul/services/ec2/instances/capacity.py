"""What this machine can give: which images it boots, and how much memory there is for guests.

A type's memory is a promise that most guests never call in (an idle `minimal` touches 60 MiB), so that twice this
machine's memory may be promised; one guest never gets more than there is.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from haneul.engines.errors import EngineError
from haneul.services.ec2.errors import errors, invalid
from haneul.services.ec2.instances.state import INSTANCE, Image
from haneul.services.ec2.instances.types import InstanceType
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.services.ec2.plane import Plane

PROMISED = 2.0
"""Memory promised to guests, in parts of what the machine has."""
_finding = threading.Lock()
"""Launches at the same moment find out once: the probes would stumble over each other."""


@dataclass(frozen=True)
class Able:
    """why: why no instance can run here, or "". direct, disk: which images boot. memory: MiB, 0 for no ceiling."""

    why: str
    direct: bool = True
    disk: bool = True
    memory: int = 0
    cpus: int = 0


def able(plane: Plane) -> Able:
    """What runs here; blocking, the first time for seconds. Kept once it works."""
    if plane.able is not None:
        return plane.able
    with _finding:
        return plane.able or _find(plane)


def _find(plane: Plane) -> Able:
    why = plane.networks.available()
    if why:
        return Able(f"Instances can't run on this machine: {why}")
    try:
        found = plane.machines.available()
    except EngineError as error:
        return Able(f"Instances can't run on this machine: {error}")
    if not found.engines:
        return Able(f"Instances can't run on this machine: {' '.join(found.why.values())}")
    memory = _pretended(plane) if plane.pretends("machines") else _memory()
    plane.able = Able("", found.can("direct"), found.can("disk"), memory, os.cpu_count() or 1)
    return plane.able


def check(able: Able, image: Image, spec: InstanceType) -> None:
    """Raises Unsupported for what doesn't boot here, InvalidParameterValue for a type of another architecture."""
    if able.why:
        raise errors.Unsupported(able.why)
    if image.architecture not in spec.architectures:
        raise invalid(
            f"The architecture '{spec.architectures[0]}' of the specified instance type does not match the "
            f"architecture '{image.architecture}' of the specified AMI. Specify an instance type and an AMI that have "
            "matching architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to "
            "discover the architecture of the instance type or AMI."
        )
    if image.architecture != "x86_64":
        raise errors.Unsupported("The machines here are x86_64: no image of another architecture boots.")
    if not (able.direct if image.boot == "direct" else able.disk):
        raise errors.Unsupported(f"No engine on this machine boots {image.id} (boot: {image.boot}).")


def room(tx: Reader, able: Able, spec: InstanceType, wanted: int) -> int:
    """How many of `wanted` instances of a type there is room for now, beside what is reserved."""
    if not able.memory:
        return wanted
    if spec.memory > able.memory:
        return 0
    return max(0, min(wanted, int(_left(tx, able) // spec.memory)))


def overdrawn(tx: Reader, able: Able) -> bool:
    """Whether more is promised, to instances and by capacity reservations, than this machine can give."""
    return bool(able.memory) and _left(tx, able) < 0


def _left(tx: Reader, able: Able) -> float:
    """MiB that may still be promised."""
    from haneul.services.ec2.reservations import seats

    promised = 0
    seated: Counter[str] = Counter()
    for _, row in INSTANCE.table.everywhere(tx):
        if row.lives:
            promised += row.options.get("memory", 0)
            seated[seats.seat_of(row)] += 1
    return able.memory * PROMISED - promised - seats.unused_memory(tx, seated)


def insufficient(spec: InstanceType, zone: str) -> AwsError:
    return errors.InsufficientInstanceCapacity(
        f"We currently do not have sufficient {spec.name} capacity in the Availability Zone you requested ({zone}). "
        "This machine has no more memory for guests; stop or terminate others, or choose a smaller instance type."
    )


def _memory() -> int:
    """MiB of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


def _pretended(plane: Plane) -> int:
    """MiB that the double's file says it has; none for no ceiling."""
    said = (plane.cloud.config.data / "engines" / "machines" / "fake").read_text().strip()
    return int(said) if said.isdigit() else 0
