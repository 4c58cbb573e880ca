"""What QEMU boots directly: Debian's cloud kernel, unpacked ahead so that no guest must, and a RAM disk for it.

The kernel has its virtio drivers as modules, so the RAM disk brings those, finds the root disk and gives way to it.
"""

from __future__ import annotations

import lzma
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from haneul.engines.errors import EngineError

MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "virtio-rng")
_LZ4 = b"\x02\x21\x4c\x18"
_ELF = b"\x7fELF"
_INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
for one in /modules/*; do /bin/busybox insmod $one; done
root=/dev/vda init=/sbin/init
for word in $(/bin/busybox cat /proc/cmdline); do
  case $word in root=*) root=${word#root=} ;; init=*) init=${word#init=} ;; esac
done
for turn in 1 2 3 4 5 6 7 8 9; do [ -b $root ] && break; /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 $root /root
/bin/busybox mount -o move /dev /root/dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /root $init
"""


def kernel(packed: bytes) -> bytes:
    """The kernel inside of a bzImage, when it is packed by LZ4 (as Debian's is); else the bzImage itself."""
    at = packed.find(_LZ4)
    if at < 0:
        return packed
    try:
        found = bytes(_unpacked(packed, at))
    except IndexError:
        return packed
    return found if found.startswith(_ELF) else packed


def _unpacked(packed: bytes, at: int) -> bytearray:
    """The legacy frame of LZ4: sized blocks, one behind the other. Raises IndexError for what is none."""
    out = bytearray()
    while at + 4 <= len(packed):
        (size,) = struct.unpack_from("<I", packed, at)
        at += 4
        if packed[at - 4 : at] == _LZ4:
            continue
        if size == 0 or at + size > len(packed):
            break
        _block(packed, at, at + size, out)
        at += size
    return out


def _block(packed: bytes, at: int, end: int, out: bytearray) -> None:
    while at < end:
        token = packed[at]
        length, at = _length(packed, at + 1, token >> 4)
        out += packed[at : at + length]
        at += length
        if at >= end:
            return
        back = packed[at] | packed[at + 1] << 8
        length, at = _length(packed, at + 2, token & 15)
        length += 4
        start = len(out) - back
        if start < 0 or not back:
            raise IndexError
        part = bytes(out[start : start + length])
        out += (part * (length // len(part) + 1))[:length]


def _length(packed: bytes, at: int, length: int) -> tuple[int, int]:
    if length == 15:
        while True:
            more = packed[at]
            at += 1
            length += more
            if more != 255:
                break
    return length, at


def initrd(busybox: Path, modules: Path) -> bytes:
    """The RAM disk: a static busybox and the modules below `modules` that MODULES need. Raises EngineError."""
    entries: list[tuple[str, int, bytes]] = [(name, 0o40755, b"") for name in ("bin", "dev", "proc", "root", "modules")]
    entries.append(("bin/busybox", 0o100755, busybox.read_bytes()))
    entries.append(("init", 0o100755, _INIT.encode()))
    for number, (name, content) in enumerate(_ordered(modules)):
        entries.append((f"modules/{number:02}-{name}.ko", 0o100644, content))
    return _cpio(entries)


def _ordered(modules: Path) -> Iterable[tuple[str, bytes]]:
    """The modules with what they stand on before them."""
    there = {path.name.split(".")[0].replace("-", "_"): path for path in modules.rglob("*.ko*")}
    done: dict[str, bytes] = {}

    def need(name: str) -> None:
        name = name.replace("-", "_")
        if name in done or name not in there:
            return
        content = _read(there[name])
        for one in _needs(content):
            need(one)
        done[name] = content

    for name in MODULES:
        need(name)
    if "virtio_blk" not in done:
        raise EngineError("the kernel that came has no module virtio_blk")
    return done.items()


def _read(path: Path) -> bytes:
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content


def _needs(module: bytes) -> list[str]:
    """Names of the modules that one depends on, from the text that the kernel's build puts into it."""
    start = module.find(b"\0depends=")
    if start < 0:
        return []
    text = module[start + 9 : module.index(b"\0", start + 9)].decode()
    return [one for one in text.split(",") if one]


def _cpio(entries: Sequence[tuple[str, int, bytes]]) -> bytes:
    """An archive in the form that kernels unpack (newc)."""
    out = bytearray()
    for number, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + "".join(f"{field:08X}" for field in fields).encode() + name.encode() + b"\0"
        out += bytes(-len(out) % 4)
        out += content
        out += bytes(-len(out) % 4)
    return bytes(out)
