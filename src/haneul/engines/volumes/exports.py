"""Exporters: a process for each file that machines can't open as it lies on disk - sealed, or slower than the disk.

One outlives a cloud that is killed, and the next cloud finds it by its number and start; it ends when its volume is let
go of, or with the cloud's orderly end. A folder each: exports/<name>/pid, log and limits.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

from haneul.engines import daemons
from haneul.engines.errors import EngineError, EngineMissing
from haneul.engines.machines.keeping import boot_id, started
from haneul.engines.volumes import luks
from haneul.engines.volumes.port import NO_LIMITS, Limits

PROGRAM = "qemu-storage-daemon"
_EXPORTER = str(Path(__file__).with_name("exporter.py"))
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_OWN = Path("/usr/bin") / PROGRAM
_FILE, _MONITOR = "volume", "run/monitor"
_HERE = "/run/qemu"
_FIRST, _MANY = 2_000_000_000, 100_000_000
_MIB = 1 << 20
_COUNTED = 256 << 10
"""Bytes that EBS counts as one operation."""
_ENDS = 20.0


def program(folder: Path) -> Path:
    """The daemon's program: the machine's, or the one installed. Raises EngineMissing."""
    installed = folder / "installed" / "root" / "usr" / "bin" / PROGRAM
    if installed.is_file():
        return installed
    own = _OWN
    if not own.is_file():
        raise EngineMissing("qemu-storage-daemon, which opens encrypted volumes,", "haneul engines install volumes")
    return own


def libraries(root: Path) -> str:
    """Where an installed program finds its own."""
    return f"{root}/usr/lib/{os.uname().machine}-linux-gnu"


def check(folder: Path) -> None:
    """Whether exporters can run here. Raises EngineMissing."""
    program(folder)
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        raise EngineMissing("FUSE (/dev/fuse), which encrypted volumes need,", "modprobe fuse")


class Exports:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._locks: dict[str, threading.RLock] = defaultdict(threading.RLock)
        """Of each name: it is opened by one, and not while it is closed."""

    def _place(self, name: str) -> Path:
        return self._folder / "exports" / name

    def names(self) -> list[str]:
        return sorted(path.name for path in (self._folder / "exports").glob("*"))

    def pid(self, name: str) -> int | None:
        """The exporter, while it runs: never another process that has got its number."""
        try:
            number, begun, boot = (self._place(name) / "pid").read_text().split()
        except (OSError, ValueError):
            return None
        return int(number) if boot == boot_id() and started(int(number)) == begun else None

    def path(self, name: str) -> Path | None:
        """The raw file, while it is exported. It is in the exporter's own file system, and goes with it."""
        pid = self.pid(name)
        return None if pid is None else self._seen(name, pid, _FILE)

    def _seen(self, name: str, pid: int, file: str) -> Path:
        place = "" if os.geteuid() == 0 else str(self._place(name))
        return Path(f"/proc/{pid}/root{place}") / Path(file).name if place else Path(f"/proc/{pid}/root/{file}")

    def start(
        self, name: str, image: Path, key: bytes = b"", limits: Limits = NO_LIMITS, *, read_only: bool = False
    ) -> Path:
        """The raw file of `image`: QCOW2 sealed with `key`, or raw without one. Raises EngineError."""
        with self._locks[name]:
            found = self.path(name)
            if found is not None:
                self.limit(name, limits)
                return found
            return self._start(name, image, key, limits, read_only=read_only)

    def _start(self, name: str, image: Path, key: bytes, limits: Limits, *, read_only: bool) -> Path:
        place = self._place(name)
        root = self._folder / "root"
        for folder in (place, root):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (place / _FILE).touch()
        (place / "limits").write_text(json.dumps(limits))
        plan = {
            **self._command(place, bool(key), limits, read_only=read_only),
            "image": str(image),
            "key": luks.secret(key) if key else "",
            "read_only": read_only,
            "place": str(place),
            "root": str(root),
            "uid": _FIRST + int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % _MANY,
            "boot": boot_id(),
        }
        return self._seen(name, self._run(name, plan), _FILE)

    def _run(self, name: str, plan: dict[str, Any]) -> int:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", _EXPORTER],
                input=json.dumps(plan).encode(),
                capture_output=True,
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
                timeout=60,
                check=False,
            )
            answer = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            self._end(name)
            raise EngineError(f"{name} was not opened within a minute") from None
        except ValueError:
            self._end(name)
            said = done.stderr.decode(errors="replace").strip()[-300:]
            raise EngineError(f"{name} was not opened: {said}") from None
        if "error" in answer:
            self._end(name)
            raise EngineError(f"{name} was not opened: {answer['error']}")
        return int(answer["pid"])

    def _command(self, place: Path, sealed: bool, limits: Limits, *, read_only: bool) -> dict[str, Any]:
        """The program with its arguments; no secret is among them."""
        own = program(self._folder)
        sandbox = os.geteuid() == 0
        top = self._folder / "installed" / "root"
        inside = own.is_relative_to(top)
        argv = [f"{_HERE}/usr/bin/{PROGRAM}" if inside and sandbox else str(own)]
        file = {"driver": "file", "filename": "{image}", "node-name": "file", "read-only": read_only,
                "discard": "unmap"}  # fmt: skip
        argv += ["--blockdev", json.dumps(file)]
        node = "file"
        if sealed:
            argv += ["--object", "secret,id=key,file={secret}"]
            layer = {"driver": "qcow2", "file": node, "node-name": "sealed", "read-only": read_only,
                     "discard": "unmap", "encrypt": {"format": "luks", "key-secret": "key"}}  # fmt: skip
            argv += ["--blockdev", json.dumps(layer)]
            node = "sealed"
        if not read_only:
            group = {"qom-type": "throttle-group", "id": "limits", "limits": _told(limits)}
            argv += ["--object", json.dumps(group)]
            layer = {"driver": "throttle", "throttle-group": "limits", "file": node, "node-name": "limited",
                     "discard": "unmap"}  # fmt: skip
            argv += ["--blockdev", json.dumps(layer)]
            node = "limited"
        seen = f"/{_FILE}" if sandbox else str(place / _FILE)
        monitor = f"/{_MONITOR}" if sandbox else str(place / "monitor")
        shown: dict[str, Any] = {"type": "fuse", "id": "export", "node-name": node, "mountpoint": seen}
        shown |= {"writable": not read_only, "allow-other": "on" if sandbox else "off"}
        argv += ["--export", json.dumps(shown)]
        argv += ["--chardev", f"socket,id=monitor,path={monitor},server=on,wait=off", "--monitor", "chardev=monitor"]
        return {
            "argv": argv,
            "environment": {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
            | ({"LD_LIBRARY_PATH": libraries(Path(_HERE) if sandbox else top)} if inside else {}),
            "binds": [[str(top), _HERE]] if inside and sandbox else [],
            "file": seen,
        }

    def limit(self, name: str, limits: Limits) -> None:
        """What is exported already has these limits from now on. Raises EngineError."""
        told = self._place(name) / "limits"
        wanted = json.dumps(limits)
        pid = self.pid(name)
        if pid is None or (told.exists() and told.read_text() == wanted):
            return
        set_them = {"path": "/objects/limits", "property": "limits", "value": _told(limits)}
        path = self._seen(name, pid, _MONITOR)
        try:
            _ask(path, "qom-set", set_them)
        except (OSError, ValueError) as error:
            raise EngineError(f"the limits of {name} could not be changed: {error}") from None
        told.write_text(wanted)

    def end(self, name: str) -> None:
        """It is exported no more, and all that was written is in its image. Raises EngineError."""
        with self._locks[name]:
            self._end(name)

    def _end(self, name: str) -> None:
        for number, patience in ((signal.SIGTERM, _ENDS), (signal.SIGKILL, _ENDS)):
            pid = self.pid(name)
            if pid is None:
                break
            descriptor = os.pidfd_open(pid)
            try:
                if self.pid(name) == pid:
                    signal.pidfd_send_signal(descriptor, number)
            except ProcessLookupError:
                pass
            finally:
                os.close(descriptor)
            daemons.wait(pid, patience)
        if self.pid(name) is not None:
            raise EngineError(f"the exporter of {name} does not end")
        shutil.rmtree(self._place(name), ignore_errors=True)


def _told(limits: Limits) -> dict[str, int]:
    """Limits in the words of QEMU: each, as those that aren't named stay what they were."""
    bursts = bool(limits.iops) and limits.burst > limits.iops
    return {
        "iops-total": limits.iops,
        "iops-size": _COUNTED if limits.iops else 0,
        "iops-total-max": limits.burst if bursts else 0,
        "iops-total-max-length": max(1, limits.seconds) if bursts else 1,
        "bps-total": limits.throughput * _MIB,
    }


def _ask(path: Path, execute: str, arguments: dict[str, Any]) -> None:
    """One command to a daemon's monitor. Raises OSError, ValueError with its words."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        found = os.open(path, os.O_PATH)
        try:
            client.connect(f"/proc/self/fd/{found}")
        finally:
            os.close(found)
        with contextlib.closing(client.makefile("rwb")) as stream:
            for number, (name, given) in enumerate((("qmp_capabilities", {}), (execute, arguments))):
                message = {"execute": name, "arguments": given, "id": number}
                stream.write(json.dumps(message).encode() + b"\n")
                stream.flush()
                while True:
                    answer = json.loads(stream.readline() or b'{"id": %d, "error": {"desc": "it ended"}}' % number)
                    if answer.get("id") == number:
                        break
                if "error" in answer:
                    raise ValueError(answer["error"]["desc"])
