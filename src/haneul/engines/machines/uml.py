"""User Mode Linux: the kernel as a program, for machines whose root disk is a file system of ours."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haneul.engines.errors import EngineBusy, EngineError, EngineMissing
from haneul.engines.machines import letters
from haneul.engines.machines.keeping import Keepers
from haneul.engines.machines.port import Disk, Machine, Nic
from haneul.engines.machines.rights import opened

_HERE = "/run/kernel"
_SLOW = "raid6_select_algo,calibrate_xor_blocks,init_zswap"
"""What a kernel measures for a second at each start: how fast it does RAID 5 and 6, which no guest has here."""
_FLAGS = "d"
"""No guest shall write a COW header into its disk that makes the next boot open some other file."""


def executable(folder: Path) -> Path:
    """The installed kernel's folder. Raises EngineMissing."""
    place = folder / "installed" / "uml"
    if not (place / "version").is_file():
        raise EngineMissing("User Mode Linux", "haneul engines install machines")
    return place


def probe(folder: Path) -> str:
    """Empty when the kernel comes up here, else why not: it is started without a root disk and must miss just that."""
    try:
        place = executable(folder)
    except EngineMissing as error:
        return str(error)
    with tempfile.TemporaryDirectory(dir=folder) as home:
        try:
            done = subprocess.run(
                [place / "linux.uml", "mem=64M", "umid=probe", "uml_dir=./", "con=null", "con0=null,fd:1", "panic=-1"],
                executable=place / "linux.uml",
                cwd=home,
                env={"LD_PRELOAD": str(place / "shim.so"), "PATH": "/usr/bin:/bin", "HOME": home},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=30,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"User Mode Linux does not start here: {error}"
    if b"Unable to mount root" in done.stdout or b"No working init" in done.stdout:
        return ""
    return f"User Mode Linux does not start here: {done.stdout.decode(errors='replace').strip()[-200:]}"


def plan(folder: Path, machine: Machine, uid: int, engine: str, entry: dict[str, Any]) -> dict[str, object]:
    """What a keeper must know to run it; `entry` learns the disks' letters and the interfaces' numbers."""
    sandbox = os.geteuid() == 0
    place = executable(folder)
    programs = _HERE if sandbox else str(place)
    given = entry["letters"] = letters.letters_of(machine.disks)
    entry["nics"] = {nic.id: index for index, nic in enumerate(machine.nics)}
    argv = [
        f"{programs}/linux.uml",
        f"mem={machine.memory_mib}M",
        "umid=uml",
        "uml_dir=./",
        f"root=/dev/ubd{given[machine.disks[0].id]}",
        "rw",
        "con=null",
        "con0=fd:0,fd:1",
        "ssl=null",
        "console=tty0",
        *([] if "loglevel" in machine.arguments else ["quiet"]),
        "panic=-1",
        f"initcall_blacklist={_SLOW}",
        *machine.arguments.split(),
        *[ubd(given[disk.id], disk, f"{{disk:{disk.id}}}") for disk in machine.disks],
        *[vec(index, nic) for index, nic in enumerate(machine.nics)],
    ]
    return {
        "kind": "uml",
        "argv": argv,
        "environment": {
            "LD_PRELOAD": f"{programs}/shim.so",
            "PATH": "/usr/bin:/bin",
            "TMPDIR": "/dev/shm",  # noqa: S108 - of the sandbox
            "HOME": "/",
        },
        "sandbox": sandbox,
        "uid": uid,
        "netns": str(machine.netns) if machine.netns else "",
        "taps": [nic.tap for nic in machine.nics],
        "binds": [[str(place), _HERE]],
        "memory_mib": machine.memory_mib,
        "disks": [{"id": disk.id, "path": str(disk.path), "read_only": disk.read_only} for disk in machine.disks],
    }


def ubd(letter: str, disk: Disk, path: str) -> str:
    return f"ubd{letter}{'r' if disk.read_only else ''}{_FLAGS}={path}"


def vec(index: int, nic: Nic) -> str:
    return f"vec{index}:transport=tap,ifname={nic.tap},depth=128,gro=1,mac={nic.mac}"


def check(machine: Machine) -> None:
    """Whether User Mode Linux boots this. Raises EngineError."""
    if machine.boot != "direct":
        raise EngineError("User Mode Linux boots file systems, not disks with partitions and a boot loader")
    for disk in machine.disks:
        if disk.format != "raw":
            raise EngineError(f"User Mode Linux reads raw disks only, {disk.id} is {disk.format}")


def say(keepers: Keepers, machine: str, command: str) -> str:
    """Say it on the management console; what the kernel answers. Raises EngineBusy, EngineError."""
    answer = keepers.ask(machine, "mconsole", command=command)
    if answer["failed"]:
        trouble = f"machine {machine}: {command.partition('=')[0]}: {answer['text']}"
        raise EngineBusy(trouble) if "currently open" in answer["text"] else EngineError(trouble)
    return str(answer["text"])


def shutdown(keepers: Keepers, machine: str, entry: Mapping[str, Any]) -> None:
    """Our images restart on Ctrl-Alt-Del, and a restart is an end now."""
    keepers.ask(machine, "stopping")
    say(keepers, machine, "cad")


def reboot(keepers: Keepers, machine: str) -> None:
    say(keepers, machine, "cad")


def pause(keepers: Keepers, machine: str) -> None:
    say(keepers, machine, "stop")


def resume(keepers: Keepers, machine: str) -> None:
    say(keepers, machine, "go")


def attach(keepers: Keepers, machine: str, disk: Disk, entry: dict[str, Any]) -> None:
    """The running kernel has the disk, and its next boot too."""
    if disk.format != "raw":
        raise EngineError(f"User Mode Linux reads raw disks only, {disk.id} is {disk.format}")
    letter = letters.letter_of(disk, entry["letters"].values())
    with opened(disk, machine) as descriptor:
        path = keepers.ask(machine, "hold", descriptor=descriptor, id=disk.id)["path"]
    argument = ubd(letter, disk, path)
    try:
        _configure(keepers, machine, argument, f"ubd{letter}")
    except EngineError:
        keepers.ask(machine, "drop", id=disk.id)
        raise
    keepers.ask(machine, "remember", id=disk.id, argument=argument)
    entry["letters"][disk.id] = letter


def _configure(keepers: Keepers, machine: str, argument: str, device: str) -> None:
    """The kernel has the device; one of its name that nobody remembers was left by an attempt that was interrupted."""
    try:
        say(keepers, machine, f"config {argument}")
    except EngineError as error:
        try:
            say(keepers, machine, f"remove {device}")
        except EngineError:
            raise error from None
        say(keepers, machine, f"config {argument}")


def detach(keepers: Keepers, machine: str, disk: str, entry: dict[str, Any], *, force: bool) -> None:
    """Raises EngineBusy while it is mounted: nothing that the kernel offers is more violent."""
    letter = entry["letters"][disk]
    try:
        say(keepers, machine, f"remove ubd{letter}")
    except EngineError as error:
        if "doesn't exist" not in str(error):  # it went when a detach was interrupted
            raise
    for flags in (_FLAGS, f"r{_FLAGS}"):
        keepers.ask(machine, "forget", id=disk, prefix=f"ubd{letter}{flags}=")
    keepers.ask(machine, "drop", id=disk)
    del entry["letters"][disk]


def name_of(entry: Mapping[str, Any], disk: str) -> str:
    return f"/dev/ubd{entry['letters'][disk]}"


def resized(keepers: Keepers, machine: str, disk: str, size: int, entry: Mapping[str, Any]) -> bool:
    """The kernel reads a disk's size when it is attached."""
    return False


def screenshot(keepers: Keepers, machine: str, entry: Mapping[str, Any]) -> str:
    return ""


def attach_nic(keepers: Keepers, machine: str, nic: Nic, entry: dict[str, Any]) -> None:
    _bury(keepers, machine, entry)
    index = next(number for number in range(64) if number not in (*entry["nics"].values(), *entry["dead"]))
    _configure(keepers, machine, vec(index, nic), f"vec{index}")
    keepers.ask(machine, "remember", id=nic.id, argument=vec(index, nic))
    entry["nics"][nic.id] = index


def detach_nic(keepers: Keepers, machine: str, nic: str, entry: dict[str, Any]) -> None:
    """The kernel keeps an interface that the guest has up: it stays as a dead one, until the guest sets it down or
    boots. Whoever takes the tap away has cut the wire all the same."""
    index = entry["nics"].pop(nic)
    keepers.ask(machine, "forget", id=nic, prefix=f"vec{index}:")
    entry["dead"] = [*entry.get("dead", ()), index]
    _bury(keepers, machine, entry)


def _bury(keepers: Keepers, machine: str, entry: dict[str, Any]) -> None:
    """Dead interfaces that the kernel lets go of now."""
    kept = []
    for index in entry.get("dead", ()):
        try:
            say(keepers, machine, f"remove vec{index}")
        except EngineBusy:
            kept.append(index)
        except EngineError:
            pass  # it went with a boot
    entry["dead"] = kept
