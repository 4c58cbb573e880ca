"""What budgets make of the meter: sums by hand, forecasts, planned limits and thresholds."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest

from haneul.metering.meter import Meter
from haneul.service import Scope
from haneul.services.budgets.converge import threshold
from haneul.services.budgets.filters import as_expression
from haneul.services.budgets.periods import Period
from haneul.services.budgets.settings import settings_of
from haneul.services.budgets.spending import limit, spending, spent
from haneul.services.budgets.state import Budget, Notification
from haneul.state.memory import MemoryStore

ME = Scope("000000000000", "us-east-1")


def moment(*parts: int) -> float:
    return datetime.datetime(*parts, tzinfo=datetime.UTC).timestamp()  # type: ignore[misc, arg-type]


NOW = moment(2026, 6, 16)


def budget(**members: Any) -> Budget:
    asked = {
        "BudgetName": "b",
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": "1000", "Unit": "USD"},
        "TimePeriod": {"Start": moment(2026, 1, 1)},
        **members,
    }
    return Budget(name="b", settings=settings_of(asked, NOW), updated=NOW)


@pytest.fixture
def store():
    """A hundred dollars in May (the 20th) and two hundred in June, for Glacier's capacity."""
    store = MemoryStore()
    meter = Meter(store)
    for at, units in ((moment(2026, 5, 20), 1.0), (moment(2026, 6, 3), 2.0)):
        meter.add(ME, "glacier", "PurchaseProvisionedCapacity", "ProvisionedCapacity", units)
        meter.flush(at)
    return store


def test_a_month_and_its_forecast(store):
    """In the middle of June: 200 so far, and 300 in 30 days are 10 a day for the 15 days that are left."""
    with store.read() as tx:
        told = spending(tx, ME.account, budget(), NOW, False)
    assert told.actual == 200
    hours = 15 * 24 - 1  # the hour that has begun is in what was spent so far
    assert told.forecast == 200 + Decimal(300) / (30 * 24) * hours


def test_periods_of_a_budget(store):
    """Quarters add months up; what was spent before a budget began isn't its."""
    with store.read() as tx:
        quarter = spending(tx, ME.account, budget(TimeUnit="QUARTERLY"), NOW, False)
        late = budget(TimeUnit="QUARTERLY", TimePeriod={"Start": moment(2026, 6, 1)})
        begun = spending(tx, ME.account, late, NOW, False)
        months = [Period(moment(2026, month, 1), moment(2026, month + 1, 1)) for month in (4, 5, 6)]
        assert spent(tx, ME.account, budget(), months, NOW, False) == [0, 100, 200]
    assert (quarter.actual, begun.actual) == (300, 200)


def test_a_budget_to_come(store):
    """Nothing is spent, and nothing forecast, before it begins."""
    with store.read() as tx:
        told = spending(tx, ME.account, budget(TimePeriod={"Start": moment(2026, 8, 1)}), NOW, False)
    assert told == (0, 0)


def test_usage(store):
    """Units of the limit, or of the usage types that are named."""
    usage = {"BudgetType": "USAGE", "BudgetLimit": {"Amount": "5", "Unit": "Units"}}
    with store.read() as tx:
        assert spending(tx, ME.account, budget(**usage), NOW, False).actual == 2
        usage["BudgetLimit"] = {"Amount": "5", "Unit": "GB"}
        assert spending(tx, ME.account, budget(**usage), NOW, False).actual == 0
        named = budget(**usage, CostFilters={"UsageType": ["ProvisionedCapacity"]})
        assert spending(tx, ME.account, named, NOW, False).actual == 2


def test_planned_limits():
    """The one that has begun last; before the first, the first."""
    planned = {str(int(moment(2026, month, 1))): {"Amount": str(month), "Unit": "USD"} for month in (5, 6, 7)}
    settings = budget(BudgetLimit=None, PlannedBudgetLimits=planned).settings
    found = [limit(settings, moment(2026, month, 1)) for month in (4, 5, 6, 7, 12)]
    assert [one["Amount"] for one in found if one] == ["5.0", "5.0", "6.0", "7.0", "7.0"]


def test_thresholds():
    """Percent of the limit, or an amount."""
    percent = Notification(
        type="ACTUAL", operator="GREATER_THAN", threshold=80, threshold_type="PERCENTAGE", subscribers=[]
    )
    amount = Notification(
        type="ACTUAL", operator="GREATER_THAN", threshold=80, threshold_type="ABSOLUTE_VALUE", subscribers=[]
    )
    assert (threshold(percent, Decimal(250)), threshold(amount, Decimal(250))) == (200, 80)


def test_filters_in_the_newer_language():
    """Values of one filter are alternatives, filters are conditions."""
    both = as_expression({"Service": ["a", "b"], "TagKeyValue": ["user:team$blue"], "Region": []})
    assert both == {
        "And": [
            {"Dimensions": {"Key": "SERVICE", "Values": ["a", "b"]}},
            {"Tags": {"Key": "team", "Values": ["blue"]}},
        ]
    }
    blue, red = ({"Tags": {"Key": "team", "Values": [one]}} for one in ("blue", "red"))
    assert as_expression({"TagKeyValue": ["user:team$blue", "user:team$red"]}) == {"Or": [blue, red]}
    assert as_expression({}) is None
