"""Notifications: which threshold of a budget is watched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.budgets.errors import errors
from haneul.services.budgets.paging import PAGE, after_name, page
from haneul.services.budgets.state import BUDGETS, Budget, Notification, all_budgets, by_name, check_account, find
from haneul.state.store import Reader, Writer

MAX_NOTIFICATIONS = 10
_MOST = {"SNS": 1, "EMAIL": 10}


@operation(resource=by_name)
def create_notification(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateNotification. Raises NotFoundException, DuplicateRecordException, CreationLimitExceededException,
    InvalidParameterException."""
    check_account(call, request)
    with call.write() as tx:
        budget = _budget(tx, call, request, "create")
        new = notification_of(budget.settings, request["Notification"], request["Subscribers"])
        if any(one.identity == new.identity for one in budget.notifications):
            raise errors.DuplicateRecordException("Unable to create notification - the notification already exists.")
        if len(budget.notifications) >= MAX_NOTIFICATIONS:
            raise errors.CreationLimitExceededException(f"one budget can only have {MAX_NOTIFICATIONS} notifications")
        budget.notifications = [*budget.notifications, new]
        save(tx, call, budget)
    return {}


@operation(resource=by_name)
def describe_notifications_for_budget(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeNotificationsForBudget. Raises NotFoundException, InvalidNextTokenException."""
    check_account(call, request)
    with call.read() as tx:
        budget = find(tx, call, request["BudgetName"])
    return page(request, "Notifications", [shown(one) for one in budget.notifications])


@operation(resource=all_budgets)
def describe_budget_notifications_for_account(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeBudgetNotificationsForAccount: budgets without any are left out. Raises InvalidNextTokenException."""
    check_account(call, request)
    size = request.get("MaxResults") or PAGE
    with call.read() as tx:
        found = [
            {"BudgetName": budget.name, "Notifications": [shown(one) for one in budget.notifications]}
            for budget in BUDGETS.scan(tx, call.scope, after_key=after_name(request))
            if budget.notifications
        ]
    token = tokens.seal_page(str(found[size - 1]["BudgetName"])) if len(found) > size else None
    return {"BudgetNotificationsForAccount": found[:size], "NextToken": token}


@operation(resource=by_name)
def update_notification(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateNotification: it may tell again. Raises NotFoundException, DuplicateRecordException."""
    check_account(call, request)
    with call.write() as tx:
        budget = _budget(tx, call, request, "update")
        old = pick(budget, request["OldNotification"], "update")
        new = notification_of(budget.settings, request["NewNotification"], _as_members(old.subscribers))
        if any(one is not old and one.identity == new.identity for one in budget.notifications):
            raise errors.DuplicateRecordException("Unable to update notification - the notification already exists.")
        budget.notifications = [new if one is old else one for one in budget.notifications]
        save(tx, call, budget)
    return {}


@operation(resource=by_name)
def delete_notification(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteNotification, with its subscribers. Raises NotFoundException."""
    check_account(call, request)
    with call.write() as tx:
        budget = _budget(tx, call, request, "delete")
        old = pick(budget, request["Notification"], "delete")
        budget.notifications = [one for one in budget.notifications if one is not old]
        save(tx, call, budget)
    return {}


def notification_of(
    settings: Mapping[str, Any], members: Mapping[str, Any], subscribers: Iterable[Mapping[str, str]]
) -> Notification:
    """A notification as a request says it. Raises InvalidParameterException, CreationLimitExceededException."""
    if members["NotificationType"] == "FORECASTED" and settings["TimeUnit"] == "DAILY":
        raise errors.InvalidParameterException("FORECASTED notifications are not supported for DAILY budgets.")
    return Notification(
        type=members["NotificationType"],
        operator=members["ComparisonOperator"],
        threshold=float(members["Threshold"]),
        threshold_type=members.get("ThresholdType") or "PERCENTAGE",
        subscribers=check_subscribers([(one["SubscriptionType"], one["Address"]) for one in subscribers]),
    )


def check_subscribers(subscribers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Raises InvalidParameterException, DuplicateRecordException, CreationLimitExceededException."""
    if len(set(subscribers)) < len(subscribers):
        raise errors.DuplicateRecordException("Unable to create subscriber - the subscriber already exists.")
    for kind, most in _MOST.items():
        if sum(1 for one, _ in subscribers if one == kind) > most:
            raise errors.CreationLimitExceededException(
                f"one notification can only have {most} subscribers with type of {kind}"
            )
    for kind, address in subscribers:
        if kind == "SNS" and not (address.startswith("arn:aws:sns:") and address.count(":") == 5):
            raise errors.InvalidParameterException(f"Invalid SNS topic ARN: {address}")
        if kind == "EMAIL" and not address.partition("@")[2]:
            raise errors.InvalidParameterException("Invalid email address.")
    return subscribers


def pick(budget: Budget, members: Mapping[str, Any], verb: str) -> Notification:
    """The budget's notification that a request means. Raises NotFoundException."""
    identity = (
        members["NotificationType"],
        members["ComparisonOperator"],
        float(members["Threshold"]),
        members.get("ThresholdType") or "PERCENTAGE",
    )
    for one in budget.notifications:
        if one.identity == identity:
            return one
    raise errors.NotFoundException(f"Unable to {verb} notification - the notification doesn't exist.")


def save(tx: Writer, call: Call, budget: Budget) -> None:
    """Keep it, and look at once whether it has something to tell."""
    BUDGETS.put(tx, call.scope, budget)
    converge.wake(tx, "budgets.budget", call.scope, (budget.name,), call.now())


def shown(one: Notification) -> dict[str, Any]:
    return {
        "NotificationType": one.type,
        "ComparisonOperator": one.operator,
        "Threshold": one.threshold,
        "ThresholdType": one.threshold_type,
        "NotificationState": "ALARM" if one.alarm else "OK",
    }


def afresh(notifications: Iterable[Notification]) -> list[Notification]:
    """As they were before they told anybody."""
    return [msgspec.structs.replace(one, alarm=False, told=None) for one in notifications]


def _as_members(subscribers: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"SubscriptionType": kind, "Address": address} for kind, address in subscribers]


def _budget(tx: Reader, call: Call, request: Mapping[str, Any], verb: str) -> Budget:
    budget = BUDGETS.get(tx, call.scope, request["BudgetName"])
    if budget is None:
        raise errors.NotFoundException(f"Unable to {verb} notification - the budget doesn't exist.")
    return budget
