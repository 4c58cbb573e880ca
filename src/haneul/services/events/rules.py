"""Rules: put, describe, list, enable, disable, delete."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.converge.timers import settle
from haneul.kit import schedules
from haneul.kit.patterns import PatternError, compile_pattern
from haneul.service import Call, Scope, operation
from haneul.services.events import managed, names
from haneul.services.events.errors import errors, invalid, no_rule
from haneul.services.events.router import router
from haneul.services.events.state import DEFAULT, RULES, Rule
from haneul.state.store import Reader, Writer

RULES_A_BUS = 300


def check_pattern(text: str) -> None:
    """Raise InvalidEventPatternException for a pattern that can't be."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise errors.InvalidEventPatternException(f"Event pattern is not valid. Reason: {error}") from None
    try:
        compile_pattern(document)
    except PatternError as error:
        raise errors.InvalidEventPatternException(f"Event pattern is not valid. Reason: {error}") from None


def parse_schedule(text: str) -> schedules.Schedule:
    if text.startswith("at("):
        raise invalid("Parameter ScheduleExpression is not valid.")
    try:
        return schedules.parse(text)
    except schedules.ScheduleError:
        raise invalid("Parameter ScheduleExpression is not valid.") from None


@operation(resource=names.by_rule)
def put_rule(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutRule: a new rule, or new settings of one that keeps its targets."""
    scope, bus = names.locate_bus(call, request.get("EventBusName"))
    pattern, schedule = request.get("EventPattern") or None, request.get("ScheduleExpression") or None
    if pattern is None and schedule is None:
        raise invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if schedule is not None:
        parse_schedule(schedule)
        if bus != DEFAULT:
            raise invalid("ScheduleExpression is supported only on the default event bus.")
    if pattern is not None:
        check_pattern(pattern)
    name = request["Name"]
    with call.write() as tx:
        names.find_bus(tx, scope, bus)
        managed.refuse(tx, scope, bus, name)
        known = RULES.get(tx, scope, bus, name)
        if known is None and sum(1 for _ in RULES.scan(tx, scope, bus)) >= RULES_A_BUS:
            raise errors.LimitExceededException("The requested resource exceeds the maximum number allowed.")
        rule = Rule(
            bus=bus,
            name=name,
            creator=call.account,
            pattern=pattern,
            schedule=schedule,
            state=request.get("State") or "ENABLED",
            description=request.get("Description"),
            role=request.get("RoleArn"),
            tags=known.tags if known is not None else names.tags_of(request.get("Tags")),
            targets=known.targets if known is not None else [],
            start=call.now(),
        )
        store(tx, call, scope, rule)
    router(call).forget(scope, bus)
    return {"RuleArn": names.rule_arn(scope, bus, name)}


def store(tx: Writer, call: Call, scope: Scope, rule: Rule) -> None:
    """Write a rule, and its next moment when it has a schedule."""
    rule.due = None
    if rule.schedule is not None and rule.state != "DISABLED":
        schedule = schedules.parse(rule.schedule)
        # A rate counts from when the rule was put: its first moment is one period later.
        now = max(call.now(), rule.start)
        rule.due = schedule.next_after(now, rule.start)
    RULES.put(tx, scope, rule)
    if rule.due is not None:
        converge.wake(tx, "events.rule", scope, (rule.bus, rule.name), rule.due)
    else:
        settle(tx, "events.rule", scope, (rule.bus, rule.name))


def look(tx: Reader, scope: Scope, bus: str, name: str) -> Rule:
    """A rule to be told about, an archive's among them. Raises ResourceNotFoundException."""
    names.find_bus(tx, scope, bus)
    rule = RULES.get(tx, scope, bus, name) or managed.find(tx, scope, bus, name)
    if rule is None:
        raise no_rule(name, bus)
    return rule


def find(tx: Reader, scope: Scope, bus: str, name: str) -> Rule:
    """A rule to be changed. Raises ResourceNotFoundException, ManagedRuleException."""
    managed.refuse(tx, scope, bus, name)
    return look(tx, scope, bus, name)


def _describe(scope: Scope, rule: Rule) -> dict[str, Any]:
    return {
        "Name": rule.name,
        "Arn": names.rule_arn(scope, rule.bus, rule.name),
        "EventPattern": rule.pattern,
        "State": rule.state,
        "Description": rule.description,
        "ScheduleExpression": rule.schedule,
        "RoleArn": rule.role,
        "EventBusName": rule.bus,
        "ManagedBy": managed.MANAGER if managed.is_managed(rule) else None,
    }


@operation(resource=names.by_rule)
def describe_rule(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeRule."""
    scope, bus = names.locate_bus(call, request.get("EventBusName"))
    with call.read() as tx:
        rule = look(tx, scope, bus, request["Name"])
    return {**_describe(scope, rule), "CreatedBy": rule.creator}


@operation(resource=names.by_rule)
def list_rules(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListRules of a bus, in the order of names."""
    scope, bus = names.locate_bus(call, request.get("EventBusName"))
    prefix = request.get("NamePrefix") or ""
    with call.read() as tx:
        names.find_bus(tx, scope, bus)
        every = [*RULES.scan(tx, scope, bus), *managed.of_bus(tx, scope, bus)]
    rows = sorted((rule for rule in every if rule.name.startswith(prefix)), key=lambda rule: rule.name)
    chosen, more = names.page(rows, request, lambda rule: rule.name)
    return {"Rules": [_describe(scope, rule) for rule in chosen], **more}


@operation(resource=names.by_rule)
def enable_rule(call: Call, request: Mapping[str, Any]) -> None:
    """EnableRule."""
    _switch(call, request, "ENABLED")


@operation(resource=names.by_rule)
def disable_rule(call: Call, request: Mapping[str, Any]) -> None:
    """DisableRule."""
    _switch(call, request, "DISABLED")


def _switch(call: Call, request: Mapping[str, Any], state: str) -> None:
    scope, bus = names.locate_bus(call, request.get("EventBusName"))
    with call.write() as tx:
        rule = find(tx, scope, bus, request["Name"])
        rule.state = state
        store(tx, call, scope, rule)
    router(call).forget(scope, bus)


@operation(resource=names.by_rule)
def delete_rule(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteRule, once it has no targets. What is gone is no error."""
    scope, bus = names.locate_bus(call, request.get("EventBusName"))
    with call.write() as tx:
        names.find_bus(tx, scope, bus)
        managed.refuse(tx, scope, bus, request["Name"])
        rule = RULES.get(tx, scope, bus, request["Name"])
        if rule is None:
            return
        if rule.targets:
            raise invalid("Rule can't be deleted since it has targets.")
        RULES.delete(tx, scope, bus, rule.name)
        settle(tx, "events.rule", scope, (bus, rule.name))
    router(call).forget(scope, bus)
