"""Key policies, and the guard that the gate asks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Guard, operation
from haneul.services.kms.errors import errors
from haneul.services.kms.grants import grants_call
from haneul.services.kms.keys import change, check_policy, refuse_managed
from haneul.services.kms.lookup import by_key, find, look
from haneul.services.kms.plane import ciphers
from haneul.services.kms.state import PENDING_DELETION
from haneul.wire.errors import AwsError


@operation(resource=by_key)
def get_key_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetKeyPolicy. There is one, and its name is default."""
    key = find(call, request["KeyId"], aliases=False)
    _check_name(request.get("PolicyName"))
    return {"Policy": key.policy, "PolicyName": "default"}


def _check_name(name: str | None) -> None:
    if name not in (None, "default"):
        raise errors.NotFoundException("No such policy exists")


@operation(resource=by_key)
def put_key_policy(call: Call, request: Mapping[str, Any]) -> None:
    """PutKeyPolicy."""
    key = find(call, request["KeyId"], aliases=False)
    _check_name(request.get("PolicyName"))
    refuse_managed(key)
    if key.state == PENDING_DELETION:
        raise errors.KMSInvalidStateException(f"{key.arn} is pending deletion.")
    check_policy(request["Policy"])
    change(call, key, policy=request["Policy"])


@operation(resource=by_key)
def list_key_policies(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListKeyPolicies."""
    find(call, request["KeyId"], aliases=False)
    return {"PolicyNames": ["default"], "Truncated": False}


def guard(call: Call, request: Mapping[str, Any]) -> Guard | None:
    """The key's owner and its policy, with a word more when a grant lets the caller in."""
    name = request.get("KeyId") or request.get("TargetKeyId") or request.get("DestinationKeyId")
    try:
        if name is None:
            blob = request.get("CiphertextBlob")
            if not blob:
                return None
            header = ciphers.header_of(blob)
            name = f"arn:aws:kms:{call.region}:{header.account}:key/{header.key}"
        with call.read() as tx:
            key = look(tx, call, name)
            if key is None:
                return None
            granted = grants_call(tx, call, key, request)
    except (AwsError, ciphers.Unreadable):
        return None
    return Guard(key.account, _with_grant(call, key.policy) if granted else key.policy)


def _with_grant(call: Call, policy: str) -> str:
    """A grant allows its principal by name, as a statement of the key policy would."""
    document = json.loads(policy)
    statements = document.get("Statement") or []
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": call.principal.arn},
        "Action": ["kms:ReEncryptFrom", "kms:ReEncryptTo"]
        if call.operation == "ReEncrypt"
        else f"kms:{call.operation}",
        "Resource": "*",
    }
    known = statements if isinstance(statements, list) else [statements]
    return json.dumps({**document, "Statement": [*known, statement]})
