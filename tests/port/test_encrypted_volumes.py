"""Encrypted and slowed volumes: ciphertext on disk, and nobody holds a key longer than the volume is open."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from haneul.engines import volumes
from haneul.engines.errors import EngineError
from haneul.engines.volumes import exports, luks, manifest
from haneul.engines.volumes.port import BLOCK, Limits, Volumes

MIB = 1 << 20
KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
SECRET = b"what nobody else may read "


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "engines" / "volumes"
    try:
        exports.check(found)
    except EngineError as error:
        pytest.skip(str(error))
    return found


@pytest.fixture
def engine(tmp_path: Path, folder: Path):
    engine = volumes.open_engine(tmp_path)
    yield engine
    engine.close()
    assert exporters(folder) == []


def exporters(folder: Path) -> list[int]:
    """The processes that work on files below the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(path).startswith(str(folder)) and int(path.parts[2]) != os.getpid():
                found.append(int(path.parts[2]))
        except OSError:
            continue
    return found


def write(engine: Volumes, volume: str, number: int, content: bytes) -> None:
    with engine.path(volume).open("r+b") as file:
        file.seek(number * BLOCK)
        file.write(content)


def read(engine: Volumes, volume: str, number: int, length: int) -> bytes:
    with engine.path(volume).open("rb") as file:
        return os.pread(file.fileno(), length, number * BLOCK)


def below(folder: Path, text: bytes) -> list[Path]:
    """The files that hold these bytes."""
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


def test_only_ciphertext_is_on_disk(engine, folder):
    """Not while it is open, not in a snapshot on its way, not in a volume made of that; and it is full of zeros, takes
    no room, and shows nothing when it is closed."""
    engine.ensure_volume("vol-1", 1 << 30, own_key=KEY)
    assert (engine.is_sealed("vol-1"), engine.is_open("vol-1"), engine.size("vol-1")) == (True, False, 1 << 30)
    with pytest.raises(EngineError):
        engine.path("vol-1")
    path = engine.ensure_open("vol-1", KEY)
    assert engine.ensure_open("vol-1", KEY) == path == engine.path("vol-1")
    assert read(engine, "vol-1", 5, BLOCK) == bytes(BLOCK)
    write(engine, "vol-1", 2, SECRET * 1000)
    engine.ensure_frozen("vol-1", "snap-1")
    assert below(folder, SECRET) == []
    assert engine.ensure_snapshot("snap-1", key=KEY).blocks == 1
    engine.remove_volume("vol-1")
    assert not path.exists()
    engine.ensure_volume("vol-2", 2 << 30, "snap-1", KEY, OTHER)
    assert below(folder, SECRET) == []
    engine.ensure_open("vol-2", OTHER)
    assert read(engine, "vol-2", 2, len(SECRET)) == SECRET
    assert sum(one.stat().st_blocks for one in (folder / "luks").iterdir()) * 512 < 4 * MIB


def test_it_opens_with_its_own_key_only(engine):
    """Another key is refused in QEMU's words, and leaves no process."""
    engine.ensure_volume("vol-1", 8 * MIB, own_key=KEY)
    with pytest.raises(EngineError, match="Invalid password"):
        engine.ensure_open("vol-1", OTHER)
    assert not engine.is_open("vol-1")
    engine.ensure_open("vol-1", KEY)


def test_the_key_is_on_no_command_line_and_in_no_environment(engine, folder):
    """Everybody on the machine may read those."""
    engine.ensure_volume("vol-1", 8 * MIB, own_key=KEY)
    engine.ensure_open("vol-1", KEY)
    (pid,) = set(exporters(folder))
    shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
    assert luks.secret(KEY).encode() not in shown
    status = Path(f"/proc/{pid}/status").read_text()
    if os.geteuid() == 0:
        assert "CapEff:\t0000000000000000" in status and "\nUid:\t0\t" not in status


