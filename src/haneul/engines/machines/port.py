"""The port: virtual machines by id. `real.LocalMachines` implements it and, for pure tests, `fake.FakeMachines`.

A machine is a process of its own (User Mode Linux or QEMU) that lives on when the cloud is killed and is found again by
the next one. Every call may be repeated, and interrupted, at any point. Blocking: call them from worker threads.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from haneul.engines.errors import EngineError

State = Literal["absent", "running", "paused", "stopped"]
"""absent: nothing is known of it; stopped: it ran and has ended, its console and figures are kept until `remove`."""

DIRECT = "direct"
"""The root disk is one file system (as `haneul images build` makes it); the engine brings the kernel: any engine."""
DISK = "disk"
"""The root disk has partitions and a boot loader of its own: QEMU only."""

CONSOLE = 64 << 10
"""Bytes of console output that are kept, as AWS keeps them."""


@dataclass(frozen=True)
class Disk:
    """A block device. `path` is a file (or block device) that the machine alone writes while it is attached; the engine
    gives it the machine's uid. On User Mode Linux `format` must be raw."""

    id: str
    """Unique in its machine, e.g. a volume's id."""
    path: Path
    format: Literal["raw", "qcow2"] = "raw"
    serial: str = ""
    """What the guest reads as the serial number, at most 20 characters ("vol0123456789abcdef0"); QEMU only."""
    read_only: bool = False
    device: str = ""
    """The name asked for ("/dev/sdf", "/dev/xvdf"). UML: its letter, a to p, is that of the guest's /dev/ubdX."""


@dataclass(frozen=True)
class Nic:
    """A network interface: a tap device that exists in the machine's network namespace, whoever its owner is."""

    id: str
    tap: str
    mac: str


@dataclass(frozen=True)
class Machine:
    """What shall run. The first disk is the root. Everything but the id may differ from one start to the next."""

    id: str
    disks: Sequence[Disk]
    nics: Sequence[Nic] = ()
    vcpus: int = 1
    memory_mib: int = 512
    netns: Path | None = None
    """The network namespace with the taps (/run/netns/X); None: no network at all."""
    boot: Literal["direct", "disk"] = "direct"
    firmware: Literal["bios", "uefi"] = "bios"
    """What starts the boot loader of a disk; its settings are kept with the machine."""
    engine: str = ""
    """Ask for "uml" or "qemu"; empty: the best one here that can boot it."""
    uuid: str = ""
    """SMBIOS' system UUID ("ec2..."), and with it what tells a guest that it runs on EC2; QEMU only."""
    product: str = ""
    """The instance type, for SMBIOS; QEMU only."""
    arguments: str = ""
    """More of a kernel command line; direct boot only."""


def checked(machine: Machine) -> None:
    """Whether this can be a machine at all. Raises EngineError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", machine.id):
        raise EngineError(f"{machine.id!r} is no name of a machine")
    if not machine.disks:
        raise EngineError("a machine needs a root disk")
    for what, ids in (("disk", [disk.id for disk in machine.disks]), ("interface", [nic.id for nic in machine.nics])):
        if len(set(ids)) != len(ids):
            raise EngineError(f"two of the machine's {what}s have the same id")
    if machine.vcpus < 1 or machine.memory_mib < 32:
        raise EngineError("a machine needs a processor and at least 32 MiB of memory")


@dataclass(frozen=True)
class Available:
    """Which engines run machines here, best first, and why the others don't."""

    engines: tuple[str, ...]
    """Of "kvm", "uml", "tcg"."""
    why: dict[str, str]
    """Every engine -> one sentence for people, those that can be used too."""

    def can(self, boot: str) -> bool:
        """Whether a machine that boots like this can run here."""
        return bool(self.engines) if boot == DIRECT else any(one != "uml" for one in self.engines)


