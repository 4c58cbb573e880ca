"""haneul: the command line. Each command lives in its own module, imported when it is called."""

from __future__ import annotations

import importlib

import click

from haneul import __version__

_COMMANDS = {
    "start": ("haneul.cli.start", "Start the cloud on this machine."),
    "stop": ("haneul.cli.running", "Stop a cloud that runs in the background."),
    "status": ("haneul.cli.running", "Say whether the cloud runs, where, and what it has."),
    "logs": ("haneul.cli.running", "Show the log of a cloud that runs in the background."),
    "init": ("haneul.cli.data", "Prepare a data folder for mode cloud: root keys, CA."),
    "reset": ("haneul.cli.data", "Delete everything in a data folder."),
    "cost": ("haneul.cli.cost", "Say what the usage would cost at AWS."),
    "engines": ("haneul.cli.engines", "List the engines that are here; install more."),
    "images": ("haneul.cli.images", "List the images that instances are launched from; build them."),
    "coverage": ("haneul.cli.coverage", "List which of AWS's operations are really here."),
}  # fmt: skip


class _Lazy(click.Group):
    """Imports a command's module when it is needed: `haneul --help` must not load a cloud."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(importlib.import_module(entry[0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="haneul")
def main() -> None:
    """Haneul is AWS on a machine of your own: AWS's APIs with the real thing behind each of them.

    \b
    haneul start                                  # then, in another terminal:
    aws --endpoint-url http://localhost:4566 s3 mb s3://photos
    """
