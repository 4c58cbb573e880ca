"""haneul cost: what the usage would cost at AWS, as a table, CSV or plot."""

from __future__ import annotations

import csv
import datetime
import sys
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from haneul import config as configuration
from haneul.cli.folder import Running, chosen, health_of, read_pid
from haneul.metering import instances

_DATA = click.option("--data", type=click.Path(path_type=Path), help="The cloud's data folder.")
_ACCOUNT = click.option("--account", default="000000000000", show_default=True, help="Whose bill.")
_PERIOD = click.option("--period", type=click.Choice(["today", "month", "30days"]), default="month", show_default=True)
_GROUPS = {"service": "SERVICE", "usage": "USAGE_TYPE", "operation": "OPERATION", "region": "REGION"}
_WIDTH = 40


@click.group(invoke_without_command=True)
@_DATA
@_ACCOUNT
@_PERIOD
@click.option("--by", type=click.Choice(sorted(_GROUPS)), default="service", show_default=True)
@click.option("--csv", "as_csv", is_flag=True, help="For spreadsheets.")
@click.option("--plot", is_flag=True, help="Bars by day.")
@click.pass_context
def cost(
    context: click.Context, data: Path | None, account: str, period: str, by: str, as_csv: bool, plot: bool
) -> None:
    """Say what the usage so far would cost at AWS (public prices, US East; see `haneul cost --by usage`).

    \b
    haneul cost                       # this month by service
    haneul cost --period today --by operation
    haneul cost --plot                # day by day
    haneul cost compare               # instances: on demand, Spot, reserved
    haneul cost budgets               # what may be spent, and what was
    """
    if context.invoked_subcommand:
        return
    running = _running(data)
    start, end = _span(period, running)
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


@cost.command()
@click.argument("types", nargs=-1)
@_DATA
@_ACCOUNT
@_PERIOD
@click.option("--hours", type=float, default=730, show_default=True, help="Of each of TYPES.")
def compare(types: tuple[str, ...], data: Path | None, account: str, period: str, hours: float) -> None:
    """Compare what instances cost on demand, as Spot and reserved: those of the bill so far, or TYPES.

    \b
    haneul cost compare               # what ran this month
    haneul cost compare m5.large t3.micro --hours 200
    """
    wanted = dict.fromkeys(types, hours) or _ran(data, account, period)
    if not wanted:
        click.echo("  no instance ran in this time; name types to compare: haneul cost compare m5.large")
        return
    region = configuration.DEFAULT_REGION
    click.echo(f"  {'type':20} {'hours':>10} {'on demand':>12} {'spot':>12} {'reserved 1y':>12} {'reserved 3y':>12}")
    for name, ran in sorted(wanted.items()):
        prices = _rates(region, name)
        if prices is None:
            click.echo(f"  {name:20} {ran:>10,.2f} {'no price':>12}")
            continue
        shown = " ".join(f"{f'${price * Decimal(ran):,.4f}':>12}" for price in prices)
        click.echo(f"  {name:20} {ran:>10,.2f} {shown}")
    click.echo(
        f"  Linux in {region}. Spot is a fixed share of the price on demand; reserved: standard, no upfront payment,"
    )
    click.echo("  by the hour if it runs all the time, for an hour is paid whether it runs or not.")


@cost.command()
@_DATA
@_ACCOUNT
def budgets(data: Path | None, account: str) -> None:
    """Say what each budget allows for its current period, what was spent of it and what will be by its end."""
    client = _client("budgets", _running(data), data, account)
    found = [
        one for page in client.get_paginator("describe_budgets").paginate(AccountId=account) for one in page["Budgets"]
    ]
    if not found:
        click.echo(f"  account {account} has no budgets; make one with `aws budgets create-budget`")
        return
    click.echo(f"  {'budget':{_WIDTH}} {'period':10} {'limit':>14} {'so far':>14} {'forecast':>14} {'used':>7}")
    for one in found:
        spend = one["CalculatedSpend"]
        limit, actual = float(one["BudgetLimit"]["Amount"]), float(spend["ActualSpend"]["Amount"])
        amounts = " ".join(f"{value:>14,.4f}" for value in (limit, actual, float(spend["ForecastedSpend"]["Amount"])))
        unit = one["BudgetLimit"]["Unit"]
        click.echo(
            f"  {one['BudgetName'][:_WIDTH]:{_WIDTH}} {one['TimeUnit']:10} {amounts} {actual / limit:>7.1%} {unit}"
        )


def _rates(region: str, type: str) -> list[Decimal] | None:
    """USD an hour: on demand, Spot, reserved for one and for three years."""
    price, spot = instances.on_demand(region, type), instances.spot(region, type)
    year, three = instances.reserved(region, type, 1), instances.reserved(region, type, 3)
    if price is None or spot is None or year is None or three is None:
        return None
    return [price, spot, year.hourly, three.hourly]


def _ran(data: Path | None, account: str, period: str) -> dict[str, float]:
    """Hours by instance type, whichever way they were bought."""
    found: dict[str, float] = {}
    running = _running(data)
    for name, hours, _, _ in _sum(_ask(running, account, *_span(period, running), "MONTHLY", "USAGE_TYPE", data)):
        kind, _, type = name.partition(":")
        if kind in ("BoxUsage", "SpotUsage"):
            found[type] = found.get(type, 0.0) + hours
    return found


def _running(data: Path | None) -> Running:
    running = read_pid(chosen(data))
    if running is None:
        raise click.ClickException("no cloud runs on this data folder; `haneul start` it to ask for its bill")
    return running


def _span(period: str, running: Running) -> tuple[str, str]:
    """From when to when, by the cloud's own clock: it may run faster than ours."""
    today = datetime.datetime.fromtimestamp(health_of(running)["now"], datetime.UTC).date()
    first = {"today": today, "month": today.replace(day=1), "30days": today - datetime.timedelta(days=29)}[period]
    return first.isoformat(), (today + datetime.timedelta(days=1)).isoformat()


def _ask(
    running: Running, account: str, start: str, end: str, granularity: str, group: str | None, data: Path | None
) -> list[dict[str, Any]]:
    """GetCostAndUsage of the running cloud, signed as the account's root."""
    client = _client("ce", running, data, account)
    request: dict[str, Any] = {
        "TimePeriod": {"Start": start, "End": end},
        "Granularity": granularity,
        "Metrics": ["UnblendedCost", "UsageQuantity"],
    }
    if group is not None:
        request["GroupBy"] = [{"Type": "DIMENSION", "Key": group}]
    results: list[dict[str, Any]] = client.get_cost_and_usage(**request)["ResultsByTime"]
    return results


def _client(service: str, running: Running, data: Path | None, account: str) -> Any:
    """A client of the running cloud that signs as the account's root."""
    from botocore.session import Session

    key, secret = _credentials(data, account)
    return Session().create_client(
        service,
        region_name=configuration.DEFAULT_REGION,
        endpoint_url=f"http://{running.address}",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )


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
