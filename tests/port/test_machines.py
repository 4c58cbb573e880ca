"""Machines run, keep their consoles, take disks while they run, and are found again by the next cloud."""

import json
import re
import struct
import threading
from dataclasses import replace

import pytest

from haneul.engines import machines
from haneul.engines.errors import EngineBusy, EngineError, EngineMissing
from haneul.engines.machines import Available, Disk, Machine, Nic, boot, probes


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


ABLE = Available(("kvm", "uml", "tcg"), {"kvm": "k", "uml": "u", "tcg": "t"})
NOTHING = Available((), {"kvm": "no k", "uml": "no u", "tcg": "no t: haneul engines install machines qemu"})


@pytest.mark.parametrize(
    ("engines", "machine", "chosen"),
    [
        (("kvm", "uml", "tcg"), {}, "kvm"),
        (("uml", "tcg"), {}, "uml"),
        (("uml", "tcg"), {"engine": "qemu"}, "tcg"),
        (("uml", "tcg"), {"boot": "disk"}, "tcg"),
        (("uml", "tcg"), {"format": "qcow2"}, "tcg"),
        (("kvm", "tcg"), {"boot": "disk", "engine": "qemu"}, "kvm"),
    ],
)
def test_the_best_engine_that_can(engines, machine, chosen, tmp_path):
    """Native speed where the image allows it, emulation only for what nothing else boots."""
    asked = dict(machine)
    root = Disk("vol-1", tmp_path / "x", format=asked.pop("format", "raw"))
    assert probes.choose(replace(ABLE, engines=engines), Machine("i-1", [root], **asked)) == chosen


def test_what_is_missing_is_named(tmp_path):
    """A machine that nothing here boots says which command would help, or why none does."""
    disk = Machine("i-1", [Disk("vol-1", tmp_path / "x")], boot="disk")
    with pytest.raises(EngineMissing, match="install machines"):
        probes.choose(NOTHING, disk)
    with pytest.raises(EngineMissing, match="install machines qemu"):
        probes.choose(Available(("uml",), NOTHING.why), disk)
    with pytest.raises(EngineError, match="no engine here boots machine i-1"):
        probes.choose(Available(("uml",), {**NOTHING.why, "tcg": "broken"}), disk)


def test_summary_tells_what_was_found_out(data):
    """The banner tries nothing; it tells what a launch found, and that nobody has looked since something changed."""
    folder = data / "engines" / "machines"
    assert machines.summary(data) == []
    (folder / "installed" / "uml").mkdir(parents=True)
    (folder / "installed" / "uml" / "version").write_text("6.1\n")
    ((unknown, _),) = machines.summary(data)
    assert unknown == "?"
    why = dict(probes.look(folder).why)
    assert "cannot be" in why["uml"] or "does not start" in why["uml"]
    record = {"key": probes._key(folder), "trouble": {"kvm": "none", "uml": "", "tcg": "none"}}
    (folder / "probes.json").write_text(json.dumps(record))
    assert dict(machines.summary(data))["kvm"] == "no: none"
    assert not dict(machines.summary(data))["uml"].startswith("no")
    (folder / "installed" / "uml" / "version").write_text("6.2\n")
    assert machines.summary(data)[0][0] == "?"


def _packed(content):
    """A legacy LZ4 frame of literals and one match, as a compressor would write it."""
    tail = content[:8] * 40
    length = len(tail) - 4 - 15
    block = bytes([0xFF, *_more(len(content) - 15)]) + content + struct.pack("<H", len(content)) + bytes(_more(length))
    last = b"the end"
    block += bytes([len(last) << 4]) + last
    return b"\x02\x21\x4c\x18" + struct.pack("<I", len(block)) + block, len(tail), last


def _more(left):
    found = []
    while left >= 255:
        found.append(255)
        left -= 255
    return [*found, left]


def test_kernels_are_unpacked_ahead():
    """Debian's kernel is packed by LZ4, and a bzImage that isn't boots as it is."""
    content = b"\x7fELF" + bytes(range(256)) * 20
    packed, matched, last = _packed(content)
    found = boot.kernel(b"a header" + packed + struct.pack("<I", 0))
    assert found == content + (content * 2)[:matched] + last
    assert boot.kernel(b"anything else") == b"anything else"
    assert boot.kernel(b"a header" + packed[:900]) == b"a header" + packed[:900]


def test_ram_disks_bring_modules_in_order(tmp_path):
    """A module comes after those it needs, whatever their names are."""
    for name, needs in (("virtio_blk", "virtio,zzz"), ("virtio", ""), ("zzz", "virtio-ring"), ("virtio-ring", "")):
        (tmp_path / f"{name}.ko").write_bytes(b"\0name=%s\0depends=%s\0" % (name.encode(), needs.encode()))
    busybox = tmp_path / "busybox"
    busybox.write_bytes(b"box")
    archive = boot.initrd(busybox, tmp_path)
    names = [found.decode() for found in re.findall(rb"modules/\d\d-(\S+?)\.ko", archive)]
    assert names == ["virtio", "virtio_ring", "zzz", "virtio_blk"]
    assert archive.count(b"070701") == 5 + 2 + 4 + 1 and archive.endswith(b"TRAILER!!!\0\0\0\0")
    with pytest.raises(EngineError, match="virtio_blk"):
        boot.initrd(busybox, tmp_path / "nothing")
