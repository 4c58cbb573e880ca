"""What an engine must do for `real.LocalMachines`: a module each, `uml` and `qemu`. `entry` is what is remembered of
the machine; a driver keeps there which name or slot each disk and interface has. All raise EngineError."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from haneul.engines.machines import qemu, uml
from haneul.engines.machines.keeping import Keepers
from haneul.engines.machines.port import Disk, Machine, Nic

Entry = dict[str, Any]


class Driver(Protocol):
    def check(self, machine: Machine) -> None: ...

    def plan(self, folder: Path, machine: Machine, uid: int, engine: str, entry: Entry) -> dict[str, object]: ...

    def shutdown(self, keepers: Keepers, machine: str, entry: Mapping[str, Any]) -> None: ...

    def reboot(self, keepers: Keepers, machine: str) -> None: ...

    def pause(self, keepers: Keepers, machine: str) -> None: ...

    def resume(self, keepers: Keepers, machine: str) -> None: ...

    def attach(self, keepers: Keepers, machine: str, disk: Disk, entry: Entry) -> None: ...

    def detach(self, keepers: Keepers, machine: str, disk: str, entry: Entry, *, force: bool) -> None: ...

    def name_of(self, entry: Mapping[str, Any], disk: str) -> str: ...

    def resized(self, keepers: Keepers, machine: str, disk: str, size: int, entry: Mapping[str, Any]) -> bool: ...

    def screenshot(self, keepers: Keepers, machine: str, entry: Mapping[str, Any]) -> str:
        """The file of the run folder with what the screen shows; "" when there is no screen."""
        ...

    def attach_nic(self, keepers: Keepers, machine: str, nic: Nic, entry: Entry) -> None: ...

    def detach_nic(self, keepers: Keepers, machine: str, nic: str, entry: Entry) -> None: ...


def driver_of(engine: str) -> Driver:
    return uml if engine == "uml" else qemu
