"""Who talked with whom: sets in the kernel count every forwarded packet by its five members at three points: offered,
let out by its sender's rules, let in by its receiver's. What is lost between two points was refused by the rules there.

The sets are a table of their own: rules come and go without a count being lost. Pure.
"""

from __future__ import annotations

import json
from typing import Any

from haneul.engines.networks.port import Flow, Passage

TABLE = "flows"
LIMIT = 65535
"""Flows in one set; more aren't counted until some end."""
KEPT = 1800
"""Seconds for which a silent flow is remembered."""
_KEY = "ip saddr . ip daddr . ip protocol . th sport . th dport"
_POINTS = {"offered": -12, "left": -5, "entered": 5}
"""Set -> its chain's priority: `filter.py` judges leaving at -10 and entering at 0."""

OFF = f"table ip {TABLE}\ndelete table ip {TABLE}\n"


def script() -> str:
    """The table, empty."""
    lines = [f"table ip {TABLE}", f"delete table ip {TABLE}", f"table ip {TABLE} {{"]
    for name, priority in _POINTS.items():
        lines += [
            f"set {name} {{",
            f"typeof {_KEY}",
            f"flags dynamic,timeout\ntimeout {KEPT}s\ncounter\nsize {LIMIT}",
            "}",
            f"chain at_{name} {{",
            f"type filter hook forward priority {priority}; policy accept;",
            f"update @{name} {{ {_KEY} }}",
            "}",
        ]
    return "\n".join([*lines, "}"]) + "\n"


def parse(listed: str) -> list[Passage]:
    """From `nft -j list table` to what passed since the table was made."""
    counts: dict[Flow, dict[str, tuple[int, int]]] = {}
    for one in json.loads(listed)["nftables"]:
        found = one.get("set")
        if found is None or found["name"] not in _POINTS:
            continue
        for element in found.get("elem") or ():
            flow, counted = _element(element["elem"])
            point = counts.setdefault(flow, {})
            before = point.get(found["name"], (0, 0))
            point[found["name"]] = (before[0] + counted[0], before[1] + counted[1])
    none = (0, 0)
    return [Passage(flow, *(point.get(name, none) for name in _POINTS)) for flow, point in counts.items()]


def _element(element: dict[str, Any]) -> tuple[Flow, tuple[int, int]]:
    source, target, protocol, near, far = element["val"]["concat"]
    number = protocol if isinstance(protocol, int) else _PROTOCOLS.get(protocol, 0)
    ports = (_port(near), _port(far)) if number in (6, 17) else (0, 0)
    counter = element["counter"]
    return Flow(source, target, number, *ports), (counter["packets"], counter["bytes"])


def _port(value: Any) -> int:
    return value if isinstance(value, int) else int(value) if str(value).isdecimal() else 0


_PROTOCOLS = {"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "dccp": 33, "gre": 47, "esp": 50, "ah": 51, "sctp": 132}
