"""The data folder as the command line sees it: which process holds it, where it listens."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import click

from haneul import config as configuration
from haneul.config import ConfigError

PID_FILE = "haneul.pid"


class Running(NamedTuple):
    """A cloud under way."""

    pid: int
    host: str
    port: int


def read_pid(data: Path) -> Running | None:
    """The cloud that runs on this data folder, or None."""
    try:
        pid, host, port = (data / PID_FILE).read_text().split()
        os.kill(int(pid), 0)
    except (OSError, ValueError):
        return None
    return Running(int(pid), host, int(port))


def chosen(data: Path | None) -> Path:
    """The data folder that the flags, environment or configuration file name."""
    try:
        return configuration.load({"data": data}).data
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
