"""Which letter a disk has on User Mode Linux, whose guests call their disks /dev/ubda to /dev/ubdp."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from haneul.engines.errors import EngineError
from haneul.engines.machines.port import Disk

LETTERS = "abcdefghijklmnop"
_ASKED = re.compile(r"(?:/dev/)?(?:sd|xvd|hd|vd|ubd)([a-p])\d{0,2}")


def letter_of(disk: Disk, taken: Collection[str]) -> str:
    """The letter that the disk's device asks for, or else the first that is free. Raises EngineError when none is."""
    asked = _ASKED.fullmatch(disk.device)
    if asked is not None and asked.group(1) not in taken:
        return asked.group(1)
    for letter in LETTERS:
        if letter not in taken:
            return letter
    raise EngineError(f"a machine has at most {len(LETTERS)} disks")


def letters_of(disks: Sequence[Disk]) -> dict[str, str]:
    """Disk id -> letter, for disks that are there from the start."""
    given: dict[str, str] = {}
    for disk in disks:
        given[disk.id] = letter_of(disk, given.values())
    return given
