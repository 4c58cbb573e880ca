"""Budgets: made, told with what was spent, changed and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.budgets.errors import errors
from haneul.services.budgets.filters import as_expression
from haneul.services.budgets.notifications import MAX_NOTIFICATIONS, afresh, notification_of
from haneul.services.budgets.paging import PAGE, after_name
from haneul.services.budgets.settings import settings_of, text
from haneul.services.budgets.spending import Spending, current, limit, spending
from haneul.services.budgets.state import BUDGETS, Budget, all_budgets, arn_of, by_name, check_account, find
from haneul.services.budgets.tags import tags_of
from haneul.state.store import Reader

MAX_BUDGETS = 20_000


def _by_budget(member: str) -> Any:
    def resource(call: Call, request: Mapping[str, Any]) -> str:
        return arn_of(call.scope, str(request[member]["BudgetName"]))

    return resource


@operation(resource=_by_budget("Budget"))
def create_budget(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateBudget. Raises DuplicateRecordException, InvalidParameterException, CreationLimitExceededException."""
    check_account(call, request)
    asked = request["Budget"]
    name, now = asked["BudgetName"], call.now()
    settings = settings_of(asked, now)
    notifications = [
        notification_of(settings, one["Notification"], one["Subscribers"])
        for one in request.get("NotificationsWithSubscribers") or ()
    ]
    if len({one.identity for one in notifications}) < len(notifications):
        raise errors.DuplicateRecordException("Error creating budget: duplicate notifications.")
    if len(notifications) > MAX_NOTIFICATIONS:
        raise errors.CreationLimitExceededException(f"one budget can only have {MAX_NOTIFICATIONS} notifications")
    tags = tags_of(request.get("ResourceTags") or ())
    budget = Budget(name=name, settings=settings, updated=now, notifications=notifications, tags=tags)
    with call.write() as tx:
        if BUDGETS.get(tx, call.scope, name) is not None:
            raise errors.DuplicateRecordException(f"Error creating budget: {name} - the budget already exists.")
        if sum(1 for _ in BUDGETS.scan(tx, call.scope, limit=MAX_BUDGETS)) >= MAX_BUDGETS:
            raise errors.CreationLimitExceededException(f"one account can only have {MAX_BUDGETS} budgets")
        BUDGETS.put(tx, call.scope, budget)
        converge.wake(tx, "budgets.budget", call.scope, (name,), now)
    return {}


@operation(resource=by_name)
async def describe_budget(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeBudget. Raises NotFoundException."""
    check_account(call, request)
    return {"Budget": await asyncio.to_thread(_describe, call, request)}


@operation(resource=all_budgets)
async def describe_budgets(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeBudgets. Raises InvalidNextTokenException."""
    check_account(call, request)
    return await asyncio.to_thread(_describe_page, call, request)


@operation(resource=_by_budget("NewBudget"))
def update_budget(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateBudget: notifications stay, and may tell again. Raises NotFoundException, InvalidParameterException."""
    check_account(call, request)
    asked = request["NewBudget"]
    name, now = asked["BudgetName"], call.now()
    with call.write() as tx:
        budget = BUDGETS.get(tx, call.scope, name)
        if budget is None:
            raise errors.NotFoundException(
                f"Unable to update budget: {name} - the budget doesn't exist. Try creating it first."
            )
        budget.settings = settings_of(asked, now, budget.settings)
        budget.updated = now
        budget.notifications = afresh(budget.notifications)
        BUDGETS.put(tx, call.scope, budget)
        converge.wake(tx, "budgets.budget", call.scope, (name,), now)
    return {}


@operation(resource=by_name)
def delete_budget(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteBudget, with its notifications and subscribers. Raises NotFoundException."""
    check_account(call, request)
    name = request["BudgetName"]
    with call.write() as tx:
        if BUDGETS.get(tx, call.scope, name) is None:
            raise errors.NotFoundException(
                f"Unable to delete budget: {name} - the budget doesn't exist. Try creating it first. "
            )
        BUDGETS.delete(tx, call.scope, name)
    return {}


def _describe(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        budget = find(tx, call, request["BudgetName"])
        return _shown(tx, call, budget, bool(request.get("ShowFilterExpression")))


def _describe_page(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    size = request.get("MaxResults") or PAGE
    after = after_name(request)
    with call.read() as tx:
        found = list(BUDGETS.scan(tx, call.scope, after_key=after, limit=size + 1))
        expression = bool(request.get("ShowFilterExpression"))
        shown = [_shown(tx, call, budget, expression) for budget in found[:size]]
    return {"Budgets": shown, "NextToken": tokens.seal_page(found[size - 1].name) if len(found) > size else None}


def _shown(tx: Reader, call: Call, budget: Budget, expression: bool) -> dict[str, Any]:
    now = call.now()
    told = spending(tx, call.account, budget, now, call.cloud.config.free_tier)
    settings = budget.settings
    allowed = limit(settings, current(budget, now).start) or {}
    shown = {
        "BudgetName": budget.name,
        **settings,
        "BudgetLimit": allowed,
        "CalculatedSpend": _calculated(told, allowed.get("Unit", "USD")),
        "LastUpdatedTime": budget.updated,
        "HealthStatus": {"Status": "HEALTHY", "LastUpdatedTime": now},
    }
    if expression and settings.get("CostFilters"):
        shown["FilterExpression"] = as_expression(settings["CostFilters"])
    return shown


def _calculated(told: Spending, unit: str) -> dict[str, Any]:
    places = Decimal("0.0000000001")
    return {
        "ActualSpend": {"Amount": text(told.actual.quantize(places)), "Unit": unit},
        "ForecastedSpend": {"Amount": text(told.forecast.quantize(places)), "Unit": unit},
    }
