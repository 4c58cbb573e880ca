"""Disk images of other systems (VMDK, VHD, VHDX, QCOW2, OVA), to and from raw disks by qemu-img.

What strangers upload is looked at before any of it is opened: an image that names another file (a backing file, an
external extent, a parent) would read that file of this machine, so it is refused by its own header, and once more by
what qemu-img says of it without following the chain. The format is always named, never guessed.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from haneul.engines.errors import EngineError

LARGEST = 16 << 40
"""Bytes of the largest disk."""
_DRIVERS = {"vmdk": "vmdk", "vhd": "vpc", "vhdx": "vhdx", "qcow2": "qcow2", "raw": "raw"}
_TIMEOUT = 3600.0
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
_VMDK_CAPACITY = slice(12, 20)
_QCOW2_BACKING = slice(8, 16)
_QCOW2_INCOMPATIBLE = slice(72, 80)
_QCOW2_EXTERNAL = 1 << 2
_VHD_DIFFERENCING = 4


def available() -> bool:
    return shutil.which("qemu-img", path=_ENVIRONMENT["PATH"]) is not None


def formats() -> tuple[str, ...]:
    return tuple(_DRIVERS)


def to_raw(source: Path, kind: str, target: Path) -> int:
    """`target` is the disk that `source` describes; its bytes. Raises EngineError that says what is wrong with it."""
    size = virtual_size(source, kind)
    if kind == "raw":
        source.rename(target)
        return size
    if size > shutil.disk_usage(target.parent).free:
        raise EngineError(f"the disk may grow to {size >> 20} MiB, and this machine has less to spare")
    _run(["convert", "-f", _DRIVERS[kind], "-O", "raw", str(source), str(target)], target.parent)
    return size


def from_raw(source: Path, kind: str, target: Path) -> None:
    """`target` is the raw disk `source` as VMDK (stream optimised) or VHD, as AWS exports them."""
    if kind == "raw":
        shutil.copyfile(source, target)
        return
    options = ["-o", "subformat=streamOptimized"] if kind == "vmdk" else ["-o", "subformat=dynamic,force_size=on"]
    _run(["convert", "-f", "raw", "-O", _DRIVERS[kind], *options, str(source), str(target)], target.parent)


def virtual_size(source: Path, kind: str) -> int:
    """Bytes of the disk in an image that is whole in itself. Raises EngineError for any other."""
    if kind not in _DRIVERS:
        raise EngineError(f"{kind} is no format of disks that can be read here")
    size = os.path.getsize(source)
    if kind != "raw":
        _check_header(source, kind)
        told = json.loads(_run(["info", "--output=json", "-f", _DRIVERS[kind], str(source)], source.parent))
        _check_told(told, source)
        size = int(told["virtual-size"])
    if not 0 < size <= LARGEST:
        raise EngineError(f"a disk of {size} bytes can't be imported")
    return size


def disks_of_ova(archive: Path, folder: Path) -> list[Path]:
    """The VMDK files in an OVA, in the order in which they lie there, under names of our own. Raises EngineError."""
    found: list[Path] = []
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                if not member.isreg() or not member.name.lower().endswith(".vmdk"):
                    continue
                if member.issparse():  # a few bytes could fill this machine's disk
                    raise EngineError("the OVA has sparse files")
                if len(found) == 20:
                    raise EngineError("an OVA may have 20 disks")
                content = tar.extractfile(member)
                assert content is not None
                target = folder / f"disk-{len(found)}.vmdk"
                with content, target.open("wb") as file:
                    shutil.copyfileobj(content, file)
                found.append(target)
    except tarfile.TarError as error:
        raise EngineError(f"the OVA can't be read: {error}") from error
    if not found:
        raise EngineError("the OVA has no VMDK disk")
    return found


def _check_header(source: Path, kind: str) -> None:
    with source.open("rb") as file:
        head = file.read(1024)
        file.seek(max(0, os.path.getsize(source) - 512))
        tail = file.read(512)
    if kind == "vmdk":
        if head[:4] != b"KDMV":  # a text that describes files, or what only ESX has
            raise EngineError(
                "only VMDK files that are whole in themselves (monolithic sparse, stream optimised) are read"
            )
        if head[_VMDK_CAPACITY] == bytes(8):  # then it is such a text after all
            raise EngineError("the VMDK file names other files")
    elif kind == "qcow2":
        if head[:4] != b"QFI\xfb":
            raise EngineError("the file is no QCOW2 image")
        version, external = struct.unpack(">I", head[4:8])[0], 0
        if version >= 3:
            external = struct.unpack(">Q", head[_QCOW2_INCOMPATIBLE])[0] & _QCOW2_EXTERNAL
        if head[_QCOW2_BACKING] != bytes(8) or external:
            raise EngineError("the QCOW2 image names another file")
    elif kind == "vhd":
        footer = head[:512] if head[:8] == b"conectix" else tail
        if footer[:8] != b"conectix":
            raise EngineError("the file is no VHD image")
        if struct.unpack(">I", footer[60:64])[0] == _VHD_DIFFERENCING:
            raise EngineError("the VHD image names another file")
    elif head[:8] != b"vhdxfile":
        raise EngineError("the file is no VHDX image")


def _check_told(told: Any, source: Path) -> None:
    """What qemu-img says without following the chain."""
    details = (told.get("format-specific") or {}).get("data") or {}
    others = [one.get("filename") for one in details.get("extents") or () if one.get("filename") != str(source)]
    if told.get("backing-filename") or told.get("full-backing-filename") or details.get("data-file") or others:
        raise EngineError("the image names another file")
    if told.get("encrypted"):
        raise EngineError("the image is encrypted")


def _run(arguments: Sequence[str], folder: Path) -> str:
    try:
        done = subprocess.run(
            ["qemu-img", *arguments],
            cwd=folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        raise EngineError("qemu-img is not on this machine: apt-get install qemu-utils") from None
    except subprocess.TimeoutExpired:
        raise EngineError(f"qemu-img {arguments[0]} did not end within an hour") from None
    if done.returncode != 0:
        complaint = done.stderr.decode(errors="replace").replace(str(folder), "").strip()
        raise EngineError(f"qemu-img {arguments[0]} failed: {complaint[-300:]}")
    return done.stdout.decode(errors="replace")
