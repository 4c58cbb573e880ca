"""Fetch MariaDB: Debian's packages, downloaded by apt-get and unpacked by dpkg without being installed; or a bundle.

A bundle is a folder that holds the .deb files. The build lands in <data>/engines/mysql/builds/<version>.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from haneul.engines.errors import EngineError

PACKAGES = ("mariadb-server", "mariadb-server-core", "mariadb-client", "mariadb-client-core", "mariadb-backup",
            "mariadb-common", "libaio1", "liburing2")  # fmt: skip


def install(data: Path, version: str = "", bundle: Path | None = None) -> list[str]:
    """Install MariaDB as the distribution has it; returns what is there now.

    Raises EngineError that says what failed.
    """
    builds = data / "engines" / "mysql" / "builds"
    builds.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=builds) as work:
        folder = bundle if bundle is not None else _fetch(Path(work))
        root = Path(work) / "root"
        for package in sorted(folder.glob("*.deb")):
            _run(["dpkg", "-x", str(package), str(root)], Path(work))
        server = root / "usr" / "sbin" / "mariadbd"
        if not server.is_file():
            raise EngineError(f"{folder} holds no MariaDB server")
        root.chmod(0o755)
        place = builds / version_of(root)
        if not place.exists():
            root.rename(place)
    builds.chmod(0o755)
    return sorted(path.name for path in builds.iterdir())


def _fetch(work: Path) -> Path:
    if shutil.which("apt-get") is None:
        raise EngineError("apt-get is not on this machine: give a folder of Debian packages instead")
    folder = work / "debs"
    folder.mkdir(mode=0o755)
    for package in PACKAGES:
        _run(["apt-get", "download", package], folder)
    return folder


def _run(argv: list[str], cwd: Path) -> str:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise EngineError(f"{' '.join(argv[:3])} failed: {done.stderr.strip()[-400:]}")
    return done.stdout


def libraries(root: Path) -> str:
    """LD_LIBRARY_PATH for a build that was unpacked, not installed."""
    return ":".join(str(path) for path in sorted((root / "usr" / "lib").glob("*-linux-gnu")))


def version_of(root: Path) -> str:
    """Like "10.11.19". Raises EngineError."""
    printed = subprocess.run(
        [root / "usr" / "sbin" / "mariadbd", "--no-defaults", "--version"],
        env={"LD_LIBRARY_PATH": libraries(root)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    match = re.search(r"Ver (\d+\.\d+\.\d+)-MariaDB", printed.stdout)
    if match is None:
        raise EngineError(f"MariaDB doesn't run: {printed.stderr.strip()[-300:]}")
    return match.group(1)
