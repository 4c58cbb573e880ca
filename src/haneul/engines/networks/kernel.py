"""The few ways into the kernel: tools run inside a namespace, sockets made inside one, namespaces by name."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from haneul.engines.errors import EngineError, EngineMissing
from haneul.engines.networks import PACKAGES

FOLDER = Path("/run/netns")
_NEWNET = 0x40000000
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {"PATH": _PATH, "LC_ALL": "C.UTF-8"}


def tool(name: str) -> str:
    """A tool's path. Raises EngineMissing."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise EngineMissing(name, f"apt-get install {' '.join(PACKAGES)}")
    return found


def run(namespace: Path | None, *argv: str, stdin: str = "") -> str:
    """Run a tool, inside a namespace if one is given; what it printed. Raises EngineError."""
    enter = [tool("nsenter"), f"--net={namespace}"] if namespace else []
    command = [*enter, tool(argv[0]), *argv[1:]]
    # Straight, not by `daemons`: these end within milliseconds, and its launcher would double what they cost.
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=60, check=False, env=_ENVIRONMENT
    )
    if done.returncode != 0:
        raise EngineError(f"{argv[0]} failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout


def batch(namespace: Path | None, lines: list[str], *, force: bool = False) -> None:
    """Many `ip` commands in one process; with `force`, what fails is passed over."""
    if not lines:
        return
    with contextlib.suppress(EngineError) if force else contextlib.nullcontext():
        run(namespace, "ip", *(["-force"] if force else []), "-batch", "-", stdin="\n".join(lines) + "\n")


def create(namespace: Path) -> None:
    """A namespace by that name; nothing when it is there."""
    if not exists(namespace):
        namespace.unlink(missing_ok=True)
        run(None, "ip", "netns", "add", namespace.name)


def delete(namespace: Path) -> None:
    """The namespace is gone, and with it all its devices once no process is inside."""
    if namespace.exists():
        run(None, "ip", "netns", "delete", namespace.name)


def exists(namespace: Path) -> bool:
    """Whether the name leads to a namespace: a plain file is what a half-made one leaves."""
    return namespace.exists() and namespace.stat().st_dev != namespace.parent.stat().st_dev


def inside(namespace: Path, function: Callable[[], Any]) -> Any:
    """Call a short function in a thread of its own that has entered the namespace; what it makes stays there."""
    answer: list[Any] = []
    trouble: list[BaseException] = []

    def work() -> None:
        try:
            descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(descriptor, _NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
            finally:
                os.close(descriptor)
            answer.append(function())
        except BaseException as error:
            trouble.append(error)

    thread = threading.Thread(target=work, name="setns")
    thread.start()
    thread.join()
    if trouble:
        raise trouble[0]
    return answer[0]


def listening(namespace: Path, address: str, port: int) -> socket.socket:
    made: socket.socket = inside(namespace, lambda: socket.create_server((address, port), backlog=128))
    return made


def connected(namespace: Path, address: str, port: int, timeout: float) -> socket.socket:
    made: socket.socket = inside(namespace, lambda: socket.create_connection((address, port), timeout))
    return made
