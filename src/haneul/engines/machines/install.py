"""Bring what runs machines: User Mode Linux and, when asked, QEMU with a kernel for it. Debian's packages, unpacked.

They land in <data>/engines/machines/installed/{uml,qemu}; nothing outside the data folder is changed.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from haneul.engines.errors import EngineError
from haneul.engines.machines.packages import fetch, run, unpack
from haneul.engines.machines.shim import compile_shim

UML = "user-mode-linux"
KINDS = ("uml",)


def install(data: Path, version: str = "", bundle: Path | None = None) -> list[str]:
    """Install "uml" (the default), "qemu", or "all"; returns what is there now, like ["uml 6.1.176"].

    A bundle is a folder of .deb files. Raises EngineError that says what failed.
    """
    wanted = KINDS if version == "all" else (version or "uml",)
    for kind in wanted:
        if kind not in KINDS:
            raise EngineError(f"{kind!r} runs no machines; uml, qemu and all do")
        install_kind(data / "engines" / "machines", kind, bundle)
    return installed(data / "engines" / "machines")


def installed(folder: Path) -> list[str]:
    """What has been installed, with its version."""
    return [
        f"{path.parent.name} {path.read_text().strip()}" for path in sorted((folder / "installed").glob("*/version"))
    ]


def install_kind(folder: Path, kind: str, bundle: Path | None = None) -> None:
    """Put one kind there, or leave what is there."""
    place = folder / "installed" / kind
    if (place / "version").is_file():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as name:
        work = Path(name)
        made = work / "made"
        made.mkdir()
        version = _uml(work, made, bundle)
        made.chmod(0o755)
        (made / "version").write_text(f"{version}\n")
        shutil.rmtree(place, ignore_errors=True)
        made.rename(place)


def _uml(work: Path, made: Path, bundle: Path | None) -> str:
    """The kernel that is a program, and the library it is started with."""
    debs = sorted(bundle.glob("*.deb")) if bundle is not None else fetch([UML], work, everything=False)
    root = work / "root"
    root.mkdir()
    unpack([deb for deb in debs if deb.name.startswith(f"{UML}_")], root)
    kernel = root / "usr" / "bin" / "linux.uml"
    if not kernel.is_file():
        raise EngineError("no User Mode Linux came: Debian packages it for amd64 and i386")
    said = run([kernel, "--version"], work).split()
    version = said[-1] if said and re.fullmatch(r"\d+(\.\d+)+.*", said[-1]) else "unknown"
    kernel.rename(made / "linux.uml")
    (made / "linux.uml").chmod(0o755)
    compile_shim(made / "shim.so")
    return version
