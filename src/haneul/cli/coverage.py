"""haneul coverage: which of AWS's operations are really here, counted from the rooms themselves."""

from __future__ import annotations

import click
import orjson

from haneul.wire import model as models


@click.command()
@click.argument("service", required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def coverage(service: str | None, as_json: bool) -> None:
    """List implemented/total operations per service, or every operation of one SERVICE.

    What is not implemented answers 501 NotImplemented, in the protocol's own error shape.
    """
    table = measure()
    if service is not None and service not in table:
        raise click.ClickException(f"no room for {service!r}; there are {', '.join(sorted(table))}")
    if as_json:
        click.echo(orjson.dumps(table[service] if service else table, option=orjson.OPT_INDENT_2))
        return
    if service is not None:
        for name in table[service]["implemented"]:
            click.echo(f"  yes  {name}")
        for name in table[service]["missing"]:
            click.echo(f"  501  {name}")
        return
    done = total = 0
    for name, row in table.items():
        have, all_of_them = len(row["implemented"]), len(row["implemented"]) + len(row["missing"])
        done, total = done + have, total + all_of_them
        click.echo(f"  {name:24} {have:4} / {all_of_them:<4} {'#' * round(20 * have / all_of_them)}")
    click.echo(f"  {'all':24} {done:4} / {total}")


def measure() -> dict[str, dict[str, list[str]]]:
    """Model -> {"implemented": [...], "missing": [...]}, by AWS's names of the operations."""
    from haneul.app import services

    table = {}
    for name, card in sorted(services().items()):
        model = models.load(name)
        functions = card.functions()
        have = sorted(operation for operation in model.operations if model.snake(operation) in functions)
        table[name] = {"implemented": have, "missing": sorted(set(model.operations) - set(have))}
    return table
