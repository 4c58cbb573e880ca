"""Who else may call a function: statements of its policy, and the guard that the gate asks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Guard, operation
from haneul.services.lambda_ import names
from haneul.services.lambda_.errors import conflict, invalid, not_found, stale
from haneul.services.lambda_.names import LATEST, parse
from haneul.services.lambda_.state import POLICIES, Policy
from haneul.wire.errors import AwsError

_NONE = "The resource you requested does not exist."


def _statement(request: Mapping[str, Any], arn: str) -> dict[str, Any]:
    principal = request["Principal"]
    who: Any
    if principal == "*":
        who = "*"
    elif principal.endswith((".amazonaws.com", ".amazon.com")):
        who = {"Service": principal}
    elif principal.startswith("arn:"):
        who = {"AWS": principal}
    elif principal.isdigit() and len(principal) == 12:
        who = {"AWS": f"arn:aws:iam::{principal}:root"}
    else:
        raise invalid("The provided principal was invalid. Please check the principal and try again.")
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": who,
        "Action": request["Action"],
        "Resource": arn,
    }
    conditions: dict[str, Any] = {}
    if request.get("SourceArn"):
        conditions["ArnLike"] = {"AWS:SourceArn": request["SourceArn"]}
    equal = {
        "AWS:SourceAccount": request.get("SourceAccount"),
        "lambda:FunctionUrlAuthType": request.get("FunctionUrlAuthType"),
        "lambda:EventSourceToken": request.get("EventSourceToken"),
        "aws:PrincipalOrgID": request.get("PrincipalOrgID"),
    }
    held = {key: value for key, value in equal.items() if value}
    if held:
        conditions["StringEquals"] = held
    if conditions:
        statement["Condition"] = conditions
    return statement


@operation(resource=names.resource)
def add_permission(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AddPermission. Raises ResourceConflictException."""
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    if name.qualifier == LATEST:
        raise invalid("We currently do not support adding policies for $LATEST.")
    with call.write() as tx:
        names.function(tx, name)
        names.version(tx, name)
        policy = POLICIES.get(tx, name.scope, name.name, name.qualifier)
        policy = policy or Policy(name=name.name, qualifier=name.qualifier)
        if request.get("RevisionId") and request["RevisionId"] != policy.revision:
            raise stale()
        if any(one["Sid"] == request["StatementId"] for one in policy.statements):
            raise conflict(
                f"The statement id ({request['StatementId']}) provided already exists. Please provide a new statement "
                "id, or remove the existing statement."
            )
        statement = _statement(request, name.qualified)
        policy.statements.append(statement)
        policy.revision = tokens.uuid()
        POLICIES.put(tx, name.scope, policy)
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


@operation(resource=names.resource)
def remove_permission(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    with call.write() as tx:
        names.function(tx, name)
        policy = POLICIES.get(tx, name.scope, name.name, name.qualifier)
        if policy is None:
            raise not_found("No policy is associated with the given resource.")
        if request.get("RevisionId") and request["RevisionId"] != policy.revision:
            raise stale()
        kept = [one for one in policy.statements if one["Sid"] != request["StatementId"]]
        if len(kept) == len(policy.statements):
            raise not_found(f"Statement {request['StatementId']} is not found in resource policy.")
        policy.statements, policy.revision = kept, tokens.uuid()
        if kept:
            POLICIES.put(tx, name.scope, policy)
        else:
            POLICIES.delete(tx, name.scope, name.name, name.qualifier)
    return {}


@operation(resource=names.resource)
def get_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    with call.read() as tx:
        names.function(tx, name)
        policy = POLICIES.get(tx, name.scope, name.name, name.qualifier)
    if policy is None:
        raise not_found(_NONE)
    return {"Policy": document(policy), "RevisionId": policy.revision}


def document(policy: Policy) -> str:
    held = {"Version": "2012-10-17", "Id": "default", "Statement": policy.statements}
    return json.dumps(held, separators=(",", ":"))


def guard(call: Call, request: Mapping[str, Any]) -> Guard | None:
    """The function's owner and the policy of what was asked for."""
    text = request.get("FunctionName")
    if not isinstance(text, str) or call.operation == "CreateFunction":
        return None
    try:
        name = parse(call, text, request.get("Qualifier"))
    except AwsError:
        return None
    with call.read() as tx:
        policy = POLICIES.get(tx, name.scope, name.name, name.qualifier)
    return Guard(name.scope.account, None if policy is None else document(policy))
