"""Debian packages as plain files: fetched by apt-get, unpacked by dpkg, nothing installed and nothing changed outside
the folder given. Where the machine's package lists are missing or too old, lists of our own are fetched first."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from haneul.engines.errors import EngineError

_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                "DEBIAN_FRONTEND": "noninteractive"}  # fmt: skip
_QUIET = ("-qq", "-y", "--no-install-recommends", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=",
          "-o", "APT::Get::List-Cleanup=0")  # fmt: skip


def fetch(names: Sequence[str], folder: Path, *, everything: bool) -> list[Path]:
    """The .deb files of these packages in `folder`: with `everything`, and all they depend on; else with what of it is
    not installed on this machine. Raises EngineError."""
    folder = folder.absolute()
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise EngineError("apt-get and dpkg are not on this machine: Debian or a child of it is needed for this")
    archives = folder / "archives"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    own = _options(folder, everything)
    wanted = ["install", "--download-only", "--reinstall", *names]
    try:
        run(["apt-get", *_QUIET, *own, "-o", f"Dir::Cache::archives={archives}", *wanted], folder)
    except EngineError:
        lists = folder / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        own += ["-o", f"Dir::State::Lists={lists}"]
        run(["apt-get", *_QUIET, *own, "update"], folder)
        run(["apt-get", *_QUIET, *own, "-o", f"Dir::Cache::archives={archives}", *wanted], folder)
    return sorted(archives.glob("*.deb"))


def _options(folder: Path, everything: bool) -> list[str]:
    caches = ["-o", f"Dir::Cache::pkgcache={folder}/pkgcache.bin", "-o", f"Dir::Cache::srcpkgcache={folder}/src.bin"]
    if not everything:
        return caches
    status = folder / "status"
    status.touch()
    return [*caches, "-o", f"Dir::State::status={status}", "-o", f"Dir::State::extended_states={folder}/extended"]


def unpack(debs: Sequence[Path], root: Path) -> None:
    """The files of these packages below `root`."""
    for deb in debs:
        run(["dpkg", "-x", str(deb), str(root)], root.parent)


def run(argv: Sequence[str | Path], cwd: Path, *, stdin: bytes = b"", timeout: float = 900) -> str:
    """Run a tool to its end; what it printed. Raises EngineError with the end of its complaint."""
    try:
        done = subprocess.run(
            [str(one) for one in argv],
            cwd=cwd,
            env=_ENVIRONMENT,
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise EngineError(f"{argv[0]} is not on this machine") from None
    except subprocess.TimeoutExpired:
        raise EngineError(f"{argv[0]} did not end within {timeout:.0f} s") from None
    if done.returncode != 0:
        complaint = done.stderr.decode(errors="replace").strip() or done.stdout.decode(errors="replace").strip()
        raise EngineError(f"{argv[0]} failed ({done.returncode}): {complaint[-500:]}")
    return done.stdout.decode(errors="replace")


def tool(name: str) -> str | None:
    """Where a program is, also in the folders that only root has on its path."""
    return shutil.which(name, path=_ENVIRONMENT["PATH"] + os.pathsep + os.defpath)
