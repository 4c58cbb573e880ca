"""Who else may put events: a bus's policy, and the guard that the gate asks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Guard, operation
from haneul.services.events import names
from haneul.services.events.errors import errors, invalid
from haneul.services.events.state import BUSES, DEFAULT
from haneul.wire.errors import AwsError


@operation(resource=names.by_bus)
def put_permission(call: Call, request: Mapping[str, Any]) -> None:
    """PutPermission: one statement, or a whole policy."""
    name = request.get("EventBusName") or DEFAULT
    with call.write() as tx:
        bus = names.find_bus(tx, call.scope, name)
        if request.get("Policy"):
            bus.policy = _policy(request["Policy"])
        else:
            bus.policy = _with_statement(call, name, bus.policy, request)
        BUSES.put(tx, call.scope, bus)


def _policy(text: str) -> dict[str, Any]:
    try:
        policy = json.loads(text)
    except ValueError:
        policy = None
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not all(isinstance(statement, dict) for statement in statements):
        raise invalid("Parameter Policy is not valid. Reason: Provided policy is not valid JSON.")
    return {**policy, "Statement": statements}


def _with_statement(call: Call, name: str, policy: dict[str, Any] | None, request: Mapping[str, Any]) -> dict[str, Any]:
    label, principal, action = request.get("StatementId"), request.get("Principal"), request.get("Action")
    for parameter, value in (("StatementId", label), ("Principal", principal), ("Action", action)):
        if not value:
            raise invalid(f"Parameter {parameter} is required.")
    if action != "events:PutEvents":
        raise invalid("Provided value in parameter 'action' is not supported.")
    statement: dict[str, Any] = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": action,
        "Resource": names.bus_arn(call.scope, name),
    }
    if condition := request.get("Condition"):
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    kept = [known for known in (policy or {}).get("Statement", []) if known.get("Sid") != label]
    return {"Version": "2012-10-17", "Statement": [*kept, statement]}


@operation(resource=names.by_bus)
def remove_permission(call: Call, request: Mapping[str, Any]) -> None:
    """RemovePermission: one statement, or all of them."""
    name = request.get("EventBusName") or DEFAULT
    with call.write() as tx:
        bus = names.find_bus(tx, call.scope, name)
        if request.get("RemoveAllPermissions"):
            bus.policy = None
        else:
            if not bus.policy:
                raise errors.ResourceNotFoundException("EventBus does not have a policy.")
            statements = bus.policy.get("Statement", [])
            kept = [known for known in statements if known.get("Sid") != request.get("StatementId")]
            if len(kept) == len(statements):
                raise errors.ResourceNotFoundException("Statement with the provided id does not exist.")
            bus.policy = {**bus.policy, "Statement": kept} if kept else None
        BUSES.put(tx, call.scope, bus)


def guard(call: Call, request: Mapping[str, Any]) -> Guard | None:
    """The bus's owner and its policy."""
    given = request.get("EventBusName")
    if given is None and (entries := request.get("Entries")):
        given = entries[0].get("EventBusName")
    try:
        scope, name = names.locate_bus(call, given)
        with call.read() as tx:
            bus = names.find_bus(tx, scope, name)
    except AwsError:
        return None
    return Guard(scope.account, json.dumps(bus.policy) if bus.policy else None)
