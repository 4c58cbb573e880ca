"""The cloud's side of keepers: starts one, finds those of an earlier cloud, and talks to them.

A machine's folder: machine.json (what it is), pid (its keeper), asked (its end is wanted), and run/, which is all
that the machine itself sees: console, exit, the sockets control and serial.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haneul.engines import daemons
from haneul.engines.errors import EngineError

_KEEPER = str(Path(__file__).with_name("keeper.py"))
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def started(pid: int) -> str:
    """When a process began, as the kernel counts; "" when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return fields[19] if fields[0] not in "ZX" else ""


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Keepers:
    """Keepers by the machine's id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "machines"
        self._root = folder / "root"

    def place(self, machine: str) -> Path:
        return self._folder / machine

    def names(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        return sorted(path.parent.name for path in self._folder.glob("*/machine.json"))

    def pid(self, machine: str) -> int | None:
        """Its keeper, while it runs: never another process that has got its number."""
        try:
            number, begun, boot = (self.place(machine) / "pid").read_text().split()
        except (OSError, ValueError):
            return None
        return int(number) if boot == boot_id() and started(int(number)) == begun else None

    def start(self, machine: str, plan: Mapping[str, Any]) -> int:
        """Start a keeper, and the machine in it. Raises EngineError with what failed."""
        place = self.place(machine)
        run = place / "run"
        run.mkdir(parents=True, exist_ok=True)
        self._root.mkdir(parents=True, exist_ok=True)
        self._sweep(run)
        for name in ("exit", "control", "serial"):
            (run / name).unlink(missing_ok=True)
        if os.geteuid() == 0:
            _hand_over(run, plan["uid"])
        whole = {**plan, "folder": str(place), "run": str(run), "root": str(self._root), "boot": boot_id()}
        done = subprocess.run(
            [sys.executable, "-I", "-S", _KEEPER],
            input=json.dumps(whole).encode(),
            capture_output=True,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            timeout=60,
            check=False,
        )
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise EngineError(f"machine {machine} was not started: {_end(done.stderr)}") from None
        if "error" in answer:
            raise EngineError(f"machine {machine} was not started: {answer['error']}")
        return int(answer["pid"])

    def ask(self, machine: str, do: str, *, descriptor: int | None = None, **arguments: Any) -> dict[str, Any]:
        """What its keeper answers. Raises EngineError when it says no, or isn't there."""
        try:
            with self._connected(machine, "control", socket.SOCK_SEQPACKET) as client:
                client.settimeout(30)
                text = json.dumps({"do": do, **arguments}).encode()
                socket.send_fds(client, [text], [] if descriptor is None else [descriptor])
                answer: dict[str, Any] = json.loads(client.recv(65536) or b"{}")
        except (OSError, ValueError) as error:
            raise EngineError(f"machine {machine} does not answer: {error}") from None
        if "error" in answer:
            raise EngineError(f"machine {machine}: {answer['error']}")
        return answer

    def serial(self, machine: str) -> socket.socket:
        try:
            return self._connected(machine, "serial", socket.SOCK_STREAM)
        except OSError as error:
            raise EngineError(f"machine {machine} does not run: {error}") from None

    def read(self, machine: str, name: str, most: int) -> bytes:
        """The end of a file of the run folder, of which the machine may make what it likes; b"" when there is none."""
        try:
            found = os.open(self.place(machine) / "run" / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return b""
        try:
            status = os.fstat(found)
            if not stat.S_ISREG(status.st_mode):
                return b""
            return os.pread(found, most, max(0, status.st_size - most))
        finally:
            os.close(found)

    def kill(self, machine: str, timeout: float = 10.0) -> None:
        """End it now: with process 1 all others of its namespace end. Raises EngineError when it does not."""
        pid = self.pid(machine)
        if pid is None:
            return
        descriptor = os.pidfd_open(pid)
        try:
            # Between the look and the descriptor the number may have become somebody else's.
            if self.pid(machine) == pid:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        except ProcessLookupError:
            pass
        finally:
            os.close(descriptor)
        if not daemons.wait(pid, timeout):
            raise EngineError(f"machine {machine} does not end")
        self._sweep(self.place(machine) / "run")

    def _sweep(self, run: Path) -> None:
        """Without root there is no process namespace that ends with its first process: what still works in the
        machine's folder ends here."""
        for path in Path("/proc").glob("[0-9]*") if os.geteuid() != 0 else ():
            with contextlib.suppress(OSError):
                if os.readlink(path / "cwd") == str(run):
                    os.kill(int(path.name), signal.SIGKILL)

    def forget(self, machine: str) -> None:
        self._sweep(self.place(machine) / "run")
        shutil.rmtree(self.place(machine), ignore_errors=True)

    def _connected(self, machine: str, name: str, kind: int) -> socket.socket:
        """The machine may put into its run folder what it likes: a link to somebody else's socket isn't followed."""
        client = socket.socket(socket.AF_UNIX, kind)
        try:
            found = os.open(self.place(machine) / "run" / name, os.O_PATH | os.O_NOFOLLOW)
            try:
                client.connect(f"/proc/self/fd/{found}")  # a socket's own path may be longer than is allowed
            finally:
                os.close(found)
        except OSError:
            client.close()
            raise
        return client


def _hand_over(run: Path, uid: int) -> None:
    for path in (run, *run.iterdir()):
        os.lchown(path, uid, uid)
    run.chmod(0o700)


def _end(text: bytes) -> str:
    return text.decode(errors="replace").strip()[-300:] or "its keeper said nothing"
