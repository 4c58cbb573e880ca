"""Servers as children: started as nobody in a session of their own, watched by pidfd, ended with the cloud.

A server that the cloud started dies when the cloud does (PR_SET_PDEATHSIG), however the cloud ends, so nothing is ever
left behind; its data is as safe as its own write-ahead log makes it. The death signal is tied to the thread that
forked, so one thread, which lives as long as the process, does all the forking.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from haneul.engines.errors import EngineError

NOBODY = 65534
_LAUNCH = str(Path(__file__).with_name("launch.py"))
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_WORK: queue.SimpleQueue[tuple[Future[subprocess.Popen[bytes]], list[str], dict[str, object]]] = queue.SimpleQueue()
_START = threading.Lock()
_threads: list[threading.Thread] = []


def identity(*paths: Path) -> str:
    """As whom a server that needs `paths` (and all above them) runs, so that it is never root: see `launch`."""
    if os.geteuid() != 0:
        return "self"
    return str(NOBODY) if all(_reachable(path) for path in paths) else "namespace"


def owner(who: str) -> tuple[int, int]:
    """The uid and gid that must own the files of a server with this identity."""
    return (int(who), int(who)) if who.isdigit() else (os.geteuid(), os.getegid())


def hand_over(path: Path, who: str) -> None:
    """Make `path` and all below it belong to that identity (a no-op when it does)."""
    uid, gid = owner(who)
    if os.geteuid() != 0 or path.lstat().st_uid == uid:
        return
    for folder, _, files in os.walk(path):
        for name in files:
            os.lchown(Path(folder, name), uid, gid)
        os.lchown(folder, uid, gid)


def run(
    argv: Sequence[str | Path],
    who: str,
    *,
    timeout: float = 600,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    cwd: Path | None = None,
) -> bytes:
    """Run a tool to its end and return what it printed; raises EngineError with the end of its complaint."""
    process = _spawn(
        argv, who, "SIGKILL", environment, cwd, subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        output, complaint = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise EngineError(f"{Path(argv[0]).name} did not end within {timeout:.0f} s") from None
    if process.returncode != 0:
        text = complaint.decode(errors="replace").strip() or output.decode(errors="replace").strip()
        raise EngineError(f"{Path(argv[0]).name} failed ({process.returncode}): {text[-600:]}")
    return output


def start(
    argv: Sequence[str | Path],
    who: str,
    log: Path,
    *,
    death: str = "SIGINT",
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a server; `death` is the signal it gets when the cloud dies. Its output is appended to `log`."""
    with log.open("ab") as file:
        return _spawn(argv, who, death, environment, cwd, stdin, stdout=file, stderr=subprocess.STDOUT)


def _spawn(
    argv: Sequence[str | Path],
    who: str,
    death: str,
    environment: Mapping[str, str] | None,
    cwd: Path | None,
    stdin: int,
    **streams: object,
) -> subprocess.Popen[bytes]:
    with _START:
        if not _threads or not _threads[0].is_alive():
            _threads[:] = [threading.Thread(target=_serve, name="spawner", daemon=True)]
            _threads[0].start()
    command = [sys.executable, "-I", "-S", _LAUNCH, str(os.getpid()), death, who, *map(str, argv)]
    options = {
        "stdin": stdin,
        "cwd": cwd,
        "env": _ENVIRONMENT | dict(environment or {}),
        "start_new_session": True,
        **streams,
    }
    future: Future[subprocess.Popen[bytes]] = Future()
    _WORK.put((future, command, options))
    return future.result(timeout=60)


def _serve() -> None:
    while True:
        future, command, options = _WORK.get()
        try:
            future.set_result(subprocess.Popen(command, **options))  # type: ignore[call-overload]
        except BaseException as error:
            future.set_exception(error)


def _reachable(path: Path) -> bool:
    """Whether a stranger may pass through every folder above `path`, and into it."""
    path = path.resolve()
    return all(parent.stat().st_mode & 0o001 for parent in path.parents) and (
        not path.is_dir() or bool(path.stat().st_mode & 0o001)
    )


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie doesn't)."""
    try:
        with Path(f"/proc/{pid}/stat").open() as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def wait(pid: int, timeout: float) -> bool:
    """Wait until the process is gone, at most `timeout` seconds; whether it is."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(max(0, timeout) * 1000)) or not alive(pid)
    finally:
        os.close(descriptor)


class Watch:
    """Tells at once when a watched process ends: one thread over all pidfds."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._poll = select.poll()
        self._lock = threading.Lock()
        self._names: dict[int, tuple[str, int]] = {}
        self._read, self._write = os.pipe()
        self._poll.register(self._read, select.POLLIN)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._closed = False
        self._thread.start()

    def add(self, name: str, pid: int) -> None:
        """Call `ended(name)` (on the watch's thread) once `pid` has ended."""
        self.remove(name)
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._ended(name)
            return
        with self._lock:
            self._names[descriptor] = (name, pid)
            self._poll.register(descriptor, select.POLLIN)
        os.write(self._write, b"x")

    def remove(self, name: str) -> None:
        """Stop watching: what ends now was meant to."""
        with self._lock:
            for descriptor in [fd for fd, (other, _) in self._names.items() if other == name]:
                self._forget(descriptor)

    def close(self) -> None:
        self._closed = True
        os.write(self._write, b"x")
        self._thread.join(5)

    def _forget(self, descriptor: int) -> tuple[str, int] | None:
        found = self._names.pop(descriptor, None)
        if found is not None:
            self._poll.unregister(descriptor)
            os.close(descriptor)
        return found

    def _run(self) -> None:
        while not self._closed:
            for descriptor, _ in self._poll.poll(1000):
                if descriptor == self._read:
                    os.read(self._read, 512)
                    continue
                with self._lock:
                    found = self._forget(descriptor)
                if found is not None:
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(found[1], os.WNOHANG)
                    self._ended(found[0])
        os.close(self._read)
        os.close(self._write)
