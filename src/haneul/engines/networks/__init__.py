"""VPCs made real: a network namespace each, a tap or veth for every network interface, nftables on every packet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from haneul.engines.networks.real import KernelNetworks

PACKAGES = ("nftables", "dnsmasq-base", "conntrack", "iproute2")
"""Debian's packages with the tools that the engine runs."""


def open_engine(data: Path) -> KernelNetworks:
    """The engine with its files below `data`; nothing is made or looked for until it is needed."""
    from haneul.engines.networks.real import KernelNetworks

    return KernelNetworks(data / "engines" / "networks")
