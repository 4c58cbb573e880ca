"""Every minute, spending is held against thresholds; whoever subscribed is told of each crossing once a period."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import msgspec
import orjson

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, Scope, Step
from haneul.services.budgets.notifications import shown
from haneul.services.budgets.spending import Spending, current, limit, spending, whole
from haneul.services.budgets.state import BUDGETS, NOTICES, Budget, Notice, Notification, arn_of
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

EVERY = 60.0
SHARE = 100
"""A look that took long is followed by a rest of this many times as long."""
MAX_TRIES = 20
MAX_PAUSE = 300.0


def step_budget(call: Call, budget: Budget) -> Step:
    """Look; a crossing, what is known of it, and its notices are written at once, so that it is told once."""
    now, began = call.now(), call.cloud.clock.monotonic()
    if now >= whole(budget).end:
        return Step(None)  # as at AWS: an ended budget is deleted
    if not budget.notifications:
        return Step(budget, EVERY)
    with call.read() as tx:
        told = spending(tx, call.account, budget, now, call.cloud.config.free_tier)
    again = max(EVERY, (call.cloud.clock.monotonic() - began) * SHARE)
    period = current(budget, now)
    allowed = limit(budget.settings, period.start)
    if now < period.start or allowed is None:
        return Step(budget, again)
    looked = [_look(one, told, Decimal(allowed["Amount"])) for one in budget.notifications]
    crossed = [one for one in looked if one.alarm and one.told != period.start]
    if not crossed:
        return Step(msgspec.structs.replace(budget, notifications=looked), again)
    with call.write() as tx:
        if BUDGETS.get(tx, call.scope, budget.name) != budget:
            return Step(budget, 0)  # somebody changed it: look again
        for one in crossed:
            one.told = period.start
            _tell(tx, call, budget, one, told, allowed, now)
        budget = msgspec.structs.replace(budget, notifications=looked)
        BUDGETS.put(tx, call.scope, budget)
    return Step(budget, again)


def step_notice(call: Call, notice: Notice) -> Step:
    """One try. A crash after it was heard means that it is told again: at least once."""
    try:
        if notice.topic:
            region = notice.topic.split(":")[3]
            there = call.cloud.call_as("budgets", Scope(call.account, region))
            there.invoke(
                "sns",
                "Publish",
                {"TopicArn": notice.topic, "Subject": notice.subject, "Message": notice.message},
            )
        else:
            there = call.cloud.call_as("budgets", Scope(call.account, call.cloud.config.region))
            there.invoke("events", "PutEvents", {"Entries": [_entry(call, notice)]})
    except AwsError as error:
        if error.status >= 500 and error.status != 501 and notice.tries < MAX_TRIES:
            return Step(msgspec.structs.replace(notice, tries=notice.tries + 1), min(MAX_PAUSE, 2.0**notice.tries))
    return Step(None)  # heard, or nobody is there to hear it: a topic that is gone is its owner's business


def _look(one: Notification, told: Spending, allowed: Decimal) -> Notification:
    value = told.actual if one.type == "ACTUAL" else told.forecast
    mark = threshold(one, allowed)
    alarm = {"GREATER_THAN": value > mark, "LESS_THAN": value < mark, "EQUAL_TO": value == mark}[one.operator]
    return msgspec.structs.replace(one, alarm=alarm)


def threshold(one: Notification, allowed: Decimal) -> Decimal:
    """In the budget's unit."""
    mark = Decimal(str(one.threshold))
    return mark * allowed / 100 if one.threshold_type == "PERCENTAGE" else mark


def _tell(
    tx: Writer, call: Call, budget: Budget, one: Notification, told: Spending, allowed: dict[str, str], now: float
) -> None:
    """A notice for each topic, and one for the bus."""
    amount = told.actual if one.type == "ACTUAL" else told.forecast
    mark = threshold(one, Decimal(allowed["Amount"]))
    message = _message(call.account, budget, one, amount, mark, allowed, now)
    subject = f"AWS Budgets: {budget.name} has exceeded your alert threshold"[:100]
    subject = "".join(letter if " " <= letter <= "~" else "?" for letter in subject)
    detail = {
        "budgetName": budget.name,
        "budgetType": budget.settings["BudgetType"],
        "timeUnit": budget.settings["TimeUnit"],
        "budgetLimit": allowed,
        "notification": shown(one),
        "amount": {"Amount": f"{amount:f}", "Unit": allowed["Unit"]},
    }
    for topic in [*(address for kind, address in one.subscribers if kind == "SNS"), ""]:
        row = Notice(id=tokens.uuid(), topic=topic, subject=subject, message=message, detail=detail, at=now)
        NOTICES.put(tx, call.scope, row)
        converge.wake(tx, "budgets.notice", call.scope, (row.id,), now)


def _message(
    account: str, budget: Budget, one: Notification, amount: Decimal, mark: Decimal, allowed: dict[str, str], now: float
) -> str:
    """The fields of AWS's message, one on a line."""
    day = datetime.datetime.fromtimestamp(now, datetime.UTC)
    sign = {"GREATER_THAN": ">", "LESS_THAN": "<", "EQUAL_TO": "="}[one.operator]
    kind = budget.settings["BudgetType"].capitalize()
    lines = (
        f"AWS Budget Notification {day:%B} {day.day}, {day.year}",
        f"AWS Account {account}",
        "",
        f"The {one.type} {kind} of the budget {budget.name} has crossed the threshold that this notification watches.",
        "",
        f"Budget Name: {budget.name}",
        f"Budget Type: {kind}",
        f"Budgeted Amount: {_money(Decimal(allowed['Amount']), allowed['Unit'])}",
        f"Alert Type: {one.type}",
        f"Alert Threshold: {sign} {_money(mark, allowed['Unit'])}",
        f"{one.type} Amount: {_money(amount, allowed['Unit'])}",
    )
    return "\n".join(lines) + "\n"


def _money(amount: Decimal, unit: str) -> str:
    return f"${amount:,.2f}" if unit == "USD" else f"{amount:,.2f} {unit}"


def _entry(call: Call, notice: Notice) -> dict[str, Any]:
    return {
        "Source": "aws.budgets",
        "DetailType": "Budget Threshold Crossed",
        "Time": notice.at,
        "Resources": [arn_of(call.scope, notice.detail["budgetName"])],
        "Detail": orjson.dumps(notice.detail).decode(),
    }
