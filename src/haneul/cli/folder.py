"""The data folder as the command line sees it: which process holds it, where it listens."""

from __future__ import annotations

import fcntl
import os
import time
import urllib.request
from pathlib import Path
from typing import IO, Any, NamedTuple

import click
import orjson

from haneul import config as configuration
from haneul.config import ConfigError

PID_FILE = "haneul.pid"


class Running(NamedTuple):
    """A cloud under way."""

    pid: int
    host: str
    port: int

    @property
    def address(self) -> str:
        """Where this machine reaches it."""
        everywhere = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound
        return f"{'127.0.0.1' if self.host in everywhere else self.host}:{self.port}"


def read_pid(data: Path) -> Running | None:
    """The cloud that runs on this data folder, or None. It holds a lock on its pid file for as long as it lives, so
    neither a file left behind by kill -9 nor another process with its old number can be taken for it."""
    try:
        with (data / PID_FILE).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        pass
    except OSError:
        return None
    try:
        pid, host, port = (data / PID_FILE).read_text().split()
    except (OSError, ValueError):
        return None
    return Running(int(pid), host, int(port))


def claim(data: Path, patience: float = 2.0) -> IO[str]:
    """The pid file, locked by us until we end. Waits a moment for one who is just ending. Raises RuntimeError."""
    file = (data / PID_FILE).open("a+")
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.truncate(0)
            return file
        except BlockingIOError:
            if time.monotonic() > deadline:
                running = read_pid(data)
                who = f" (pid {running.pid}, port {running.port})" if running else ""
                raise RuntimeError(f"a cloud already runs on this data folder{who}") from None
            time.sleep(0.05)


def health_of(running: Running) -> dict[str, Any]:
    """What the cloud says of itself. Raises OSError when it does not answer."""
    with urllib.request.urlopen(f"http://{running.address}/_haneul/health", timeout=5) as answer:
        found: dict[str, Any] = orjson.loads(answer.read())
    return found


def tell(file: IO[str], host: str, port: int) -> None:
    """Write who we are into the claimed pid file."""
    file.seek(0)
    file.truncate()
    file.write(f"{os.getpid()} {host} {port}\n")
    file.flush()


def chosen(data: Path | None) -> Path:
    """The data folder that the flags, environment or configuration file name."""
    try:
        return configuration.load({"data": data}).data
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
