"""QEMU: any image, several processors, hot plug; with KVM where guests really run on it, else by emulation (TCG).

The machine is a classic PC: each slot of its PCI bus takes a device while the guest runs, with no ports that slow the
boot. Its keeper speaks with its monitor; disks are descriptors that the keeper holds.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haneul.engines.errors import EngineBusy, EngineError, EngineMissing
from haneul.engines.machines.keeping import Keepers
from haneul.engines.machines.port import DIRECT, Disk, Machine, Nic
from haneul.engines.machines.rights import opened

_HERE = "/run/kernel"
_SECCOMP = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
_SLOTS = 26
"""Devices that a machine takes besides those it is made of."""
_PROBE = 5.0
"""Seconds that a guest on KVM may take to the first word of its RAM disk; real ones take one."""
_VARS = "firmware"
"""The keeper's name of the descriptor of the firmware's settings."""
_LEAVES = 5.0
"""Seconds that a guest may take to let go of a device, looked at every..."""
_LOOK = 0.02


def executable(folder: Path) -> Path:
    """The installed kernel's folder. Raises EngineMissing."""
    place = folder / "installed" / "qemu"
    if not (place / "version").is_file():
        raise EngineMissing("QEMU", "haneul engines install machines qemu")
    return place


def probe(folder: Path) -> str:
    """Empty when QEMU runs here, else why not."""
    try:
        done = _run(executable(folder), ["--version"], 20)
    except EngineError as error:
        return str(error)
    said = done.decode(errors="replace")
    return "" if "QEMU emulator" in said else f"QEMU does not start here: {said.strip()[-200:]}"


def probe_kvm(folder: Path) -> str:
    """Empty when a guest runs on KVM here, else why not: opening /dev/kvm proves nothing, so one is booted."""
    try:
        place = executable(folder)
    except EngineMissing as error:
        return str(error)
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "KVM is not on this machine (/dev/kvm cannot be opened)."
    argv = ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-M", "pc", "-m", "192"]
    argv += ["-accel", "kvm", "-cpu", "host", "-serial", "stdio"]
    argv += ["-kernel", str(place / "kernel"), "-initrd", str(place / "initrd")]
    # The RAM disk finds no root disk: that it says so is what a guest that runs does.
    argv += ["-append", "console=ttyS0 quiet panic=-1 root=/dev/none"]
    done = _run(place, argv, _PROBE)
    return "" if b"mount: mounting" in done else "KVM is here, but a guest that was tried on it did not come up."


