"""haneul images: the machine images that this cloud makes for itself, with Debian's own tools."""

from __future__ import annotations

from pathlib import Path

import click

from haneul import config as configuration
from haneul.engines.errors import EngineError
from haneul.engines.machines import images as machine_images


@click.group(invoke_without_command=True)
@click.option("--data", type=click.Path(path_type=Path), help="The data folder.")
@click.pass_context
def images(context: click.Context, data: Path | None) -> None:
    """List the images that instances can be launched from here; `build` makes one ahead of its first launch."""
    context.obj = configuration.load({"data": data}).data
    if context.invoked_subcommand is None:
        for name, known in machine_images.known().items():
            place = machine_images.path_of(context.obj, name)
            built = f"{place.stat().st_blocks >> 11} MB" if place.exists() else "not built"
            click.echo(f"  {name:10} {built:10} {known.text}")


@images.command()
@click.argument("name", type=click.Choice(sorted(machine_images.known())))
@click.option("--anew", is_flag=True, help="Build it again, with today's packages.")
@click.pass_obj
def build(data: Path, name: str, anew: bool) -> None:
    """Build an image from Debian's packages; DescribeImages lists it under owner "amazon".

    \b
    haneul images build minimal
    haneul images build minimal --anew
    """
    try:
        machine_images.ensure_image(data, name, click.echo, anew=anew)
    except EngineError as error:
        raise click.ClickException(str(error)) from None