def test_a_snapshot_brings_only_what_changed(engine):
    """As of plain volumes: holes are seen through the exporter."""
    engine.ensure_volume("vol-1", 64 * MIB, own_key=KEY)
    engine.ensure_open("vol-1", KEY)
    for number in range(8):
        write(engine, "vol-1", number, bytes([number + 1]) * BLOCK)
    engine.ensure_frozen("vol-1", "snap-1")
    assert engine.ensure_snapshot("snap-1", key=KEY).changed == 8 * BLOCK
    write(engine, "vol-1", 3, b"x" * BLOCK)
    engine.ensure_frozen("vol-1", "snap-2")
    write(engine, "vol-1", 3, b"y" * BLOCK)
    taken = engine.ensure_snapshot("snap-2", "snap-1", KEY)
    assert (taken.blocks, taken.changed) == (8, BLOCK)
    assert engine.read_block("snap-2", 3, KEY) == b"x" * BLOCK


def test_it_grows_open_and_closed(engine):
    """What is there stays, what comes is zeros; whoever has the file open sees its new size."""
    engine.ensure_volume("vol-1", 8 * MIB, own_key=KEY)
    engine.ensure_open("vol-1", KEY)
    write(engine, "vol-1", 3, SECRET)
    with engine.path("vol-1").open("rb") as file:
        engine.ensure_grown("vol-1", 16 * MIB)
        assert os.fstat(file.fileno()).st_size == engine.size("vol-1") == 16 * MIB
    engine.ensure_closed("vol-1")
    engine.ensure_grown("vol-1", 32 << 30)
    engine.ensure_grown("vol-1", 8 * MIB)
    engine.ensure_open("vol-1", KEY)
    assert engine.path("vol-1").stat().st_size == 32 << 30
    assert read(engine, "vol-1", 3, len(SECRET) + 1) == SECRET + b"\0"
    write(engine, "vol-1", (32 << 30) // BLOCK - 1, SECRET)
    assert read(engine, "vol-1", (32 << 30) // BLOCK - 1, len(SECRET)) == SECRET


def test_the_next_cloud_finds_what_is_open(engine, tmp_path, folder):
    """An exporter outlives the process that started it, and is never taken for another of its number."""
    engine.ensure_volume("vol-1", 8 * MIB, own_key=KEY)
    path = engine.ensure_open("vol-1", KEY)
    other = volumes.open_engine(tmp_path)
    assert other.is_open("vol-1") and other.path("vol-1") == path
    file = folder / "exports" / "vol-1" / "pid"
    number, _, boot = file.read_text().split()
    true = file.read_text()
    file.write_text(f"{number} 1 {boot}\n")
    assert not other.is_open("vol-1")
    file.write_text(true)
    other.ensure_closed("vol-1")
    assert exporters(folder) == []


def test_an_exporter_that_is_killed_leaves_nothing_mounted(engine, folder):
    """Its file was in its own file system; opening it again brings the bytes back."""
    engine.ensure_volume("vol-1", 8 * MIB, own_key=KEY)
    path = engine.ensure_open("vol-1", KEY)
    with path.open("r+b") as file:
        file.write(SECRET)
        file.flush()
        os.fsync(file.fileno())
    (pid,) = set(exporters(folder))
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while engine.is_open("vol-1") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert str(folder) not in Path("/proc/mounts").read_text()
    engine.ensure_open("vol-1", KEY)
    assert read(engine, "vol-1", 0, len(SECRET)) == SECRET


def test_interrupted_work_is_begun_again(engine, folder):
    """Half a volume with its exporter, half a snapshot with its: both end, nothing is left."""
    engine.ensure_volume("vol-1", 8 * MIB, own_key=KEY)
    engine.ensure_open("vol-1", KEY)
    write(engine, "vol-1", 1, SECRET)
    engine.ensure_frozen("vol-1", "snap-1")
    inner = engine._exports
    luks.create(folder / "luks" / "vol-2.new", 8 * MIB, OTHER)
    inner.start("vol-2.new", folder / "luks" / "vol-2.new", OTHER)
    inner.start("snap-1", folder / "luks" / "snap-1", KEY, read_only=True)
    engine.ensure_snapshot("snap-1", key=KEY)
    engine.ensure_volume("vol-2", 8 * MIB, "snap-1", KEY, KEY)
    assert inner.names() == ["vol-1"]
    assert sorted(path.name for path in (folder / "luks").iterdir()) == ["vol-1", "vol-2"]
    inner.start("vol-3.new", folder / "luks" / "vol-2", KEY)
    engine.sweep({"vol-1"}, {"snap-1"})
    assert inner.names() == ["vol-1"]
    assert [path.name for path in (folder / "luks").iterdir()] == ["vol-1"]


def test_limits_hold_and_change_while_it_is_open(engine):
    """The leaky bucket of QEMU: a tenth of a second's worth passes at once, the rest waits."""
    engine.ensure_volume("vol-1", 64 * MIB)
    assert engine.ensure_open("vol-1") == engine.path("vol-1") and not engine.is_open("vol-1")
    engine.ensure_open("vol-1", limits=Limits(throughput=4))
    assert engine.is_open("vol-1")
    engine.ensure_open("vol-1", limits=Limits(iops=100, throughput=4, burst=3000, seconds=60))
    before = time.monotonic()
    write(engine, "vol-1", 0, b"x" * 4 * MIB)
    assert time.monotonic() - before > 0.5  # a second's worth: never faster, however slow the machine is
    engine.ensure_open("vol-1", limits=Limits())
    assert engine._exports.names() == ["vol-1"]
    engine.ensure_closed("vol-1")
    assert read(engine, "vol-1", 7, BLOCK) == b"x" * BLOCK


def test_without_the_program_nothing_is_encrypted(tmp_path, monkeypatch):
    """It is refused with the command that helps, and no plain file is made instead."""
    monkeypatch.setattr(exports, "_OWN", tmp_path / "nowhere")
    engine = volumes.open_engine(tmp_path)
    with pytest.raises(EngineError, match="haneul engines install volumes"):
        engine.ensure_volume("vol-1", 8 * MIB, own_key=KEY)
    assert not engine.ready("vol-1") and engine.versions() == []


def test_many_that_open_it_at_once_get_the_same_file(engine, tmp_path, folder):
    """Threads of one cloud, and a launcher of one that was killed a moment ago: one exporter."""
    engine.ensure_volume("vol-1", 8 * MIB, own_key=KEY)
    engines = [engine, volumes.open_engine(tmp_path), volumes.open_engine(tmp_path)] * 2
    with ThreadPoolExecutor(6) as pool:
        paths = set(pool.map(lambda one: one.ensure_open("vol-1", KEY), engines))
    assert len(paths) == len(set(exporters(folder))) == 1


@pytest.mark.parametrize("key", [b"", KEY], ids=["limited", "encrypted"])
def test_what_a_guest_discards_is_given_back(engine, folder, key):
    """A hole made through the exporter is one on disk, reads as zeros, and is in no snapshot."""
    engine.ensure_volume("vol-1", 64 * MIB, own_key=key)
    engine.ensure_open("vol-1", key, Limits(throughput=4000))
    file = folder / ("luks" if key else "volumes") / "vol-1"
    write(engine, "vol-1", 0, os.urandom(16 * MIB))
    with engine.path("vol-1").open("r+b") as opened:
        manifest.punch(opened.fileno(), BLOCK, 15 * MIB)
        os.fsync(opened.fileno())
    assert file.stat().st_blocks * 512 < 4 * MIB
    assert read(engine, "vol-1", 1, BLOCK) == bytes(BLOCK)
    engine.ensure_frozen("vol-1", "snap-1")
    assert engine.ensure_snapshot("snap-1", key=key).blocks == 2
