"""Composite alarms: alarms over other alarms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.cloudwatch.alarms import by_alarm, store
from haneul.services.cloudwatch.errors import validation
from haneul.services.cloudwatch.rules import RuleError, names_in
from haneul.services.cloudwatch.state import ALARMS

_MEMBERS = (
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "AlarmRule",
    "InsufficientDataActions",
    "OKActions",
    "ActionsSuppressor",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
)


@operation(resource=by_alarm)
def put_composite_alarm(call: Call, request: Mapping[str, Any]) -> None:
    """PutCompositeAlarm, whose rule is looked at whenever an alarm changes."""
    try:
        names = names_in(request["AlarmRule"])
    except RuleError as error:
        raise validation(f"Error in AlarmRule: {error}") from None
    with call.read() as tx:
        for name in sorted(names):
            if ALARMS.get(tx, call.scope, name) is None:
                raise validation(
                    f"Could not save the composite alarm as alarms [{name}] in the alarm rule do not exist"
                )
    settings = {name: request[name] for name in _MEMBERS if request.get(name) is not None}
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
    store(call, request["AlarmName"], settings, tags, composite=True)
