"""Instance store: the disks that a type brings along, empty at every start and gone when the instance stops. They are
sparse files beside the volumes, by names that no volume has."""

from __future__ import annotations

from haneul.engines.errors import EngineError
from haneul.engines.machines.port import Disk
from haneul.services.ec2.instances import types
from haneul.services.ec2.instances.state import Instance
from haneul.services.ec2.plane import Plane

GIGABYTE = 1_000_000_000
MOST, ALL = 8, 15
"""Disks of instance store that an instance gets, and disks that a machine has in all, at most."""
_LAST = "ponmlkji"
"""Letters of their devices, from the end, where nobody asks to have a volume."""


def ensure(plane: Plane, row: Instance, volumes: int) -> list[Disk]:
    """The disks of an instance that starts; `volumes`: how many others it has. Raises EngineError."""
    found = []
    for number, size in enumerate(sizes(row)[: max(0, ALL - volumes)]):
        name = _name(row, number)
        try:
            plane.volumes.ensure_volume(name, size)
        except OSError as error:
            raise EngineError(f"there is no room for {size // GIGABYTE} GB of instance store: {error}") from None
        serial = f"AWS{row.id[2:].upper()[:15]}{number:02d}"
        found.append(Disk(name, plane.volumes.path(name), serial=serial, device=f"/dev/xvd{_LAST[number]}"))
    return found


def remove(plane: Plane, row: Instance) -> None:
    """It stopped: what was on them is lost."""
    for number in range(len(sizes(row))):
        plane.volumes.remove_volume(_name(row, number))


def sizes(row: Instance) -> list[int]:
    """Bytes of each disk of the type."""
    disks = [size * GIGABYTE for count, size, _ in types.spec(row.type).disks for _ in range(count)]
    return disks[:MOST]


def _name(row: Instance, number: int) -> str:
    return f"{row.id}.store-{number}"
