"""Machines run, keep their consoles, take disks while they run, and are found again by the next cloud."""

import threading

import pytest

from haneul.engines import machines
from haneul.engines.errors import EngineBusy, EngineError
from haneul.engines.machines import Disk, Machine, Nic


@pytest.fixture
def data(tmp_path):
    (tmp_path / "engines" / "machines").mkdir(parents=True)
    (tmp_path / "engines" / "machines" / "fake").touch()
    return tmp_path


@pytest.fixture
def engine(data):
    engine = machines.open_engine(data)
    yield engine
    engine.close()


def disk(folder, name, device="", size=1 << 20):
    path = folder / f"{name}.raw"
    with path.open("ab") as file:
        file.truncate(size)
    return Disk(name, path, device=device)


def test_fake_keeps_machines_over_a_restart(engine, data):
    """Crash tests of the room kill the cloud: its fake machines must live on, as real ones do."""
    machine = Machine("i-1", [disk(data, "vol-1", "/dev/xvda")], [Nic("eni-1", "t1", "02:00:00:00:00:01")])
    engine.ensure_running(machine)
    engine.ensure_running(machine)
    again = machines.open_engine(data)
    assert (again.state("i-1"), again.running(), again.boots("i-1")) == ("running", ["i-1"], 1)
    assert again.disks("i-1") == list(machine.disks)
    assert b"Haneul: ready" in again.console("i-1")
    again.remove("i-1")
    assert (engine.state("i-1"), engine.names(), engine.console("i-1")) == ("absent", [], b"")


def test_fake_knows_what_guests_call_their_disks(engine, data):
    """The letter asked for is given while it is free; mounted disks stay unless forced."""
    engine.ensure_running(Machine("i-1", [disk(data, "vol-1", "/dev/xvda")]))
    assert engine.attach("i-1", disk(data, "vol-2", "/dev/sdf")) == "/dev/ubdf"
    assert engine.attach("i-1", disk(data, "vol-3", "/dev/sdf")) == "/dev/ubdb"
    assert engine.attach("i-1", disk(data, "vol-3", "/dev/sdf")) == "/dev/ubdb"
    (data / "engines" / "machines" / "i-1.mounted").write_text("vol-2")
    with pytest.raises(EngineBusy):
        engine.detach("i-1", "vol-2")
    engine.detach("i-1", "vol-2", force=True)
    engine.detach("i-1", "vol-2")
    assert [one.id for one in engine.disks("i-1")] == ["vol-1", "vol-3"]


def test_fake_tells_what_guests_did(engine, data):
    """A guest that shuts itself down is told to who watches; one that was asked to isn't."""
    ended, told = [], threading.Event()
    engine.watch(lambda machine: (ended.append(machine), told.set()))
    for name in ("i-1", "i-2"):
        engine.ensure_running(Machine(name, [disk(data, name)]))
    engine.shutdown("i-2")
    (data / "engines" / "machines" / "i-1.poweroff").touch()
    assert told.wait(10)
    assert ended == ["i-1"]
    assert [engine.state(name) for name in ("i-1", "i-2")] == ["stopped", "stopped"]


def test_fake_refuses_what_cannot_be(engine, data):
    """Wrong use shows in the room's own tests, not only on a real machine."""
    for machine in (Machine("../x", [disk(data, "a")]), Machine("i-1", []), Machine("i-1", [Disk("a", data / "none")])):
        with pytest.raises(EngineError):
            engine.ensure_running(machine)
    with pytest.raises(EngineError, match="does not run"):
        engine.attach("i-1", disk(data, "a"))
