"""Store and blobs under kill -9 and power cuts: what was acknowledged is there, whole, in order, without a repair."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import recording, worker
from tests.crash.powerloss import Disk, Entry

BUDGET = float(os.environ.get("HANEUL_BUDGET", "1"))
ROOT = Path(__file__).parents[2]


def said(lines: list[str]) -> tuple[int, int]:
    """The newest acknowledged and the newest begun transaction."""
    acknowledged = [int(line[2:]) for line in lines if line.startswith("a ")]
    begun = [int(line[2:]) for line in lines if line.startswith("b ")]
    return max(acknowledged, default=0), max(begun, default=0)


def start(folder: Path, seed: int, last: int, *how: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.crash.worker", str(folder), str(seed), str(last), *how]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def test_kill(tmp_path: Path) -> None:
    """Killed again and again on the same data: each start goes on from what was acknowledged, without a repair."""
    seed = random.randrange(1 << 30)
    acknowledged = 0
    for _ in range(max(3, int(6 * BUDGET))):
        with start(tmp_path, seed, 1 << 60) as process:
            assert process.stdout is not None
            process.stdout.readline()  # it runs
            time.sleep(random.uniform(0, 0.4))
            process.kill()
            lines = process.stdout.read().decode().split("\n")
        newest, begun = said(lines[:-1])
        # The line it was killed in may be lost: one transaction more may have begun.
        acknowledged = worker.check(tmp_path, seed, max(acknowledged, newest), max(acknowledged, begun) + 1)
    assert acknowledged > 0, f"seed {seed}"


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A recording file system and its log."""
    reason = recording.available()
    if reason is not None:
        pytest.skip(reason)
    folder, log = tmp_path / "mount", tmp_path / "log"
    folder.mkdir()
    command = [sys.executable, "-m", "tests.crash.recording", str(folder), str(log)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        deadline = time.monotonic() + 30
        while not os.path.ismount(folder):
            if server.poll() is not None or time.monotonic() > deadline:
                assert server.stderr is not None
                server.kill()
                pytest.skip(f"can't mount here: {server.stderr.read().decode()[-300:]}")
            time.sleep(0.01)
        try:
            yield folder, log
        finally:
            unmount(folder)
            server.wait(30)


def unmount(folder: Path) -> None:
    if os.path.ismount(folder):
        tool = ["umount"] if os.geteuid() == 0 else [shutil.which("fusermount3") or "fusermount", "-u"]
        subprocess.run([*tool, str(folder)], check=True)


def record(mount: tuple[Path, Path], seed: int, last: int, *how: str) -> list[Entry]:
    """Run the worker on the recording file system up to transaction `last`; the log of it."""
    folder, log = mount
    with start(folder, seed, last, "marks", *how) as process:
        process.communicate(timeout=100)
    assert process.returncode == 0
    unmount(folder)
    deadline = time.monotonic() + 30
    while True:
        try:
            return recording.read_log(str(log))
        except Exception:  # the server is still writing its last entries
            assert time.monotonic() < deadline
            time.sleep(0.05)


def cut(entries: list[Entry], cuts: int, folder: Path, seed: int) -> None:
    """Cut the power at so many moments of the recorded run, and check what is left each time."""
    chance = random.Random(seed)
    disk = Disk()
    applied = 0
    for at in sorted(chance.randint(1, len(entries)) for _ in range(cuts)):
        disk.apply(entries[applied:at])
        applied = at
        disk.after_power_loss(folder, chance)
        try:
            worker.check(folder, seed, *said(disk.marks))
        except Exception as error:
            raise AssertionError(f"seed {seed}, {cuts} cuts, after entry {at} of {len(entries)}: {error!r}") from error
        shutil.rmtree(folder)


@pytest.mark.slow
def test_power_loss(mount: tuple[Path, Path], tmp_path: Path) -> None:
    """One run, many power cuts: after each, all that was acknowledged is there, and nothing by halves."""
    seed = random.randrange(1 << 30)
    entries = record(mount, seed, int(300 * max(1, BUDGET**0.5)))
    cut(entries, int(24 * BUDGET), tmp_path / "left", seed)


def test_a_store_that_does_not_sync_is_found_out(mount: tuple[Path, Path], tmp_path: Path) -> None:
    """The test of the test: acknowledge before the sync, and power cuts must show it."""
    entries = record(mount, 7, 100, "careless")
    with pytest.raises(AssertionError, match="were acknowledged"):
        cut(entries, 60, tmp_path / "left", 7)
