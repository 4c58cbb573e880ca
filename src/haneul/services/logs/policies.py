"""Resource policies of the account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.logs import names
from haneul.services.logs.errors import errors, invalid
from haneul.services.logs.state import POLICIES, Policy

MOST = 10


def _describe(row: Policy) -> dict[str, Any]:
    return {"policyName": row.name, "policyDocument": row.document, "lastUpdatedTime": row.modified}


@operation()
def put_resource_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutResourcePolicy: at most ten of a region."""
    name, document = request.get("policyName"), request.get("policyDocument")
    if not name or not document:
        raise invalid("policyName and policyDocument must be specified.")
    try:
        json.loads(document)
    except ValueError:
        raise invalid("The policy document is not valid JSON.") from None
    with call.write() as tx:
        known = [row.name for row in POLICIES.scan(tx, call.scope)]
        if name not in known and len(known) >= MOST:
            raise errors.LimitExceededException("Resource limit exceeded.")
        row = Policy(name=name, document=document, modified=names.millis(call))
        POLICIES.put(tx, call.scope, row)
    return {"resourcePolicy": _describe(row)}


@operation()
def describe_resource_policies(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeResourcePolicies."""
    with call.read() as tx:
        rows = list(POLICIES.scan(tx, call.scope))
    page, more = names.page(rows, request, lambda row: row.name, request.get("limit") or 50)
    return {"resourcePolicies": [_describe(row) for row in page], **more}


@operation()
def delete_resource_policy(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteResourcePolicy."""
    with call.write() as tx:
        if POLICIES.get(tx, call.scope, request.get("policyName") or "") is None:
            raise errors.ResourceNotFoundException(f"Policy with name [{request.get('policyName')}] does not exist")
        POLICIES.delete(tx, call.scope, request["policyName"])
