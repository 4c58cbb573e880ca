"""A budget's settings: what a request may say, checked, with AWS's defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from haneul.services.budgets.errors import errors, unsupported
from haneul.services.budgets.filters import check_expression, check_filters
from haneul.services.budgets.periods import FOREVER, Period, period_at

_COST_TYPES = {
    "IncludeTax": True,
    "IncludeSubscription": True,
    "UseBlended": False,
    "IncludeRefund": True,
    "IncludeCredit": True,
    "IncludeUpfront": True,
    "IncludeRecurring": True,
    "IncludeOtherSubscription": True,
    "IncludeSupport": True,
    "IncludeDiscount": True,
    "UseAmortized": False,
}


def settings_of(budget: Mapping[str, Any], now: float, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The members that are kept. before: those of the budget that is updated, whose period stays unless told.

    Raises InvalidParameterException, NotImplemented."""
    _check_name(budget["BudgetName"])
    kind, unit = budget["BudgetType"], budget["TimeUnit"]
    if kind not in ("COST", "USAGE"):
        raise unsupported(f"a budget of type {kind}")
    for member in ("AutoAdjustData", "BillingViewArn"):
        if budget.get(member):
            raise unsupported(member)
    found: dict[str, Any] = {"BudgetType": kind, "TimeUnit": unit, "TimePeriod": _time(budget, unit, now, before)}
    found |= _limits(budget, kind, unit)
    if budget.get("FilterExpression") or budget.get("Metrics"):
        return found | _expression(budget)
    filters = budget.get("CostFilters") or {}
    check_filters(filters)
    found["CostFilters"] = dict(filters)
    if kind == "COST":
        found["CostTypes"] = {
            **_COST_TYPES,
            **{k: v for k, v in (budget.get("CostTypes") or {}).items() if v is not None},
        }
    return found


def _check_name(name: str) -> None:
    """AWS's pattern for names, in which lies a flag that Python's patterns don't take there."""
    if ":" in name or "\\" in name or "/action/" in name or "<script>" in name.lower():
        raise errors.ValidationException(
            f"1 validation error detected: Value '{name}' at 'budget.budgetName' failed to satisfy constraint: Member "
            "must satisfy regular expression pattern: (?![^:\\\\]*/action/|(?i).*<script>.*</script>.*)[^:\\\\]+"
        )


def _expression(budget: Mapping[str, Any]) -> dict[str, Any]:
    if budget.get("CostFilters") or budget.get("CostTypes"):
        raise errors.InvalidParameterException(
            "CostFilters and CostTypes can't be used together with FilterExpression and Metrics."
        )
    if not budget.get("Metrics"):
        raise errors.InvalidParameterException("Metrics is required with FilterExpression.")
    if budget.get("FilterExpression"):
        check_expression(budget["FilterExpression"])
    return {"FilterExpression": budget.get("FilterExpression"), "Metrics": list(budget["Metrics"])}


def _time(budget: Mapping[str, Any], unit: str, now: float, before: Mapping[str, Any] | None) -> dict[str, float]:
    asked = budget.get("TimePeriod") or {}
    kept = (before or {}).get("TimePeriod") or {}
    if unit == "CUSTOM" and ("Start" not in asked or "End" not in asked) and not kept:
        raise errors.InvalidParameterException("TimePeriod with Start and End is required for a CUSTOM budget.")
    start = asked.get("Start", kept.get("Start"))
    if start is None:
        start = period_at(unit, now, Period(now, FOREVER)).start
    end = asked.get("End", kept.get("End", FOREVER))
    if start >= end:
        raise errors.InvalidParameterException("Start time should be before end time.")
    return {"Start": float(start), "End": float(end)}


def _limits(budget: Mapping[str, Any], kind: str, unit: str) -> dict[str, Any]:
    fixed, planned = budget.get("BudgetLimit"), budget.get("PlannedBudgetLimits")
    if fixed and planned:
        raise errors.InvalidParameterException("BudgetLimit and PlannedBudgetLimits can't be used together.")
    if planned:
        if unit not in ("MONTHLY", "QUARTERLY"):
            raise errors.InvalidParameterException("PlannedBudgetLimits are for MONTHLY and QUARTERLY budgets only.")
        if not all(key.isdigit() and len(key) < 16 for key in planned):
            raise errors.InvalidParameterException("The keys of PlannedBudgetLimits must be epoch seconds.")
        return {"PlannedBudgetLimits": {key: _spend(value, kind) for key, value in planned.items()}}
    if not fixed:
        raise errors.InvalidParameterException("BudgetLimit is required for COST and USAGE budgets.")
    return {"BudgetLimit": _spend(fixed, kind)}


def _spend(spend: Mapping[str, str], kind: str) -> dict[str, str]:
    if kind == "COST" and spend["Unit"] != "USD":
        raise errors.InvalidParameterException("The unit of a COST budget must be USD.")
    amount = Decimal(spend["Amount"])
    if amount <= 0:
        raise errors.InvalidParameterException("The amount of BudgetLimit must be greater than 0.")
    return {"Amount": text(amount), "Unit": spend["Unit"]}


def text(amount: Decimal) -> str:
    """As AWS writes amounts: with one decimal at least."""
    plain = f"{amount:f}"
    whole, _, rest = plain.partition(".")
    return f"{whole}.{rest.rstrip('0') or '0'}"
