"""haneul cost: what the usage would cost at AWS, as a table, CSV or plot."""

from __future__ import annotations

import csv
import datetime
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from haneul import config as configuration
from haneul.cli.folder import Running, chosen, read_pid

_DATA = click.option("--data", type=click.Path(path_type=Path), help="The cloud's data folder.")
_GROUPS = {"service": "SERVICE", "usage": "USAGE_TYPE", "operation": "OPERATION", "region": "REGION"}
_WIDTH = 40


@click.command()
@_DATA
@click.option("--account", default="000000000000", show_default=True, help="Whose bill.")
@click.option("--period", type=click.Choice(["today", "month", "30days"]), default="month", show_default=True)
@click.option("--by", type=click.Choice(sorted(_GROUPS)), default="service", show_default=True)
@click.option("--csv", "as_csv", is_flag=True, help="For spreadsheets.")
@click.option("--plot", is_flag=True, help="Bars by day.")
def cost(data: Path | None, account: str, period: str, by: str, as_csv: bool, plot: bool) -> None:
    """Say what the usage so far would cost at AWS (public prices, US East; see `haneul cost --by usage`).

    \b
    haneul cost                       # this month by service
    haneul cost --period today --by operation
    haneul cost --plot                # day by day
    """
    running = read_pid(chosen(data))
    if running is None:
        raise click.ClickException("no cloud runs on this data folder; `haneul start` it to ask for its bill")
    start, end = _span(period)
    results = _ask(running, account, start, end, "DAILY" if plot else "MONTHLY", None if plot else _GROUPS[by], data)
    if plot:
        _draw([(r["TimePeriod"]["Start"], float(r["Total"]["UnblendedCost"]["Amount"])) for r in results])
        return
    rows = _sum(results)
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow((by, "quantity", "unit", "usd"))
        writer.writerows(rows)
        return
    for name, quantity, unit, usd in rows:
        click.echo(f"  {name[:_WIDTH]:{_WIDTH}} {quantity:>16,.4f} {unit:<20} ${usd:>12,.6f}")
    click.echo(f"  {'all':{_WIDTH}} {'':>16} {'':<20} ${sum(row[3] for row in rows):>12,.6f}")
    click.echo(f"  {start} to {end}, account {account}; AWS's public prices, free tier counted where it is on")


def _span(period: str) -> tuple[str, str]:
    today = datetime.datetime.now(datetime.UTC).date()
    first = {"today": today, "month": today.replace(day=1), "30days": today - datetime.timedelta(days=29)}[period]
    return first.isoformat(), (today + datetime.timedelta(days=1)).isoformat()


def _ask(
    running: Running, account: str, start: str, end: str, granularity: str, group: str | None, data: Path | None
) -> list[dict[str, Any]]:
    """GetCostAndUsage of the running cloud, signed as the account's root."""
    from botocore.session import Session

    key, secret = _credentials(data, account)
    client: Any = Session().create_client(
        "ce",
        region_name=configuration.DEFAULT_REGION,
        endpoint_url=f"http://127.0.0.1:{running.port}",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )
    request: dict[str, Any] = {
        "TimePeriod": {"Start": start, "End": end},
        "Granularity": granularity,
        "Metrics": ["UnblendedCost", "UsageQuantity"],
    }
    if group is not None:
        request["GroupBy"] = [{"Type": "DIMENSION", "Key": group}]
    results: list[dict[str, Any]] = client.get_cost_and_usage(**request)["ResultsByTime"]
    return results


def _credentials(data: Path | None, account: str) -> tuple[str, str]:
    """Root's key of mode cloud, if there is one; in mode dev the account is its own key."""
    path = chosen(data) / "credentials"
    if not path.exists():
        return account, "test"
    values = dict(line.split(" = ", 1) for line in path.read_text().splitlines() if " = " in line)
    return values["aws_access_key_id"], values["aws_secret_access_key"]


def _sum(results: Iterable[dict[str, Any]]) -> list[tuple[str, float, str, float]]:
    """(name, quantity, unit, USD) over all periods, the dearest first."""
    found: dict[str, tuple[float, str, float]] = {}
    for result in results:
        for group in result["Groups"]:
            name, metrics = group["Keys"][0], group["Metrics"]
            quantity, _, usd = found.get(name, (0.0, "", 0.0))
            quantity += float(metrics["UsageQuantity"]["Amount"])
            found[name] = (quantity, metrics["UsageQuantity"]["Unit"], usd + float(metrics["UnblendedCost"]["Amount"]))
    rows = [(name or "-", *values) for name, values in found.items()]
    return sorted(rows, key=lambda row: (-row[3], row[0]))


def _draw(days: list[tuple[str, float]]) -> None:
    most = max((usd for _, usd in days), default=0.0) or 1.0
    for day, usd in days:
        click.echo(f"  {day}  {'█' * round(_WIDTH * usd / most):{_WIDTH}} ${usd:,.6f}")