@dataclass(frozen=True)
class Stats:
    """What the machine has used since its process started, and holds now."""

    cpu_seconds: float
    memory_bytes: int
    read_bytes: int
    written_bytes: int
    started: float
    """Epoch seconds."""


class Machines(Protocol):
    def available(self) -> Available:
        """What can run machines here. The first call may take seconds (it boots a probe); the answer is kept."""
        ...

    def ensure_running(self, machine: Machine) -> None:
        """The machine runs: started when it was not there or stopped, resumed when it was paused, else left alone (its
        disks and interfaces too). Returns when its process runs; the guest is still booting then.

        Raises EngineMissing when no engine here boots it, EngineError that says what failed.
        """
        ...

    def state(self, machine: str) -> State: ...

    def running(self) -> list[str]:
        """Ids of the machines that run or are paused."""
        ...

    def names(self) -> list[str]:
        """Ids of all machines that are not absent."""
        ...

    def engine(self, machine: str) -> str:
        """Which engine runs it ("uml", "kvm", "tcg"); "" when it is absent."""
        ...

    def shutdown(self, machine: str, grace: float = 30.0) -> None:
        """Ask the guest to shut down, wait `grace` seconds, then cut the power; nothing when it does not run."""
        ...

    def ask_shutdown(self, machine: str) -> None:
        """Ask the guest to shut down, and return at once (`shutdown` without the waiting)."""
        ...

    def power_off(self, machine: str) -> None:
        """End it now, as by pulling the plug; nothing when it does not run."""
        ...

    def reboot(self, machine: str) -> None:
        """Ask the guest to reboot, and return at once; its process, disks and interfaces stay. Raises EngineError when
        it does not run."""
        ...

    def pause(self, machine: str) -> None: ...

    def resume(self, machine: str) -> None: ...

    def attach(self, machine: str, disk: Disk) -> str:
        """The running machine has the disk, and what the guest calls it ("/dev/ubdf"; "" when only the guest knows).
        Nothing when it has a disk of that id already."""
        ...

    def detach(self, machine: str, disk: str, *, force: bool = False) -> None:
        """The running machine hasn't the disk any more; nothing when it has not. Raises EngineBusy while the guest has
        it mounted and the engine can't take it away (`force` asks for more violence)."""
        ...

    def disks(self, machine: str) -> list[Disk]:
        """What is attached now, the root first; empty when it does not run."""
        ...

    def resized(self, machine: str, disk: str) -> bool:
        """The disk's file has grown: tell the guest. False when the guest will see it at its next start only."""
        ...

    def attach_nic(self, machine: str, nic: Nic) -> None: ...

    def detach_nic(self, machine: str, nic: str) -> None: ...

    def console(self, machine: str) -> bytes:
        """The last CONSOLE bytes that the guest wrote to its serial console, over its reboots; kept after it ended,
        until `remove`."""
        ...

    def serial(self, machine: str) -> socket.socket:
        """A connection to the live serial console, both ways; several at a time. Raises EngineError when it does not
        run. Whoever asks closes it."""
        ...

    def screenshot(self, machine: str) -> bytes | None:
        """What its screen shows, as PNG; None when it has no screen. Raises EngineError when it does not run."""
        ...

    def boots(self, machine: str) -> int:
        """How often the guest was started since `ensure_running` started it: 1, and one more for each reboot that the
        engine noticed."""
        ...

    def stats(self, machine: str) -> Stats | None:
        """None when it does not run."""
        ...

    def remove(self, machine: str) -> None:
        """End it now and forget everything about it, its console too. Its disks' files stay: they are not the
        engine's."""
        ...

    def watch(self, ended: Callable[[str], None]) -> None:
        """Call `ended(id)`, on a thread of the engine's, when a machine ends that was not asked to by this port: the
        guest shut itself down, or its process died."""
        ...

    def close(self, keep: bool = False) -> None:
        """Let go of the machines: end them all (guest shutdown with a short grace, then power off), or `keep` them
        running for the next cloud to find."""
        ...
