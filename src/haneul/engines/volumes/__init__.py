"""Volumes and their snapshots: sparse files that machines open, and blocks that are kept once however many snapshots
hold them."""

from __future__ import annotations

from pathlib import Path

from haneul.engines.volumes.install import install as install
from haneul.engines.volumes.port import Volumes as Volumes


def open_engine(data: Path) -> Volumes:
    """The engine with its files below `data`; nothing is made until it is needed."""
    from haneul.engines import fragile
    from haneul.engines.volumes.local import LocalVolumes

    folder = data / "engines" / "volumes"
    engine: Volumes = fragile.wrapped(LocalVolumes(folder), folder)
    return engine
