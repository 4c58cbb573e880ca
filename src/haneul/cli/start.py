"""haneul start: run the cloud in the foreground, or leave it in the background."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from haneul import config as configuration
from haneul.cli.folder import Running, claim, health_of, read_pid, tell
from haneul.config import Config, ConfigError


@click.command()
@click.option("--host", help="Address to listen on. Anything but loopback needs --mode cloud.  [127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 lets the system choose.  [4566]")
@click.option("--tls-port", type=click.IntRange(0, 65535), help="Listen with TLS too, certificates by a CA of our own.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of everything durable.  [~/.local/share/haneul]")
@click.option(
    "--mode", type=click.Choice(["dev", "cloud"]), help="dev: any key, loopback only. cloud: keys and IAM hold.  [dev]"
)
@click.option("--enforce-iam", is_flag=True, default=None, help="Evaluate IAM policies in mode dev too.")
@click.option("--region", help="Region of requests that name none.  [us-east-1]")
@click.option("--store", help="'rocks' (embedded) or a PostgreSQL URL.  [rocks]")
@click.option("--clock-rate", type=float, help="Let what takes hours pass faster: 60 makes an hour a minute.  [1]")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="[info]")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="[text]")
@click.option("--detach", is_flag=True, help="Run in the background; `haneul stop` ends it.")
def start(detach: bool, **flags: Any) -> None:
    """Start the cloud on this machine and serve AWS's APIs until stopped.

    \b
    haneul start                                   # http://localhost:4566, any key, data kept
    haneul start --data ./cloud --port 4567        # another one beside it
    haneul start --mode cloud --host 0.0.0.0       # signatures and IAM enforced

    Every option is also an environment variable (HANEUL_PORT, ...) and a line of
    ~/.config/haneul/haneul.toml.
    """
    try:
        config = configuration.load(flags)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    if detach:
        _detach(config)
        return
    _log_to_stderr(config)
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    import uvloop

    try:
        uvloop.run(_serve(config))
    except (ConfigError, OSError, RuntimeError) as error:
        raise click.ClickException(str(error)) from None


async def _serve(config: Config) -> None:
    from haneul.app import App
    from haneul.cli.banner import banner
    from haneul.cli.hooks import run_hooks

    app = App(config)
    began = time.perf_counter()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    pid_file = claim(config.data)
    if config.mode == "cloud" and not (config.data / "credentials").exists():
        from haneul.cli.data import create_root_key

        create_root_key(config)  # what `haneul init` does, for who forgot it
    await app.start()
    tell(pid_file, config.host, app.port)
    try:
        click.echo(banner(config, app.port, app.tls_port, time.perf_counter() - began))
        sys.stdout.flush()
        _notify_systemd("READY=1")
        await run_hooks(config, app.port, app.inside.hooks)
        await stopping.wait()
        _notify_systemd("STOPPING=1")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)  # a second Ctrl-C means now
        await app.stop()
        pid_file.truncate(0)
        pid_file.close()


def _detach(config: Config) -> None:
    config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    arguments = [argument for argument in sys.argv[1:] if argument != "--detach"]
    with (config.data / "haneul.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "haneul", *arguments],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            tail = (config.data / "haneul.log").read_text(errors="replace").splitlines()[-3:]
            raise click.ClickException("the cloud did not start:\n" + "\n".join(tail))
        running = read_pid(config.data)
        if running is not None and running.pid == process.pid and _is_healthy(running):
            click.echo(f"Haneul runs in the background (pid {process.pid}) at http://localhost:{running.port}")
            return
        time.sleep(0.05)
    raise click.ClickException("the cloud was not ready within 30 seconds; see `haneul logs`")


def _is_healthy(running: Running) -> bool:
    with suppress(OSError):
        return bool(health_of(running)["status"] == "ready")
    return False


def _log_to_stderr(config: Config) -> None:
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=config.log_level.upper(), format=form, stream=sys.stderr)


def _notify_systemd(state: str) -> None:
    """Tell systemd (Type=notify) how we are; see sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(state.encode(), address)
