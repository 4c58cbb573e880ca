"""Which slice of the addresses for benchmarks (RFC 2544) is a cloud's own: its public addresses."""

from __future__ import annotations

import contextlib
import ipaddress
import json
from pathlib import Path

from haneul.engines.errors import EngineError
from haneul.engines.networks import kernel

EVERYBODY = ipaddress.IPv4Network("198.18.0.0/15")
SIZE = 20


def chosen(folder: Path, wish: int, door: str) -> str:
    """The cloud's slice, kept in its folder: the one that it wishes for, or the next that the host routes to no other
    device than `door`."""
    kept = folder / "publics"
    with contextlib.suppress(OSError, ValueError):
        return str(ipaddress.IPv4Network(kept.read_text().strip()))
    slices = list(EVERYBODY.subnets(new_prefix=SIZE))
    taken = _routed(door)
    order = [slices[(wish + step) % len(slices)] for step in range(len(slices))]
    found = next((one for one in order if one not in taken), order[0])
    folder.mkdir(parents=True, exist_ok=True)
    kept.write_text(f"{found}\n")
    return str(found)


def _routed(door: str) -> set[ipaddress.IPv4Network]:
    with contextlib.suppress(EngineError):
        listed = json.loads(kernel.run(None, "ip", "-j", "route", "show", "root", str(EVERYBODY)) or "[]")
        return {ipaddress.IPv4Network(one["dst"]) for one in listed if one.get("dev") != door}
    return set()
