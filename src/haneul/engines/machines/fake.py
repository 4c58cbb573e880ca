"""A double of the engine for pure tests: it keeps what it was told in a file, runs nothing, checks how it is used.

A file `fake` in the engine's folder asks for it. Guests do nothing by themselves; a test says what one did by a file in
the same folder: `<machine>.poweroff`, `<machine>.reboot`, or `<machine>.mounted` (which holds ids of disks).
"""

from __future__ import annotations

import dataclasses
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from haneul.engines.errors import EngineBusy, EngineError
from haneul.engines.machines import letters
from haneul.engines.machines.port import CONSOLE, DIRECT, Available, Disk, Machine, Nic, State, Stats, checked
from haneul.kit.clock import SystemClock

_LOOK = 0.1
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010100000000376ef9240000000a49444154789c6360000000020001e221bc33"
    "0000000049454e44ae426082"
)


class FakeMachines:
    """Machines as entries of a json file, so that they outlive the cloud. See `port.Machines`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "machines.json"
        self._lock = threading.RLock()
        self._clock = SystemClock()
        self._closed = threading.Event()
        self._talkers: list[socket.socket] = []
        folder.mkdir(parents=True, exist_ok=True)

    def versions(self) -> list[str]:
        return ["fake"]

    def available(self) -> Available:
        return Available(("uml", "tcg"), {"kvm": "The fake has none.", "uml": "A fake.", "tcg": "A fake."})

    def ensure_running(self, machine: Machine) -> None:
        checked(machine)
        for disk in machine.disks:
            if not disk.path.exists():
                raise EngineError(f"disk {disk.id} has no file: {disk.path}")
        engine = _engine(machine)
        with self._lock:
            found = self._all().get(machine.id)
            if found is not None and found["state"] != "stopped":
                self._change(machine.id, state="running")
                return
            self._put(
                machine.id,
                {
                    "state": "running",
                    "engine": engine,
                    "boots": 1,
                    "started": self._clock.now(),
                    "disks": [_plain(disk) for disk in machine.disks],
                    "letters": letters.letters_of(machine.disks) if engine == "uml" else {},
                    "nics": [dataclasses.asdict(nic) for nic in machine.nics],
                    "memory": machine.memory_mib << 20,
                    "console": f"{(found or {}).get('console', '')}Fake machine {machine.id}\nHaneul: ready\n",
                },
            )

    def state(self, machine: str) -> State:
        found = self._look().get(machine)
        state: State = found["state"] if found is not None else "absent"
        return state

    def running(self) -> list[str]:
        return sorted(name for name, one in self._look().items() if one["state"] != "stopped")

    def names(self) -> list[str]:
        return sorted(self._look())

    def engine(self, machine: str) -> str:
        return str(self._look().get(machine, {}).get("engine", ""))

    def shutdown(self, machine: str, grace: float = 30.0) -> None:
        self.power_off(machine)

    def ask_shutdown(self, machine: str) -> None:
        self.power_off(machine)

    def power_off(self, machine: str) -> None:
        if self._runs(machine):
            self._change(machine, state="stopped", disks=[], nics=[], letters={})

    def reboot(self, machine: str) -> None:
        found = self._must_run(machine)
        self._change(machine, boots=found["boots"] + 1, console=found["console"] + "Haneul: ready\n")

    def pause(self, machine: str) -> None:
        self._must_run(machine)
        self._change(machine, state="paused")

    def resume(self, machine: str) -> None:
        self._must_run(machine)
        self._change(machine, state="running")

    def attach(self, machine: str, disk: Disk) -> str:
        with self._lock:
            found = self._must_run(machine)
            if not disk.path.exists():
                raise EngineError(f"disk {disk.id} has no file: {disk.path}")
            if found["engine"] == "uml" and disk.format != "raw":
                raise EngineError(f"User Mode Linux reads raw disks only, {disk.id} is {disk.format}")
            if all(one["id"] != disk.id for one in found["disks"]):
                if found["engine"] == "uml":
                    found["letters"][disk.id] = letters.letter_of(disk, found["letters"].values())
                found["disks"].append(_plain(disk))
                self._put(machine, found)
            letter = found["letters"].get(disk.id, "")
            return f"/dev/ubd{letter}" if letter else ""

    def detach(self, machine: str, disk: str, *, force: bool = False) -> None:
        with self._lock:
            if all(one.id != disk for one in self.disks(machine)):
                return
            found = self._must_run(machine)
            mounted = self._folder / f"{machine}.mounted"
            if mounted.exists() and disk in mounted.read_text().split() and not force:
                raise EngineBusy(f"the guest still uses disk {disk}")
            found["letters"].pop(disk, None)
            self._put(machine, {**found, "disks": [one for one in found["disks"] if one["id"] != disk]})

    def disks(self, machine: str) -> list[Disk]:
        found = self._look().get(machine)
        return [Disk(**{**one, "path": Path(one["path"])}) for one in found["disks"]] if found is not None else []

    def resized(self, machine: str, disk: str) -> bool:
        return bool(self._must_run(machine)["engine"] != "uml")

    def attach_nic(self, machine: str, nic: Nic) -> None:
        with self._lock:
            found = self._must_run(machine)
            others = [one for one in found["nics"] if one["id"] != nic.id]
            self._change(machine, nics=[*others, dataclasses.asdict(nic)])

    def detach_nic(self, machine: str, nic: str) -> None:
        with self._lock:
            if self._runs(machine):
                found = self._must_run(machine)
                self._change(machine, nics=[one for one in found["nics"] if one["id"] != nic])

    def nics(self, machine: str) -> list[str]:
        """Ids of the interfaces that it has; the fake's alone."""
        return [one["id"] for one in self._look().get(machine, {}).get("nics", [])]

    def console(self, machine: str) -> bytes:
        return str(self._look().get(machine, {}).get("console", "")).encode()[-CONSOLE:]

    def serial(self, machine: str) -> socket.socket:
        """What is written comes back, as on a terminal with nobody behind it."""
        self._must_run(machine)
        ours, theirs = socket.socketpair()
        self._talkers.append(ours)
        threading.Thread(target=_echo, args=(ours,), name="fake-serial", daemon=True).start()
        return theirs

    def screenshot(self, machine: str) -> bytes | None:
        """The smallest PNG there is, on the engine that has screens."""
        return None if self._must_run(machine)["engine"] == "uml" else _PNG

    def boots(self, machine: str) -> int:
        return int(self._look().get(machine, {}).get("boots", 0))

    def stats(self, machine: str) -> Stats | None:
        found = self._look().get(machine)
        if found is None or found["state"] == "stopped":
            return None
        return Stats(1.0 * found["boots"], found["memory"] // 4, 4 << 20, 1 << 20, found["started"])

    def remove(self, machine: str) -> None:
        with self._lock:
            everything = self._all()
            if everything.pop(machine, None) is not None:
                self._write(everything)

    def watch(self, ended: Callable[[str], None]) -> None:
        def look() -> None:
            while not self._closed.wait(_LOOK):
                for machine in self._guests():
                    ended(machine)

        threading.Thread(target=look, name="fake-machines", daemon=True).start()

    def close(self, keep: bool = False) -> None:
        self._closed.set()
        for one in self._talkers:
            one.close()
        for machine in [] if keep else self.running():
            self.power_off(machine)

    def _guests(self) -> list[str]:
        """Do what tests say that guests did; which machines ended by that."""
        gone = []
        with self._lock:
            for path in sorted([*self._folder.glob("*.poweroff"), *self._folder.glob("*.reboot")]):
                path.unlink(missing_ok=True)
                if path.suffix == ".poweroff" and self._runs(path.stem):
                    self.power_off(path.stem)
                    gone.append(path.stem)
                elif self._runs(path.stem):
                    self.reboot(path.stem)
        return gone

    def _runs(self, machine: str) -> bool:
        return bool(self._all().get(machine, {}).get("state", "stopped") != "stopped")

    def _must_run(self, machine: str) -> dict[str, Any]:
        found = self._look().get(machine)
        if found is None or found["state"] == "stopped":
            raise EngineError(f"machine {machine} does not run")
        return found

    def _look(self) -> dict[str, dict[str, Any]]:
        with self._lock:
            return self._all()

    def _all(self) -> dict[str, dict[str, Any]]:
        try:
            return dict(json.loads(self._file.read_text()))
        except FileNotFoundError:
            return {}

    def _change(self, machine: str, **members: Any) -> None:
        with self._lock:
            self._put(machine, {**self._all()[machine], **members})

    def _put(self, machine: str, entry: dict[str, Any]) -> None:
        with self._lock:
            self._write({**self._all(), machine: entry})

    def _write(self, everything: dict[str, dict[str, Any]]) -> None:
        fresh = self._folder / "machines.fresh"
        fresh.write_text(json.dumps(everything))
        fresh.rename(self._file)


def _engine(machine: Machine) -> str:
    if machine.engine:
        return "tcg" if machine.engine == "qemu" else machine.engine
    raw = all(disk.format == "raw" for disk in machine.disks)
    return "uml" if machine.boot == DIRECT and raw else "tcg"


def _plain(disk: Disk) -> dict[str, Any]:
    return {**dataclasses.asdict(disk), "path": str(disk.path)}


def _echo(ours: socket.socket) -> None:
    try:
        while data := ours.recv(4096):
            ours.sendall(data)
    except OSError:
        pass
