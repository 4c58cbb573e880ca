"""Resource policies of secrets, and the guard that the gate asks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Guard, operation
from haneul.services.secretsmanager.errors import errors
from haneul.services.secretsmanager.replicas import share
from haneul.services.secretsmanager.secrets import arn_of, by_secret, find, look, refuse_replica
from haneul.services.secretsmanager.state import SECRETS


def _parse(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not document.get("Statement"):
        raise errors.MalformedPolicyDocumentException("This resource policy contains invalid Json.")
    return document


def _is_public(document: Mapping[str, Any]) -> bool:
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        everyone = principal == "*" or (isinstance(principal, dict) and "*" in _listed(principal.get("AWS")))
        if statement.get("Effect") == "Allow" and everyone and not statement.get("Condition"):
            return True
    return False


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@operation(resource=by_secret)
def put_resource_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutResourcePolicy."""
    with call.write() as tx:
        scope, secret = find(tx, call, request["SecretId"])
        refuse_replica(secret)
        document = _parse(request["ResourcePolicy"])
        if request.get("BlockPublicPolicy") and _is_public(document):
            raise errors.PublicPolicyException(
                "You can't attach a resource policy that allows broad access to the secret."
            )
        secret.policy = request["ResourcePolicy"]
        SECRETS.put(tx, scope, secret)
    share(call, scope, secret)
    return {"ARN": arn_of(scope, secret), "Name": secret.name}


@operation(resource=by_secret)
def get_resource_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetResourcePolicy."""
    with call.read() as tx:
        scope, secret = find(tx, call, request["SecretId"])
    return {"ARN": arn_of(scope, secret), "Name": secret.name, "ResourcePolicy": secret.policy}


@operation(resource=by_secret)
def delete_resource_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteResourcePolicy."""
    with call.write() as tx:
        scope, secret = find(tx, call, request["SecretId"])
        refuse_replica(secret)
        secret.policy = None
        SECRETS.put(tx, scope, secret)
    share(call, scope, secret)
    return {"ARN": arn_of(scope, secret), "Name": secret.name}


@operation(resource=by_secret)
def validate_resource_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ValidateResourcePolicy: well-formed, and not open to everybody."""
    document = _parse(request["ResourcePolicy"])
    if request.get("SecretId"):
        with call.read() as tx:
            find(tx, call, request["SecretId"])
    if not _is_public(document):
        return {"PolicyValidationPassed": True, "ValidationErrors": []}
    problem = {"CheckName": "BlockPublicPolicy", "ErrorMessage": "The policy allows broad access to the secret."}
    return {"PolicyValidationPassed": False, "ValidationErrors": [problem]}


def guard(call: Call, request: Mapping[str, Any]) -> Guard | None:
    """The secret's owner and its policy."""
    name = request.get("SecretId")
    if not name:
        return None
    with call.read() as tx:
        scope, secret = look(tx, call, name)
    return None if secret is None else Guard(scope.account, secret.policy)
