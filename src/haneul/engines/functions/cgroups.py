"""A control group for each environment, version 1 or 2, where this process may make any."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
MB = 1 << 20
PIDS = 1024
PERIOD = 100_000
FULL_CPU = 1769
"""MB of memory that come with one whole processor, as at AWS."""


class Groups:
    """Makes and removes groups below `haneul-<pid>`; `available` says whether it can."""

    def __init__(self) -> None:
        self._name = f"haneul-{os.getpid()}"
        self.version = 0
        self._parents: dict[str, Path] = {}
        self._tidy()
        with contextlib.suppress(OSError):
            self._open()

    @property
    def available(self) -> bool:
        return self.version != 0

    def _open(self) -> None:
        if (ROOT / "memory" / "memory.limit_in_bytes").exists():
            for name in ("memory", "pids", "cpu"):
                folder = ROOT / name / self._name
                if (ROOT / name / "cgroup.procs").exists():
                    folder.mkdir(exist_ok=True)
                    self._parents[name] = folder
            self.version = 1
        elif (ROOT / "cgroup.controllers").exists():
            with contextlib.suppress(OSError):
                (ROOT / "cgroup.subtree_control").write_text("+memory +pids +cpu")
            folder = ROOT / self._name
            folder.mkdir(exist_ok=True)
            try:
                (folder / "cgroup.subtree_control").write_text("+memory +pids +cpu")
            except OSError:
                folder.rmdir()
                raise
            self._parents["all"] = folder
            self.version = 2

    def _tidy(self) -> None:
        """Remove what a cloud that was killed left behind; its processes ended with it."""
        for folder in [*ROOT.glob("haneul-*"), *ROOT.glob("*/haneul-*")]:
            pid = folder.name.removeprefix("haneul-")
            if pid.isdigit() and not Path(f"/proc/{pid}").exists():
                with contextlib.suppress(OSError):
                    for left in folder.iterdir():
                        if left.is_dir():
                            left.rmdir()
                    folder.rmdir()

    def make(self, name: str, memory: int) -> list[Path]:
        """The folders of a new group with this many MB, its share of processors, and few processes."""
        quota = max(5_000, PERIOD * memory // FULL_CPU)
        folders = []
        for kind, parent in self._parents.items():
            folder = parent / name
            folder.mkdir()
            folders.append(folder)
            if kind == "memory":
                _set(folder / "memory.limit_in_bytes", memory * MB)
                _set(folder / "memory.memsw.limit_in_bytes", memory * MB)
            elif kind == "pids":
                _set(folder / "pids.max", PIDS)
            elif kind == "cpu":
                _set(folder / "cpu.shares", max(2, 1024 * memory // FULL_CPU))
            else:
                _set(folder / "memory.max", memory * MB)
                _set(folder / "memory.swap.max", 0)
                _set(folder / "pids.max", PIDS)
                _set(folder / "cpu.max", f"{max(quota, PERIOD)} {PERIOD}")
        return folders

    def peak(self, folders: list[Path]) -> int:
        """The most memory that the group has held, in bytes; 0 when nobody knows."""
        for folder in folders:
            for name in ("memory.max_usage_in_bytes", "memory.peak"):
                with contextlib.suppress(OSError, ValueError):
                    return int((folder / name).read_text())
        return 0

    def killed(self, folders: list[Path]) -> bool:
        """Whether the kernel ended a process of the group for its memory."""
        for folder in folders:
            for name in ("memory.oom_control", "memory.events"):
                with contextlib.suppress(OSError):
                    for line in (folder / name).read_text().splitlines():
                        key, _, value = line.partition(" ")
                        if key == "oom_kill" and int(value) > 0:
                            return True
        return False

    def remove(self, folders: list[Path]) -> bool:
        """Remove the group; False while something in it is still ending."""
        gone = True
        for folder in folders:
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
        return gone

    def close(self) -> None:
        for parent in self._parents.values():
            with contextlib.suppress(OSError):
                for left in parent.iterdir():
                    if left.is_dir():
                        left.rmdir()
            with contextlib.suppress(OSError):
                parent.rmdir()


def _set(path: Path, value: int | str) -> None:
    with contextlib.suppress(OSError):
        path.write_text(str(value))
