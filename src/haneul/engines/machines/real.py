"""The port on Linux: each machine a process with a keeper of its own, which the next cloud finds.

What a machine is stands in its folder's machine.json; whether it runs, only the kernel knows.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from haneul.engines import daemons
from haneul.engines.errors import EngineError
from haneul.engines.machines import probes
from haneul.engines.machines.drivers import Driver, driver_of
from haneul.engines.machines.install import installed
from haneul.engines.machines.keeping import Keepers
from haneul.engines.machines.port import CONSOLE, Available, Disk, Machine, Nic, State, Stats, checked
from haneul.engines.machines.rights import own_tap, uid_of

_PICTURE = 8 << 20
"""Bytes of a screenshot at most."""
_GRACE = 8.0
"""Seconds that guests have to shut down when the cloud does."""


class LocalMachines:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keepers = Keepers(folder)
        self._locks: dict[str, threading.RLock] = defaultdict(threading.RLock)
        self._ended: Callable[[str], None] | None = None
        self._watch: daemons.Watch | None = None
        self._lock = threading.Lock()

    def versions(self) -> list[str]:
        return installed(self._folder)

    def available(self) -> Available:
        with self._lock:
            return probes.look(self._folder)

    def ensure_running(self, machine: Machine) -> None:
        checked(machine)
        with self._locks[machine.id]:
            state = self.state(machine.id)
            if state == "paused":
                self.resume(machine.id)
            if state in ("running", "paused"):
                return
            self._start(machine)

    def _start(self, machine: Machine) -> None:
        engine = probes.choose(self.available(), machine)
        driver = driver_of(engine)
        driver.check(machine)
        if machine.netns is not None and os.geteuid() != 0:
            raise EngineError("machines on a VPC's network need root, and the cloud does not run as root")
        for disk in machine.disks:
            if not disk.path.exists():
                raise EngineError(f"disk {disk.id} has no file: {disk.path}")
        entry: dict[str, Any] = {
            "engine": engine,
            "boot": machine.boot,
            "netns": str(machine.netns) if machine.netns else "",
            "disks": [_plain(disk) for disk in machine.disks],
            "nics": {},
        }
        plan = driver.plan(self._folder, machine, uid_of(machine.id), engine, entry)
        place = self._keepers.place(machine.id)
        place.mkdir(parents=True, exist_ok=True)
        (place / "asked").unlink(missing_ok=True)
        self._write(machine.id, entry)
        pid = self._keepers.start(machine.id, plan)
        if self._watch is not None:
            self._watch.add(machine.id, pid)

    def state(self, machine: str) -> State:
        if not self._known(machine):
            return "absent"
        if self._keepers.pid(machine) is None:
            return "stopped"
        with contextlib.suppress(EngineError):
            return "paused" if self._keepers.ask(machine, "status")["paused"] else "running"
        return "running" if self._keepers.pid(machine) is not None else "stopped"

    def running(self) -> list[str]:
        return [name for name in self.names() if self._keepers.pid(name) is not None]

    def names(self) -> list[str]:
        return self._keepers.names()

    def engine(self, machine: str) -> str:
        return str(self._read(machine)["engine"]) if self._known(machine) else ""

    def shutdown(self, machine: str, grace: float = 30.0) -> None:
        pid = self._keepers.pid(machine)
        if pid is None:
            return
        with contextlib.suppress(EngineError):
            self.ask_shutdown(machine)
            if daemons.wait(pid, grace):
                return
        self.power_off(machine)

    def ask_shutdown(self, machine: str) -> None:
        if self._keepers.pid(machine) is None:
            return
        self._asked(machine)
        self.resume(machine)
        self._driver(machine).shutdown(self._keepers, machine, self._read(machine))

    def power_off(self, machine: str) -> None:
        if self._keepers.pid(machine) is not None:
            self._asked(machine)
            self._keepers.kill(machine)

    def reboot(self, machine: str) -> None:
        with self._running(machine):
            self.resume(machine)
            self._driver(machine).reboot(self._keepers, machine)

    def pause(self, machine: str) -> None:
        with self._running(machine):
            if self.state(machine) == "running":
                self._driver(machine).pause(self._keepers, machine)
                self._keepers.ask(machine, "pausing", paused=True)

    def resume(self, machine: str) -> None:
        with self._running(machine):
            if self.state(machine) == "paused":
                self._driver(machine).resume(self._keepers, machine)
                self._keepers.ask(machine, "pausing", paused=False)

    def attach(self, machine: str, disk: Disk) -> str:
        with self._running(machine):
            entry, driver = self._read(machine), self._driver(machine)
            if all(one["id"] != disk.id for one in entry["disks"]):
                driver.attach(self._keepers, machine, disk, entry)
                self._write(machine, {**entry, "disks": [*entry["disks"], _plain(disk)]})
            return driver.name_of(entry, disk.id)

    def detach(self, machine: str, disk: str, *, force: bool = False) -> None:
        with self._locks[machine]:
            if self._keepers.pid(machine) is None:
                return
            entry = self._read(machine)
            if any(one["id"] == disk for one in entry["disks"]):
                self._driver(machine).detach(self._keepers, machine, disk, entry, force=force)
                self._write(machine, {**entry, "disks": [one for one in entry["disks"] if one["id"] != disk]})

    def disks(self, machine: str) -> list[Disk]:
        if self._keepers.pid(machine) is None:
            return []
        return [Disk(**{**one, "path": Path(one["path"])}) for one in self._read(machine)["disks"]]

    def resized(self, machine: str, disk: str) -> bool:
        with self._running(machine):
            entry = self._read(machine)
            for one in entry["disks"]:
                if one["id"] == disk:
                    size = Path(one["path"]).stat().st_size
                    return self._driver(machine).resized(self._keepers, machine, disk, size, entry)
            return False

    def attach_nic(self, machine: str, nic: Nic) -> None:
        with self._running(machine):
            entry = self._read(machine)
            if nic.id in entry["nics"]:
                return
            if not entry["netns"]:
                raise EngineError(f"machine {machine} has no network")
            own_tap(Path(entry["netns"]), nic.tap, uid_of(machine))
            self._driver(machine).attach_nic(self._keepers, machine, nic, entry)
            self._write(machine, entry)

    def detach_nic(self, machine: str, nic: str) -> None:
        with self._locks[machine]:
            if self._keepers.pid(machine) is None:
                return
            entry = self._read(machine)
            if nic in entry["nics"]:
                self._driver(machine).detach_nic(self._keepers, machine, nic, entry)
                self._write(machine, entry)

    def console(self, machine: str) -> bytes:
        return self._keepers.read(machine, "console", CONSOLE)

    def serial(self, machine: str) -> socket.socket:
        return self._keepers.serial(machine)

    def screenshot(self, machine: str) -> bytes | None:
        with self._running(machine):
            name = self._driver(machine).screenshot(self._keepers, machine, self._read(machine))
            return self._keepers.read(machine, name, _PICTURE) if name else None

    def boots(self, machine: str) -> int:
        if self._keepers.pid(machine) is not None:
            with contextlib.suppress(EngineError):
                return int(self._keepers.ask(machine, "status")["boots"])
        try:
            return int(json.loads(self._keepers.read(machine, "exit", 1024))["boots"])
        except (OSError, ValueError, KeyError):
            return 1 if self._known(machine) else 0

    def stats(self, machine: str) -> Stats | None:
        if self._keepers.pid(machine) is None:
            return None
        began = (self._keepers.place(machine) / "pid").stat().st_mtime
        with contextlib.suppress(EngineError):
            found = self._keepers.ask(machine, "stats")
            return Stats(found["cpu"], found["memory"], found["read"], found["written"], began)
        return None

    def remove(self, machine: str) -> None:
        with self._locks[machine]:
            self.power_off(machine)
            self._keepers.forget(machine)

    def watch(self, ended: Callable[[str], None]) -> None:
        def gone(machine: str) -> None:
            if self._known(machine) and not (self._keepers.place(machine) / "asked").exists():
                ended(machine)

        self._watch = daemons.Watch(gone)
        for machine in self.names():
            if (pid := self._keepers.pid(machine)) is not None:
                self._watch.add(machine, pid)

    def close(self, keep: bool = False) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if keep:
            return
        threads = [threading.Thread(target=self.shutdown, args=(name, _GRACE)) for name in self.running()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @contextlib.contextmanager
    def _running(self, machine: str) -> Iterator[None]:
        with self._locks[machine]:
            if self._keepers.pid(machine) is None:
                raise EngineError(f"machine {machine} does not run")
            yield

    def _driver(self, machine: str) -> Driver:
        return driver_of(str(self._read(machine)["engine"]))

    def _asked(self, machine: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self._keepers.place(machine) / "asked").touch()

    def _known(self, machine: str) -> bool:
        return (self._keepers.place(machine) / "machine.json").exists()

    def _read(self, machine: str) -> dict[str, Any]:
        return dict(json.loads((self._keepers.place(machine) / "machine.json").read_text()))

    def _write(self, machine: str, entry: dict[str, Any]) -> None:
        place = self._keepers.place(machine)
        fresh = place / "machine.fresh"
        fresh.write_text(json.dumps(entry))
        fresh.rename(place / "machine.json")


def _plain(disk: Disk) -> dict[str, Any]:
    return {**dataclasses.asdict(disk), "path": str(disk.path)}
