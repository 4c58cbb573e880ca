"""VPCs made real: a network namespace each, a tap or veth for every network interface, nftables on every packet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from haneul.engines.networks.port import Networks

PACKAGES = ("nftables", "dnsmasq-base", "iproute2")
"""Debian's packages with the tools that the engine runs."""


def install(data: Path, version: str = "", bundle: Path | None = None) -> list[str]:
    """Bring the tools, see `install.install`."""
    from haneul.engines.networks.install import install

    return install(data, version, bundle)


def open_engine(data: Path) -> Networks:
    """The engine with its files below `data`; nothing is made or looked for until it is needed. A file `fake` in its
    folder asks for the double that moves no packet."""
    from haneul.engines import fragile

    folder = data / "engines" / "networks"
    if (folder / "fake").exists():
        from haneul.engines.networks.fake import FakeNetworks

        engine: Networks = fragile.wrapped(FakeNetworks(folder=folder), folder)
        return engine
    from haneul.engines.networks.real import KernelNetworks

    kernel: Networks = fragile.wrapped(KernelNetworks(folder), folder)
    return kernel
