"""How budgets did: what was allowed and what was spent, period by period."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from haneul.service import Call, operation
from haneul.services.budgets.errors import errors
from haneul.services.budgets.paging import page
from haneul.services.budgets.periods import Period, periods_back
from haneul.services.budgets.settings import text
from haneul.services.budgets.spending import limit, spent, whole
from haneul.services.budgets.state import by_name, check_account, find

_MOST = {"DAILY": 60, "MONTHLY": 12, "QUARTERLY": 4}


@operation(resource=by_name)
async def describe_budget_performance_history(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeBudgetPerformanceHistory: the last 60 days, 12 months or 4 quarters of the budget, the oldest first.
    Raises NotFoundException, InvalidParameterException, InvalidNextTokenException."""
    check_account(call, request)
    return await asyncio.to_thread(_history, call, request)


def _history(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    now, asked = call.now(), request.get("TimePeriod") or {}
    with call.read() as tx:
        budget = find(tx, call, request["BudgetName"])
        settings = budget.settings
        unit = settings["TimeUnit"]
        if unit not in _MOST:
            raise errors.InvalidParameterException(f"Budget performance history is not available for {unit} budgets.")
        lasts = whole(budget)
        wanted = Period(asked.get("Start", lasts.start), asked.get("End", lasts.end))
        periods = [
            period
            for period in periods_back(unit, min(now, lasts.end - 1), lasts, _MOST[unit])
            if period.start < wanted.end and period.end > wanted.start
        ]
        cut = page(request, "periods", periods)
        shown: list[Period] = cut["periods"]
        sums = spent(tx, call.account, budget, shown, now, call.cloud.config.free_tier)
    amounts = [
        _shown(period, limit(settings, period.start) or {}, actual) for period, actual in zip(shown, sums, strict=True)
    ]
    kept = {key: settings.get(key) for key in ("CostFilters", "CostTypes", "FilterExpression", "Metrics")}
    return {
        "BudgetPerformanceHistory": {
            "BudgetName": budget.name,
            "BudgetType": settings["BudgetType"],
            "TimeUnit": unit,
            **kept,
            "BudgetedAndActualAmountsList": amounts,
        },
        "NextToken": cut["NextToken"],
    }


def _shown(period: Period, allowed: Mapping[str, str], actual: Decimal) -> dict[str, Any]:
    amount = text(actual.quantize(Decimal("0.0000000001")))
    return {
        "BudgetedAmount": allowed,
        "ActualAmount": {"Amount": amount, "Unit": allowed.get("Unit", "USD")},
        "TimePeriod": {"Start": period.start, "End": period.end},
    }
