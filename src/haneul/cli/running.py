"""haneul stop, status, logs: about a cloud that runs."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from pathlib import Path

import click
import orjson

from haneul.cli.folder import chosen, health_of, read_pid
from haneul.engines import machines

_DATA = click.option("--data", type=click.Path(path_type=Path), help="The cloud's data folder.")


@click.command()
@_DATA
@click.option("--timeout", default=40.0, show_default=True, help="Seconds to wait for its requests to end.")
def stop(data: Path | None, timeout: float) -> None:
    """Stop the cloud that runs on a data folder: it drains, then ends."""
    running = read_pid(chosen(data))
    if running is None:
        click.echo("No cloud runs on this data folder.")
        return
    os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            os.kill(running.pid, 0)
        except ProcessLookupError:
            click.echo("Stopped.")
            return
        time.sleep(0.05)
    raise click.ClickException(
        f"pid {running.pid} still runs after {timeout:.0f} s; it may be finishing a long request"
    )


@click.command()
@_DATA
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(data: Path | None, as_json: bool) -> None:
    """Say whether the cloud runs, where, and which services it has. Exit status 1 when it doesn't run."""
    folder = chosen(data)
    running = read_pid(folder)
    if running is None:
        click.echo('{"status":"stopped"}' if as_json else f"No cloud runs on {folder}.")
        sys.exit(1)
    try:
        health = health_of(running)
    except OSError as error:
        raise click.ClickException(f"pid {running.pid} runs but doesn't answer: {error}") from None
    if as_json:
        click.echo(orjson.dumps({**health, "pid": running.pid, "port": running.port, "data": str(folder)}))
        return
    click.echo(f"Haneul {health['version']} is {health['status']} at http://localhost:{running.port}")
    click.echo(f"  mode {health['mode']}, pid {running.pid}, data {folder}")
    for name, text in machines.summary(folder):
        click.echo(f"  machines {name:4} {text}")
    for name, state in health["services"].items():
        click.echo(f"  {name:24} {state}")


@click.command()
@_DATA
@click.option("-n", "--lines", default=50, show_default=True, help="How many of the last lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on as lines come.")
def logs(data: Path | None, lines: int, follow: bool) -> None:
    """Show the log of a cloud started with --detach."""
    path = chosen(data) / "haneul.log"
    if not path.exists():
        raise click.ClickException(f"there is no log at {path}; a cloud in the foreground logs to its terminal")
    with path.open(errors="replace") as file:
        for line in deque(file, maxlen=lines):
            click.echo(line, nl=False)
        while follow:
            line = file.readline()
            if line:
                click.echo(line, nl=False)
            else:
                time.sleep(0.2)
