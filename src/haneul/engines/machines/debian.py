"""The image `debian`: Debian 13 as it is, with its cloud kernel, systemd and cloud-init, on a disk that boots itself.

Made by mmdebstrap without mounting anything: the file system is filled as it is made, and GRUB is put before it by
hand. Its own files are in guest/debian.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from shlex import quote

from haneul.engines.errors import EngineError
from haneul.engines.machines.packages import run, tool

SUITE = "trixie"
SIZE = 4 << 30
PACKAGES = ("apt-utils", "bash-completion", "ca-certificates", "cloud-guest-utils", "cloud-init", "curl",
            "dbus", "e2fsprogs", "fdisk", "grub-common", "grub-pc-bin", "initramfs-tools", "iproute2", "iputils-ping",
            "kmod", "less", "libpam-systemd", "linux-image-cloud-amd64", "netbase", "openssh-server", "procps", "sudo",
            "systemd-resolved", "systemd-sysv", "udev", "vim-tiny", "zstd")  # fmt: skip
_START = 2048
"""The sector where the file system begins; GRUB is in those before it."""
_GUEST = Path(__file__).with_name("guest") / "debian"


def build(place: Path, work: Path, progress: Callable[[str], None]) -> None:
    """Make the disk at `place`, with `work` to work in: as root, or where user namespaces are allowed. EngineError."""
    for name, package in (("mmdebstrap", "mmdebstrap"), ("mkfs.ext4", "e2fsprogs")):
        if tool(name) is None:
            raise EngineError(f"{name} is not on this machine: apt-get install {package}")
    progress("debian: installing Debian 13 into a folder; this takes minutes")
    root = work / "root"
    work.chmod(0o755)
    mode = "root" if os.geteuid() == 0 else "unshare"
    _hooks(work)
    argv: list[str | Path] = ["mmdebstrap", f"--mode={mode}", "--variant=minbase", "--format=directory", "--quiet"]
    argv += [f"--include={','.join(PACKAGES)}", "--aptopt=Acquire::Languages none"]
    argv += ["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"]
    argv += [f"--essential-hook=copy-in {quote(str(work / 'early/etc'))} /"]
    argv += [f"--customize-hook=copy-in {quote(str(work / 'files/etc'))} /"]
    argv += ['--customize-hook=chroot "$1" sh /etc/haneul-build', SUITE, root]
    run(argv, work, timeout=3600)
    progress("debian: making the disk")
    fresh = work / "image.raw"
    with fresh.open("wb") as file:
        file.truncate(SIZE)
    inside: list[str | Path] = [] if mode == "root" else ["mmdebstrap", "--unshare-helper"]
    options = ["-q", "-F", "-L", "root", "-m", "1", "-E", f"offset={_START * 512}", "-d"]
    blocks = f"{(SIZE - _START * 512) >> 10}k"
    run([*inside, tool("mkfs.ext4") or "", *options, root, fresh, blocks], work)
    _loader(fresh, (root / "boot/grub/boot.img").read_bytes(), (root / "boot/grub/core.img").read_bytes())
    if mode != "root":
        run([*inside, "rm", "-rf", root], work)
    fresh.rename(place)


def _hooks(work: Path) -> None:
    """The image's own files where mmdebstrap copies them from."""
    for name in ("early", "files"):
        shutil.copytree(_GUEST / name, work / name)
    for path in (work / "files").rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.read_bytes()[:2] == b"#!" else 0o644)


def _loader(disk: Path, first: bytes, core: bytes) -> None:
    """GRUB's first sector, its core behind it, and a table with the one partition."""
    if len(first) != 512 or len(core) > (_START - 1) * 512:
        raise EngineError("GRUB's images are of an unexpected size")
    sectors = SIZE // 512 - _START
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", _START, sectors)
    table = b"HNL1" + bytes(2) + entry + bytes(48) + b"\x55\xaa"
    with disk.open("r+b") as file:
        file.write(first[:440] + table + core)
