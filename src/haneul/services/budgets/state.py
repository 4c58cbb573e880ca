"""Rows of Budgets: a budget with its notifications, and the notices that are on their way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.service import Call, Scope
from haneul.services.budgets.errors import errors
from haneul.state.store import Reader
from haneul.state.table import Table


class Notification(msgspec.Struct, kw_only=True):
    """Tells its subscribers when a threshold is crossed. `told`: the start of the period it was last told in."""

    type: str
    operator: str
    threshold: float
    threshold_type: str
    subscribers: list[tuple[str, str]]
    alarm: bool = False
    told: float | None = None

    @property
    def identity(self) -> tuple[str, str, float, str]:
        return self.type, self.operator, self.threshold, self.threshold_type


class Budget(msgspec.Struct, kw_only=True):
    """A budget; `settings` are members of AWS's Budget, by its names, with their defaults filled in."""

    name: str
    settings: dict[str, Any]
    updated: float
    notifications: list[Notification] = []
    tags: dict[str, str] = {}


class Notice(msgspec.Struct, kw_only=True):
    """A crossed threshold that a topic (its ARN) or, without one, the event bus is to hear of."""

    id: str
    topic: str
    subject: str
    message: str
    detail: dict[str, Any]
    at: float
    tries: int = 0


BUDGETS = Table("budgets.budget", Budget, key=("name",))
NOTICES = Table("budgets.notice", Notice, key=("id",))


def arn_of(scope: Scope, name: str) -> str:
    return f"arn:aws:budgets::{scope.account}:budget/{name}"


def by_name(call: Call, request: Mapping[str, Any]) -> str:
    """The budget that a request is about."""
    return arn_of(call.scope, str(request["BudgetName"]))


def all_budgets(call: Call, request: Mapping[str, Any]) -> str:
    """What a listing is decided for."""
    return arn_of(call.scope, "*")


def check_account(call: Call, request: Mapping[str, Any]) -> None:
    """Raises AccessDeniedException: budgets are the caller's own account's."""
    if request["AccountId"] != call.account:
        raise errors.AccessDeniedException(
            f"Account {call.account} is not authorized to access the budgets of account {request['AccountId']}."
        )


def find(tx: Reader, call: Call, name: str) -> Budget:
    """Raises NotFoundException."""
    budget = BUDGETS.get(tx, call.scope, name)
    if budget is None:
        raise errors.NotFoundException(f"Unable to get budget: {name} - the budget doesn't exist.")
    return budget
