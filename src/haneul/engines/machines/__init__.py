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


def summary(data: Path) -> list[tuple[str, str]]:
    """(engine, a sentence) for people, as far as it is known without trying anything; empty when none is installed."""
    folder = data / "engines" / "machines"
    if not (folder / "installed").is_dir():
        return []
    from haneul.engines.machines import probes

    found = probes.told(folder)
    if found is None:
        return [("?", "Which engines work here is found out at the first launch, or by `haneul engines`.")]
    return [(name, ("" if name in found.engines else "no: ") + text) for name, text in found.why.items()]
