"""What a budget's account spent or used in a period, and what it will have by its end, from the meter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from haneul.metering.bill import Line, bills
from haneul.services.budgets.filters import keeper
from haneul.services.budgets.periods import HOUR, Period, months_of, period_at
from haneul.services.budgets.state import Budget
from haneul.state.store import Reader

_DAYS = 30
"""How far back a forecast looks."""


class Spending(NamedTuple):
    """In the budget's unit."""

    actual: Decimal
    forecast: Decimal


def whole(budget: Budget) -> Period:
    """From when to when the budget lasts."""
    time = budget.settings["TimePeriod"]
    return Period(time["Start"], time["End"])


def current(budget: Budget, now: float) -> Period:
    """The period that it is in; before it begins its first, after its end its last."""
    lasts = whole(budget)
    at = min(max(now, lasts.start), lasts.end - 1)
    return period_at(budget.settings["TimeUnit"], at, lasts)


def limit(settings: Mapping[str, Any], start: float) -> dict[str, str] | None:
    """What may be spent in the period that starts then. The last of planned limits stays."""
    planned = settings.get("PlannedBudgetLimits")
    if not planned:
        found: dict[str, str] | None = settings.get("BudgetLimit")
        return found
    starts = sorted(planned, key=int)
    passed = [key for key in starts if int(key) <= start]
    chosen: dict[str, str] = planned[passed[-1] if passed else starts[0]]
    return chosen


def spending(tx: Reader, account: str, budget: Budget, now: float, free_tier: bool) -> Spending:
    """So far in the current period, and with the mean of the last 30 days for the hours that are left of it."""
    period = current(budget, now)
    (actual,) = spent(tx, account, budget, [period], now, free_tier)
    hours = max(0, int(period.end) // HOUR - int(now) // HOUR - 1)
    if not hours or now < period.start:
        return Spending(actual, actual)
    past = Period(now - _DAYS * 24 * HOUR, now)
    mean = _sums(tx, account, budget.settings, [past], now, False)[0] / (_DAYS * 24)
    return Spending(actual, actual + mean * hours)


def spent(
    tx: Reader, account: str, budget: Budget, periods: Sequence[Period], now: float, free_tier: bool
) -> list[Decimal]:
    """In each period so far: months are priced one by one, as on the bill."""
    begins = whole(budget).start
    parts = [list(months_of(max(one.start, begins), min(one.end, now))) for one in periods]
    sums = iter(_sums(tx, account, budget.settings, [part for cut in parts for part in cut], now, free_tier))
    return [sum((next(sums) for _ in cut), Decimal(0)) for cut in parts]


def _sums(
    tx: Reader, account: str, settings: Mapping[str, Any], parts: Sequence[Period], now: float, free_tier: bool
) -> list[Decimal]:
    keep = keeper(settings)
    spans = [(int(part.start) // HOUR, min(-int(-part.end // HOUR), int(now) // HOUR + 1)) for part in parts]
    kept = [[line for line in bill if keep(line)] for bill in bills(tx, [account], spans, free_tier, True)]
    if settings["BudgetType"] == "COST":
        return [sum((line.cost for line in bill), Decimal(0)) for bill in kept]
    unit = (settings.get("BudgetLimit") or next(iter(settings["PlannedBudgetLimits"].values())))["Unit"]
    return [sum((line.quantity for line in bill if _is_in(line, unit, settings)), Decimal(0)) for bill in kept]


def _is_in(line: Line, unit: str, settings: Mapping[str, Any]) -> bool:
    """Whoever names usage types knows their unit; else what is counted in another one isn't added."""
    return bool((settings.get("CostFilters") or {}).get("UsageType")) or line.unit.lower() == unit.lower()
