"""Bring what runs machines: User Mode Linux and, when asked, QEMU with a kernel for it. Debian's packages, unpacked.

They land in <data>/engines/machines/installed/{uml,qemu}; nothing outside the data folder is changed. Where the machine
has a QEMU of its own in /usr, that one is used, and only the kernel is fetched.
"""

from __future__ import annotations

import platform
import re
import shutil
import tempfile
from pathlib import Path

from haneul.engines.errors import EngineError
from haneul.engines.machines import boot
from haneul.engines.machines.packages import fetch, run, tool, unpack
from haneul.engines.machines.shim import compile_shim

UML = "user-mode-linux"
KINDS = ("uml", "qemu")
PROGRAM = "qemu-system-x86_64"
_QEMU = ("qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios", "ovmf")
_KERNEL = ("linux-image-cloud-amd64", "busybox-static")
_OF_QEMU = (*_QEMU, "ipxe-qemu", "lib")
"""And not what comes with a kernel."""


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
    if platform.machine() != "x86_64":
        raise EngineError(f"machines run on x86_64 processors only, this one is {platform.machine()}")
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as name:
        work = Path(name)
        made = work / "made"
        made.mkdir()
        version = {"uml": _uml, "qemu": _qemu}[kind](work, made, bundle)
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


def _qemu(work: Path, made: Path, bundle: Path | None) -> str:
    """The emulator (unless the machine has one), and the kernel that it boots file systems with."""
    own = tool(PROGRAM)
    there = own is not None and Path(own).resolve().is_relative_to("/usr")
    wanted = _KERNEL if there else (*_KERNEL, *_QEMU)
    debs = sorted(bundle.glob("*.deb")) if bundle is not None else fetch(wanted, work, everything=False)
    parts = work / "parts"
    parts.mkdir()
    _pick(debs, parts, ("linux-image-6", "linux-image-7", "busybox-static_"))
    _kernel(parts, made)
    if not there:
        (made / "root").mkdir()
        _pick(debs, made / "root", _OF_QEMU)
    program = made / "root" / "usr" / "bin" / PROGRAM if not there else Path(str(own))
    libraries = made / "root" / "usr" / "lib" / "x86_64-linux-gnu"
    # The tool's own words: what is fetched must find its libraries here.
    said = run(["env", f"LD_LIBRARY_PATH={libraries}", program, "--version"], work)
    version = re.search(r"version (\d+(?:\.\d+)+)", said)
    (made / "program").write_text(str(own) if there else f"root/usr/bin/{PROGRAM}")
    return version.group(1) if version is not None else "unknown"


def _pick(debs: list[Path], place: Path, names: tuple[str, ...]) -> None:
    unpack([deb for deb in debs if deb.name.startswith(names)], place)


def _kernel(parts: Path, made: Path) -> None:
    found = sorted((parts / "boot").glob("vmlinuz-*"))
    busybox = next((path for path in (parts / "bin/busybox", parts / "usr/bin/busybox") if path.is_file()), None)
    if not found or busybox is None:
        raise EngineError("no kernel for guests came: linux-image-cloud-amd64 and busybox-static are needed")
    (made / "kernel").write_bytes(boot.kernel(found[-1].read_bytes()))
    (made / "initrd").write_bytes(boot.initrd(busybox, parts))
    for path in (made / "kernel", made / "initrd"):
        path.chmod(0o644)
