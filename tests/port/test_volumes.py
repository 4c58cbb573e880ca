"""The volumes port: what was written comes back, what nobody holds is given back, whatever is interrupted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from haneul.engines import volumes
from haneul.engines.errors import EngineError
from haneul.engines.volumes.port import BLOCK, Volumes

MIB = 1 << 20
KEY = bytes(range(32))


@pytest.fixture
def engine(tmp_path: Path) -> Volumes:
    return volumes.open_engine(tmp_path)


def write(engine: Volumes, volume: str, number: int, content: bytes) -> None:
    with engine.path(volume).open("r+b") as file:
        file.seek(number * BLOCK)
        file.write(content)


def take(engine: Volumes, volume: str, snapshot: str, parent: str = "", key: bytes = b""):
    engine.ensure_frozen(volume, snapshot)
    return engine.ensure_snapshot(snapshot, parent, key)


def stored(tmp_path: Path) -> int:
    """Bytes that all segments really take."""
    folder = tmp_path / "engines" / "volumes" / "segments"
    return sum(path.stat().st_blocks * 512 for path in folder.glob("*"))


def test_volume_is_sparse_and_grows(engine):
    """A gigabyte of nothing takes no room, and growing keeps what is there."""
    engine.ensure_volume("vol-1", 1 << 30)
    assert engine.size("vol-1") == 1 << 30
    assert engine.path("vol-1").stat().st_blocks < 64
    write(engine, "vol-1", 3, b"kept")
    engine.ensure_volume("vol-1", 1 << 30)
    engine.ensure_grown("vol-1", 2 << 30)
    engine.ensure_grown("vol-1", 1 << 30)
    assert engine.size("vol-1") == 2 << 30
    with engine.path("vol-1").open("rb") as file:
        assert os.pread(file.fileno(), 4, 3 * BLOCK) == b"kept"


def test_snapshot_is_of_one_moment(engine):
    """What is written after the freeze is not in it, and the volume may go."""
    engine.ensure_volume("vol-1", 8 * MIB)
    write(engine, "vol-1", 2, b"before")
    engine.ensure_frozen("vol-1", "snap-1")
    write(engine, "vol-1", 2, b"behind")
    engine.ensure_frozen("vol-1", "snap-1")
    assert engine.ensure_snapshot("snap-1").blocks == 1
    engine.remove_volume("vol-1")
    engine.ensure_volume("vol-2", 16 * MIB, "snap-1")
    assert engine.path("vol-2").read_bytes()[2 * BLOCK : 2 * BLOCK + 6] == b"before"
    assert engine.size("vol-2") == 16 * MIB


@pytest.mark.parametrize("key", [b"", KEY], ids=["plain", "sealed"])
def test_only_changed_blocks_are_stored(engine, tmp_path, key):
    """The second snapshot brings one block, and both stay readable when either is deleted."""
    engine.ensure_volume("vol-1", 32 * MIB)
    for number in range(20):
        write(engine, "vol-1", number, bytes([number + 1]) * BLOCK)
    assert take(engine, "vol-1", "snap-1", key=key).changed == 20 * BLOCK
    write(engine, "vol-1", 7, b"x" * BLOCK)
    taken = take(engine, "vol-1", "snap-2", "snap-1", key)
    assert (taken.blocks, taken.changed) == (20, BLOCK)
    engine.remove_snapshot("snap-1")
    assert engine.read_block("snap-2", 7, key) == b"x" * BLOCK
    assert engine.read_block("snap-2", 8, key) == bytes([9]) * BLOCK
    assert engine.read_block("snap-2", 40, key) == bytes(BLOCK)
    assert stored(tmp_path) <= 20 * (BLOCK + 8192)
    engine.remove_snapshot("snap-2")
    assert stored(tmp_path) == 0


def test_sealed_blocks_show_nothing_and_open_with_their_key_only(engine, tmp_path):
    """The bytes on disk aren't the volume's, and another key is refused instead of giving rubbish."""
    engine.ensure_volume("vol-1", 4 * MIB)
    write(engine, "vol-1", 0, b"secret words" * 1000)
    take(engine, "vol-1", "snap-1", key=KEY)
    segment = (tmp_path / "engines" / "volumes" / "segments" / "snap-1").read_bytes()
    assert b"secret words" not in segment
    engine.ensure_volume("vol-2", 4 * MIB, "snap-1", KEY)
    assert engine.path("vol-2").read_bytes()[:12] == b"secret words"
    with pytest.raises(EngineError):
        engine.read_block("snap-1", 0, bytes(32))
    engine.ensure_copy("snap-2", "snap-1", KEY, bytes(32))
    assert engine.read_block("snap-2", 0, bytes(32))[:12] == b"secret words"


def test_images_of_any_length(engine, tmp_path):
    """An image that ends within a block comes back byte for byte."""
    image = tmp_path / "image"
    content = os.urandom(BLOCK + 12345)
    image.write_bytes(content)
    engine.ensure_imported("snap-1", image)
    engine.ensure_imported("snap-1", image)
    engine.ensure_volume("vol-1", 0, "snap-1")
    assert engine.path("vol-1").read_bytes() == content


def test_drafts_are_written_block_by_block(engine):
    """As EBS' direct APIs do: in any order, twice, on top of a parent."""
    engine.ensure_volume("vol-1", 4 * MIB)
    write(engine, "vol-1", 0, b"a" * BLOCK)
    take(engine, "vol-1", "snap-1")
    engine.ensure_draft("snap-2", 8 * MIB, "snap-1")
    for number in (9, 3, 9):
        engine.ensure_block("snap-2", number, bytes([number]) * BLOCK)
    assert not engine.has_snapshot("snap-2")
    engine.ensure_sealed("snap-2")
    engine.ensure_sealed("snap-2")
    assert sorted(engine.digests("snap-2")) == [0, 3, 9]
    engine.remove_snapshot("snap-1")
    assert engine.read_block("snap-2", 0) == b"a" * BLOCK
    assert engine.read_block("snap-2", 9) == bytes([9]) * BLOCK


def test_sweep_takes_what_nobody_knows(engine, tmp_path):
    """After a kill: half a volume, a snapshot without a row, a segment without a manifest."""
    engine.ensure_volume("vol-1", 4 * MIB)
    write(engine, "vol-1", 0, b"a")
    take(engine, "vol-1", "snap-1")
    take(engine, "vol-1", "snap-2")
    folder = tmp_path / "engines" / "volumes"
    (folder / "volumes" / "vol-2.new").write_bytes(b"half")
    (folder / "segments" / "snap-9").write_bytes(b"half")
    assert engine.sweep({"vol-1"}, {"snap-1"}) == ["vol-2.new", "snap-2"]
    assert engine.ready("vol-1") and engine.has_snapshot("snap-1")
    assert {path.name for path in (folder / "segments").iterdir()} == {"snap-1"}
    assert engine.read_block("snap-1", 0)[:1] == b"a"


def test_names_are_names(engine):
    """No id leads out of the folder."""
    for bad in ("../x", "a/b", "", ".."):
        with pytest.raises(EngineError):
            engine.path(bad)
