"""`haneul cost compare`: what instances would have cost, bought in another way."""

from __future__ import annotations

import re

from click.testing import CliRunner

from haneul.cli.main import main
from tests.api.ec2.waiting import pretending, running, until
from tests.running import RunningCloud


def compared(*arguments: str) -> dict[str, list[float]]:
    """Type -> hours, then USD on demand, Spot, reserved for one and three years."""
    result = CliRunner().invoke(main, ["cost", "compare", *arguments])
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines() if re.match(r"  [a-z0-9-]+\.\S+ ", line)]
    return {name: [float(one.strip("$").replace(",", "")) for one in rest] for name, *rest in lines}


def test_types_by_name():
    """Without a cloud: 200 hours of an m5.large, which AWS sells at 0.096 USD."""
    assert compared("m5.large", "--hours", "200")["m5.large"] == [200, 19.2, 7.68, 12.096, 8.256]


def test_a_type_without_a_price():
    """It is said, not left out."""
    result = CliRunner().invoke(main, ["cost", "compare", "t9.huge"])
    assert "no price" in result.output


def test_what_ran():
    """The bill's instances, on demand and Spot alike."""
    cloud = pretending(RunningCloud("--log-level", "warning", "--clock-rate", "600")).start()
    try:
        running(cloud.client("ec2"), InstanceType="t3.large")
        found = until(lambda: compared("--data", str(cloud.data), "--period", "30days").get("t3.large"), 90)
    finally:
        cloud.close()
    assert found[0] > 0 and found[1] > found[3] > found[4] > found[2]


def test_budgets(fresh_cloud):
    """Each budget's limit, what was spent of it and its share."""
    cloud = fresh_cloud()
    shown = CliRunner().invoke(main, ["cost", "budgets", "--data", str(cloud.data)])
    assert "has no budgets" in shown.output
    limit = {"Amount": "200", "Unit": "USD"}
    cloud.client("budgets").create_budget(
        AccountId="000000000000",
        Budget={"BudgetName": "all", "BudgetLimit": limit, "TimeUnit": "MONTHLY", "BudgetType": "COST"},
    )
    cloud.client("glacier").purchase_provisioned_capacity(accountId="-")
    command = ["cost", "budgets", "--data", str(cloud.data)]
    until(
        lambda: re.search(r"all +MONTHLY +200\.0000 +100\.0\d+ .* 50\.0% USD", CliRunner().invoke(main, command).output)
    )
