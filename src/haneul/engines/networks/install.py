"""Bring what makes networks: Debian's nftables, dnsmasq and iproute2, installed for the whole machine; they are small,
and network namespaces need root as much as apt does."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from haneul.engines.errors import EngineError

_TOOLS = {"nft": "nftables", "dnsmasq": "dnsmasq-base", "ip": "iproute2"}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {"PATH": _PATH, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def install(data: Path, version: str = "", bundle: Path | None = None) -> list[str]:
    """Install the tools that are missing, from a folder of .deb files if one is given; the tools that are there now.
    Raises EngineError that says what failed."""
    missing = [package for tool, package in _TOOLS.items() if shutil.which(tool, path=_PATH) is None]
    if missing:
        if os.geteuid() != 0:
            raise EngineError(f"only root can bring {', '.join(missing)}: sudo apt-get install {' '.join(missing)}")
        if shutil.which("apt-get") is None:
            raise EngineError(f"apt-get is not on this machine: install {', '.join(missing)} by its own means")
        wanted = sorted(str(one.resolve()) for one in bundle.glob("*.deb")) if bundle else missing
        if not bundle:
            _run(["apt-get", "-qq", "update"])
        _run(["apt-get", "-qq", "-y", "--no-install-recommends", "install", *wanted])
    return installed()


def installed() -> list[str]:
    """The tools that are there."""
    return [tool for tool in _TOOLS if shutil.which(tool, path=_PATH) is not None]


def _run(argv: Sequence[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=900, check=False, env=_ENVIRONMENT)
    if done.returncode != 0:
        raise EngineError(f"{' '.join(argv[:2])} failed: {(done.stderr or done.stdout).strip()[-400:]}")
