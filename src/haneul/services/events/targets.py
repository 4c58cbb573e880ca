"""Targets of rules: put, remove, list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.events import names
from haneul.services.events.errors import errors, invalid
from haneul.services.events.router import router
from haneul.services.events.rules import find, look
from haneul.services.events.state import RULES

TARGETS_A_RULE = 5


@operation(resource=names.by_rule)
def put_targets(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutTargets: new ones, and new settings of those whose id is known."""
    scope, bus = names.locate_bus(call, request.get("EventBusName"))
    for target in request["Targets"]:
        _check(target)
    with call.write() as tx:
        rule = find(tx, scope, bus, request["Rule"])
        kept = {target["Id"]: target for target in rule.targets}
        kept |= {target["Id"]: dict(target) for target in request["Targets"]}
        if len(kept) > TARGETS_A_RULE:
            raise errors.LimitExceededException("The requested resource exceeds the maximum number allowed.")
        rule.targets = list(kept.values())
        RULES.put(tx, scope, rule)
    router(call).forget(scope, bus)
    return {"FailedEntryCount": 0, "FailedEntries": []}


def _check(target: Mapping[str, Any]) -> None:
    arn, identity = target["Arn"], target["Id"]
    if len(arn.split(":", 5)) != 6 or not arn.startswith("arn:"):
        raise invalid(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")
    if sum(1 for name in ("Input", "InputPath", "InputTransformer") if target.get(name)) > 1:
        raise invalid(f"Only one of Input, InputPath, or InputTransformer must be provided for target {identity}.")
    if (
        arn.split(":")[2] == "sqs"
        and arn.endswith(".fifo")
        and not (target.get("SqsParameters") or {}).get("MessageGroupId")
    ):
        raise invalid(f"Parameter(s) SqsParameters must be specified for target: {identity}.")
    transformer = target.get("InputTransformer")
    if transformer:
        for name in transformer.get("InputPathsMap") or {}:
            if name.startswith("aws."):
                raise invalid(f"InputPathsMap key {name} is not valid for target {identity}.")


@operation(resource=names.by_rule)
def remove_targets(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RemoveTargets: ids that aren't there are told."""
    scope, bus = names.locate_bus(call, request.get("EventBusName"))
    with call.write() as tx:
        rule = find(tx, scope, bus, request["Rule"])
        known = {target["Id"] for target in rule.targets}
        gone = set(request["Ids"])
        rule.targets = [target for target in rule.targets if target["Id"] not in gone]
        RULES.put(tx, scope, rule)
    router(call).forget(scope, bus)
    missing = [
        {
            "TargetId": identity,
            "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": f"Rule {rule.name} does not have a target with the Id {identity}.",
        }
        for identity in request["Ids"]
        if identity not in known
    ]
    return {"FailedEntryCount": len(missing), "FailedEntries": missing}


@operation(resource=names.by_rule)
def list_targets_by_rule(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTargetsByRule."""
    scope, bus = names.locate_bus(call, request.get("EventBusName"))
    with call.read() as tx:
        rule = look(tx, scope, bus, request["Rule"])
    chosen, more = names.page(
        sorted(rule.targets, key=lambda t: str(t["Id"])), request, lambda target: str(target["Id"])
    )
    return {"Targets": chosen, **more}


@operation(resource=names.by_bus)
def list_rule_names_by_target(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListRuleNamesByTarget."""
    scope, bus = names.locate_bus(call, request.get("EventBusName"))
    with call.read() as tx:
        names.find_bus(tx, scope, bus)
        rows = [
            rule.name
            for rule in RULES.scan(tx, scope, bus)
            if any(target["Arn"] == request["TargetArn"] for target in rule.targets)
        ]
    chosen, more = names.page(rows, request)
    return {"RuleNames": chosen, **more}
