"""Bring what opens encrypted volumes: Debian's qemu-storage-daemon, unpacked in <data>/engines/volumes/installed, where
the machine has none of its own. Nothing outside the data folder is changed."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from haneul.engines.errors import EngineError, EngineMissing
from haneul.engines.machines.packages import fetch, run, unpack
from haneul.engines.volumes import exports

_PACKAGE = "qemu-system-common"


def install(data: Path, version: str = "", bundle: Path | None = None) -> list[str]:
    """Install it, or leave what is there; a bundle is a folder of .deb files. Raises EngineError."""
    folder = data / "engines" / "volumes"
    try:
        exports.program(folder)
    except EngineMissing:
        bring(folder, bundle)
    return installed(folder)


def bring(folder: Path, bundle: Path | None = None) -> None:
    """The program and those of its libraries that the machine lacks, below `folder`."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        debs = sorted(bundle.glob("*.deb")) if bundle is not None else fetch([_PACKAGE], work, everything=False)
        parts, made = work / "parts", work / "made"
        for one in (parts, made / "root" / "usr" / "bin"):
            one.mkdir(parents=True)
        unpack([deb for deb in debs if deb.name.startswith((f"{_PACKAGE}_", "lib"))], parts)
        found = parts / "usr" / "bin" / exports.PROGRAM
        if not found.is_file():
            raise EngineError(f"no {exports.PROGRAM} came: Debian has it in {_PACKAGE}")
        found.rename(made / "root" / "usr" / "bin" / exports.PROGRAM)
        for top in ("usr/lib", "lib"):
            if (parts / top).is_dir():
                shutil.copytree(parts / top, made / "root" / "usr" / "lib", symlinks=True, dirs_exist_ok=True)
        for one in (made, made / "root", made / "root" / "usr"):
            one.chmod(0o755)
        _version(made / "root", work)
        shutil.rmtree(folder / "installed", ignore_errors=True)
        made.rename(folder / "installed")


def installed(folder: Path) -> list[str]:
    """What opens encrypted volumes here, with its version; nothing when nothing does."""
    try:
        found = exports.program(folder)
    except EngineMissing:
        return []
    top = folder / "installed" / "root"
    return [f"{exports.PROGRAM} {_version(top, folder) if found.is_relative_to(top) else _said([found], Path('/'))}"]


def _version(root: Path, work: Path) -> str:
    """Its own words: what was fetched must find its libraries here. Raises EngineError."""
    return _said(["env", f"LD_LIBRARY_PATH={exports.libraries(root)}", root / "usr" / "bin" / exports.PROGRAM], work)


def _said(argv: list[str | Path], work: Path) -> str:
    version = re.search(r"version (\d+(?:\.\d+)+)", run([*argv, "--version"], work))
    return version.group(1) if version is not None else "unknown"
