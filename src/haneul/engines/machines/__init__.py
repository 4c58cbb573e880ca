"""Virtual machines: the port, the real ones, and a fake for pure tests."""

from __future__ import annotations

from pathlib import Path

from haneul.engines.machines.install import install as install
from haneul.engines.machines.port import Available as Available
from haneul.engines.machines.port import Disk as Disk
from haneul.engines.machines.port import Machine as Machine
from haneul.engines.machines.port import Machines as Machines
from haneul.engines.machines.port import Nic as Nic
from haneul.engines.machines.port import Stats as Stats


def open_engine(data: Path) -> Machines:
    """The engine with its files below `data`; nothing is started or looked for until it is needed."""
    from haneul.engines import fragile

    folder = data / "engines" / "machines"
    if (folder / "fake").exists():
        from haneul.engines.machines.fake import FakeMachines

        engine: Machines = fragile.wrapped(FakeMachines(folder), folder)
        return engine
    from haneul.engines.machines.real import LocalMachines

    engine = fragile.wrapped(LocalMachines(folder), folder)
    return engine
