"""Resource policies of tables and streams, kept on the row, and asked by the gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from haneul.service import Call, Guard, Scope, operation
from haneul.services.dynamodb import memory
from haneul.services.dynamodb.errors import errors, invalid
from haneul.services.dynamodb.names import parse_arn
from haneul.services.dynamodb.state import TABLES, TableRow
from haneul.state.store import Reader

LIMIT = 20 * 1024


def attach(call: Call, row: TableRow, policy: str) -> None:
    """Put a policy on the row. Raises ValidationException."""
    if len(policy.encode()) > LIMIT:
        raise invalid("Policy size exceeds the maximum allowed size of 20480 bytes")
    try:
        document = orjson.loads(policy)
    except ValueError:
        raise invalid("Policy is not a valid JSON document") from None
    if not isinstance(document, dict) or "Statement" not in document:
        raise invalid("The policy document is malformed: it has no Statement")
    row.policy = policy
    row.policy_revision = str(max(int(call.now() * 1000), int(row.policy_revision or 0) + 1))


def _located(call: Call, request: Mapping[str, Any]) -> tuple[Scope, str]:
    found = parse_arn(request["ResourceArn"])
    if found is None:
        raise invalid(f"Invalid ResourceArn: {request['ResourceArn']}")
    return found[0], found[1]


def _row(tx: Reader, scope: Scope, name: str) -> TableRow:
    row = TABLES.get(tx, scope, name)
    if row is None:
        raise errors.ResourceNotFoundException(f"Requested resource not found: Table: {name} not found")
    return row


def _expect(row: TableRow, revision: str | None) -> None:
    if revision is None:
        return
    if revision == "NO_POLICY":
        if row.policy is None:
            return
    elif revision == row.policy_revision:
        return
    table = row.name
    if revision == "NO_POLICY":
        why = f"Requested policy update expecting none to be present for table {table}, but a policy exists with "
        why += f"revision id {row.policy_revision}."
    else:
        why = f"Requested update for policy with revision id {revision}, but the policy associated to target table "
        why += f"{table} has revision id {row.policy_revision}."
    raise errors.PolicyNotFoundException(f"Resource-based policy not found for the provided ResourceArn: {why}")


@operation(resource="{ResourceArn}")
def put_resource_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutResourcePolicy. Raises PolicyNotFoundException, ResourceNotFoundException, ValidationException."""
    scope, name = _located(call, request)
    with memory.of(call.cloud).changing(scope, name), call.write() as tx:
        row = _row(tx, scope, name)
        _expect(row, request.get("ExpectedRevisionId"))
        if row.policy != request["Policy"]:
            attach(call, row, request["Policy"])
            TABLES.put(tx, scope, row)
    return {"RevisionId": row.policy_revision}


@operation(resource="{ResourceArn}")
def get_resource_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetResourcePolicy. Raises PolicyNotFoundException, ResourceNotFoundException."""
    scope, name = _located(call, request)
    with call.read() as tx:
        row = _row(tx, scope, name)
    if row.policy is None:
        raise errors.PolicyNotFoundException(
            f"Resource-based policy not found for the provided ResourceArn: {request['ResourceArn']}"
        )
    return {"Policy": row.policy, "RevisionId": row.policy_revision}


@operation(resource="{ResourceArn}")
def delete_resource_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteResourcePolicy. Raises PolicyNotFoundException, ResourceNotFoundException."""
    scope, name = _located(call, request)
    with memory.of(call.cloud).changing(scope, name), call.write() as tx:
        row = _row(tx, scope, name)
        _expect(row, request.get("ExpectedRevisionId"))
        revision = row.policy_revision if row.policy is not None else None
        row.policy = row.policy_revision = None
        TABLES.put(tx, scope, row)
    return {"RevisionId": revision}


def guard(call: Call, request: Mapping[str, Any]) -> Guard | None:
    """What a table says about who may use it. Tables of other accounts are named by ARN."""
    name = request.get("TableName") or ""
    scope = call.scope
    if name.startswith("arn:"):
        found = parse_arn(name)
        if found is None:
            return None
        scope, name, _ = found
    if not name:
        return None
    if scope == call.scope and not call.cloud.config.iam_enforced:
        return None
    with call.read() as tx:
        schema = memory.of(call.cloud).schema(tx, scope, name)
    return Guard(scope.account, None if schema is None else schema.row.policy)
