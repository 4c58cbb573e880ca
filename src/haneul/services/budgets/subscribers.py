"""Subscribers: who is told of a notification. E-mail addresses are kept and told, and nothing is sent to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.budgets.errors import errors
from haneul.services.budgets.notifications import check_subscribers, pick, save
from haneul.services.budgets.paging import page
from haneul.services.budgets.state import Budget, Notification, by_name, check_account, find


@operation(resource=by_name)
def create_subscriber(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateSubscriber. Raises NotFoundException, DuplicateRecordException, CreationLimitExceededException,
    InvalidParameterException."""
    check_account(call, request)
    with call.write() as tx:
        budget = find(tx, call, request["BudgetName"])
        one = pick(budget, request["Notification"], "get")
        one.subscribers = check_subscribers([*one.subscribers, _of(request["Subscriber"])])
        save(tx, call, budget)
    return {}


@operation(resource=by_name)
def describe_subscribers_for_notification(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeSubscribersForNotification. Raises NotFoundException, InvalidNextTokenException."""
    check_account(call, request)
    with call.read() as tx:
        one = pick(find(tx, call, request["BudgetName"]), request["Notification"], "get")
    shown = [{"SubscriptionType": kind, "Address": address} for kind, address in one.subscribers]
    return page(request, "Subscribers", shown)


@operation(resource=by_name)
def update_subscriber(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateSubscriber. Raises NotFoundException, DuplicateRecordException, InvalidParameterException."""
    check_account(call, request)
    with call.write() as tx:
        budget = find(tx, call, request["BudgetName"])
        one, old = _pick(budget, request, "OldSubscriber")
        new = _of(request["NewSubscriber"])
        one.subscribers = check_subscribers([new if each == old else each for each in one.subscribers])
        save(tx, call, budget)
    return {}


@operation(resource=by_name)
def delete_subscriber(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteSubscriber: with the last one, its notification goes. Raises NotFoundException."""
    check_account(call, request)
    with call.write() as tx:
        budget = find(tx, call, request["BudgetName"])
        one, old = _pick(budget, request, "Subscriber")
        one.subscribers = [each for each in one.subscribers if each != old]
        budget.notifications = [each for each in budget.notifications if each.subscribers]
        save(tx, call, budget)
    return {}


def _of(members: Mapping[str, str]) -> tuple[str, str]:
    return members["SubscriptionType"], members["Address"]


def _pick(budget: Budget, request: Mapping[str, Any], member: str) -> tuple[Notification, tuple[str, str]]:
    one, old = pick(budget, request["Notification"], "get"), _of(request[member])
    if old not in one.subscribers:
        raise errors.NotFoundException("Unable to get subscriber - the subscriber doesn't exist.")
    return one, old