def _run(place: Path, argv: list[Any], seconds: float) -> bytes:
    """What QEMU prints until it ends or the time is over."""
    with tempfile.TemporaryFile() as output:
        try:
            subprocess.run(
                [_program(place, str(place)), *map(str, argv)],
                env=_environment(place, str(place)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            pass
        except OSError as error:
            return f"{error}".encode()
        output.seek(0)
        return output.read(1 << 20)


def _program(place: Path, seen: str) -> str:
    name = (place / "program").read_text().strip()
    return name if name.startswith("/") else f"{seen}/{name}"


def _environment(place: Path, seen: str) -> dict[str, str]:
    libraries = f"{seen}/root/usr/lib/x86_64-linux-gnu:{seen}/root/lib/x86_64-linux-gnu"
    own = {"LD_LIBRARY_PATH": libraries} if (place / "root").is_dir() else {}
    return {"PATH": "/usr/bin:/bin", "HOME": "/", "TMPDIR": "/dev/shm", "MALLOC_ARENA_MAX": "2", **own}  # noqa: S108 - of the sandbox


def check(machine: Machine) -> None:
    """Whether QEMU runs this. Raises EngineError."""
    if len(machine.disks) + len(machine.nics) > _SLOTS:
        raise EngineError(f"a machine has at most {_SLOTS} disks and interfaces")
    if any(disk.id == _VARS for disk in machine.disks):
        raise EngineError(f"{_VARS} is no name of a disk")


def plan(folder: Path, machine: Machine, uid: int, engine: str, entry: dict[str, Any]) -> dict[str, object]:
    """What a keeper must know to run it; `entry` learns which slots disks and interfaces have."""
    sandbox = os.geteuid() == 0
    place = executable(folder)
    seen = _HERE if sandbox else str(place)
    entry["slots"] = {disk.id: number for number, disk in enumerate(machine.disks)}
    disks = [{"id": disk.id, "path": str(disk.path), "read_only": disk.read_only} for disk in machine.disks]
    argv = [_program(place, seen), *_board(machine, engine, place, seen)]
    if machine.boot != DIRECT and machine.firmware == "uefi":
        argv += _firmware(place, seen)
        disks.append({"id": _VARS, "path": str(_settings(folder, machine.id, place)), "read_only": False})
    else:
        argv += ["-machine", "pc"]
    for number, disk in enumerate(machine.disks):
        argv += ["-blockdev", json.dumps(_node(number, disk, f"{{disk:{disk.id}}}"))]
        first = {"bootindex": 0} if number == 0 and machine.boot != DIRECT else {}
        argv += ["-device", json.dumps(_drive(number, disk) | first)]
    for number, nic in enumerate(machine.nics):
        entry["nics"][nic.id] = number
        argv += ["-netdev", json.dumps(_netdev(number, nic)), "-device", json.dumps(_card(number, nic))]
    return {
        "kind": "qemu",
        "argv": argv,
        "environment": _environment(place, seen),
        "sandbox": sandbox,
        "uid": uid,
        "netns": str(machine.netns) if machine.netns else "",
        "taps": [nic.tap for nic in machine.nics],
        "binds": [[str(place), _HERE]],
        "memory_mib": 16,
        "disks": disks,
    }


def _board(machine: Machine, engine: str, place: Path, seen: str) -> list[str]:
    """All but disks and interfaces."""
    argv = ["-nodefaults", "-no-user-config", "-sandbox", _SECCOMP, "-rtc", "base=utc"]
    argv += ["-accel", "kvm", "-cpu", "host"] if engine == "kvm" else ["-accel", "tcg,tb-size=64", "-cpu", "max"]
    argv += ["-smp", str(machine.vcpus), "-m", f"{machine.memory_mib}M", "-display", "none"]
    argv += ["-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial"]
    argv += ["-chardev", "socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=control"]
    argv += ["-device", "virtio-rng-pci"]
    if (place / "root").is_dir():
        argv += ["-L", f"{seen}/root/usr/share/qemu", "-L", f"{seen}/root/usr/share/seabios"]
    if machine.uuid:
        argv += ["-smbios", "type=0,vendor=Amazon EC2", "-smbios", "type=3,manufacturer=Amazon EC2,asset=Amazon EC2"]
        names = f"product={machine.product.replace(',', ',,')},uuid={machine.uuid},serial={machine.uuid}"
        argv += ["-smbios", f"type=1,manufacturer=Amazon EC2,{names}"]
    if machine.boot != DIRECT:
        return [*argv, "-vga", "std"]
    words = ["console=ttyS0", "panic=-1", "root=/dev/vda", "rw", "net.ifnames=0"]
    words += [] if "loglevel" in machine.arguments else ["quiet"]
    words += _clock() if engine == "tcg" else []
    argv += ["-kernel", f"{seen}/kernel", "-initrd", f"{seen}/initrd"]
    return [*argv, "-append", " ".join([*words, *machine.arguments.split()])]


def _firmware(place: Path, seen: str) -> list[str]:
    """UEFI in two flash chips: its code, which nobody writes, and the machine's own settings."""
    code = _ovmf(place, "CODE")
    inside = str(code).replace(str(place), seen, 1)
    argv = []
    for node, path, fixed in (("code", inside, True), ("settings", f"{{disk:{_VARS}}}", False)):
        file = {"driver": "file", "filename": path}
        argv += ["-blockdev", json.dumps({"driver": "raw", "node-name": node, "read-only": fixed, "file": file})]
    return [*argv, "-machine", "pc,pflash0=code,pflash1=settings"]


def _settings(folder: Path, machine: str, place: Path) -> Path:
    """The machine's own settings of its firmware, the standard ones at its first start."""
    own = folder / "machines" / machine / "settings.fd"
    if not own.exists():
        own.parent.mkdir(parents=True, exist_ok=True)
        fresh = own.with_suffix(".fresh")
        fresh.write_bytes(_ovmf(place, "VARS").read_bytes())
        fresh.rename(own)
    return own


def _ovmf(place: Path, part: str) -> Path:
    for folder in (place / "root/usr/share/OVMF", Path("/usr/share/OVMF")):
        for name in (f"OVMF_{part}_4M.fd", f"OVMF_{part}.fd"):
            if (folder / name).is_file():
                return folder / name
    raise EngineError("UEFI's firmware is not on this machine: apt-get install ovmf")


def _clock() -> list[str]:
    """An emulated guest on a busy machine measures its clock wrongly, so it is told: its time stamps are ours."""
    found = re.search(r"^cpu MHz\s*: (\d+)\.(\d{3})", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return ["no_timer_check", *([f"tsc_early_khz={found.group(1)}{found.group(2)}"] if found else [])]


def _node(number: int, disk: Disk, path: str) -> dict[str, Any]:
    return {
        "driver": disk.format,
        "node-name": f"node{number}",
        "read-only": disk.read_only,
        "discard": "unmap",
        "file": {"driver": "file", "filename": path},
    }


def _drive(number: int, disk: Disk) -> dict[str, Any]:
    return {
        "driver": "virtio-blk-pci",
        "id": f"disk{number}",
        "drive": f"node{number}",
        "serial": disk.serial[:20],
        "disable-legacy": "on",
    }


def _netdev(number: int, nic: Nic) -> dict[str, Any]:
    return {"type": "tap", "id": f"net{number}", "ifname": nic.tap, "script": "no", "downscript": "no"}


def _card(number: int, nic: Nic) -> dict[str, Any]:
    return {
        "driver": "virtio-net-pci",
        "id": f"nic{number}",
        "netdev": f"net{number}",
        "mac": nic.mac,
        "romfile": "",
        "disable-legacy": "on",
    }


def say(keepers: Keepers, machine: str, execute: str, **arguments: Any) -> Any:
    """Say it to the monitor; what it returns. Raises EngineError."""
    return keepers.ask(machine, "monitor", execute=execute, arguments=arguments)["return"]


def shutdown(keepers: Keepers, machine: str, entry: Mapping[str, Any]) -> None:
    """Our own images restart on Ctrl-Alt-Del, and a restart is an end now; others know a power button."""
    say(keepers, machine, "set-action", reboot="shutdown")
    if entry["boot"] == DIRECT:
        _press_restart(keepers, machine)
    else:
        say(keepers, machine, "system_powerdown")


def reboot(keepers: Keepers, machine: str) -> None:
    _press_restart(keepers, machine)


def _press_restart(keepers: Keepers, machine: str) -> None:
    keys = [{"type": "qcode", "data": key} for key in ("ctrl", "alt", "delete")]
    say(keepers, machine, "send-key", keys=keys)


def pause(keepers: Keepers, machine: str) -> None:
    say(keepers, machine, "stop")


def resume(keepers: Keepers, machine: str) -> None:
    say(keepers, machine, "cont")


def attach(keepers: Keepers, machine: str, disk: Disk, entry: dict[str, Any]) -> None:
    """The guest finds the disk on its bus."""
    number = _free(entry, "slots")
    _remove(keepers, machine, f"disk{number}", "blockdev-del", {"node-name": f"node{number}"})
    with opened(disk, machine) as descriptor:
        path = keepers.ask(machine, "hold", descriptor=descriptor, id=disk.id)["path"]
    try:
        say(keepers, machine, "blockdev-add", **_node(number, disk, path))
        try:
            say(keepers, machine, "device_add", **_drive(number, disk))
        except EngineError:
            say(keepers, machine, "blockdev-del", **{"node-name": f"node{number}"})
            raise
    except EngineError:
        keepers.ask(machine, "drop", id=disk.id)
        raise
    entry["slots"][disk.id] = number


def detach(keepers: Keepers, machine: str, disk: str, entry: dict[str, Any], *, force: bool) -> None:
    number = entry["slots"][disk]
    _remove(keepers, machine, f"disk{number}", "blockdev-del", {"node-name": f"node{number}"})
    keepers.ask(machine, "drop", id=disk)
    del entry["slots"][disk]


def name_of(entry: Mapping[str, Any], disk: str) -> str:
    return ""


def resized(keepers: Keepers, machine: str, disk: str, size: int, entry: Mapping[str, Any]) -> bool:
    say(keepers, machine, "block_resize", **{"node-name": f"node{entry['slots'][disk]}", "size": size})
    return True


def screenshot(keepers: Keepers, machine: str, entry: Mapping[str, Any]) -> str:
    if entry["boot"] == DIRECT:
        return ""
    say(keepers, machine, "screendump", filename="screen.png", format="png")
    return "screen.png"


def attach_nic(keepers: Keepers, machine: str, nic: Nic, entry: dict[str, Any]) -> None:
    number = _free(entry, "nics")
    _remove(keepers, machine, f"nic{number}", "netdev_del", {"id": f"net{number}"})
    say(keepers, machine, "netdev_add", **_netdev(number, nic))
    try:
        say(keepers, machine, "device_add", **_card(number, nic))
    except EngineError:
        say(keepers, machine, "netdev_del", id=f"net{number}")
        raise
    entry["nics"][nic.id] = number


def detach_nic(keepers: Keepers, machine: str, nic: str, entry: dict[str, Any]) -> None:
    number = entry["nics"][nic]
    _remove(keepers, machine, f"nic{number}", "netdev_del", {"id": f"net{number}"})
    del entry["nics"][nic]


def _free(entry: Mapping[str, Any], kind: str) -> int:
    if len(entry["slots"]) + len(entry["nics"]) >= _SLOTS:
        raise EngineError(f"a machine has at most {_SLOTS} disks and interfaces")
    return next(number for number in range(64) if number not in entry[kind].values())


def _remove(keepers: Keepers, machine: str, device: str, command: str, arguments: dict[str, str]) -> None:
    """The guest lets go of a device, and QEMU of what is behind it; nothing of what isn't there, so that whatever was
    interrupted can be begun again. Raises EngineBusy when the guest keeps it."""
    if _plugged(keepers, machine, device):
        try:
            say(keepers, machine, "device_del", id=device)
        except EngineError as error:
            if "not found" not in str(error) and "process of unplug" not in str(error):
                raise
    for _ in range(int(_LEAVES / _LOOK)):
        try:
            if not _plugged(keepers, machine, device):
                say(keepers, machine, command, **arguments)
                return
        except EngineError as error:
            if "not found" in str(error) or "Failed to find" in str(error):
                return
            if "in use" not in str(error):  # a device goes a moment later than its name
                raise
        threading.Event().wait(_LOOK)
    raise EngineBusy(f"machine {machine}: the guest does not let go of {device}")


def _plugged(keepers: Keepers, machine: str, device: str) -> bool:
    return any(one["name"] == device for one in say(keepers, machine, "qom-list", path="/machine/peripheral"))
