"""Field index policies: kept and told. An index only makes a query cheaper, never another answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.logs import names
from haneul.services.logs.errors import invalid
from haneul.services.logs.state import GROUPS, Group

MOST_FIELDS = 20
LONGEST_FIELD = 100


def _check(document: str) -> None:
    """Refuse a document that names no fields, too many, or too long ones."""
    try:
        policy = json.loads(document)
    except ValueError:
        policy = None
    if not isinstance(policy, dict) or not policy.keys() & {"Fields", "FieldsV2"}:
        raise invalid("The policy document is not valid JSON, or names no fields.")
    plain, typed = policy.get("Fields", []), policy.get("FieldsV2", {})
    if not isinstance(plain, list) or not isinstance(typed, dict):
        raise invalid("Fields must be a list, and FieldsV2 a map.")
    fields = {*map(str, plain), *typed}
    if not 1 <= len(fields) <= MOST_FIELDS:
        raise invalid(f"An index policy holds between 1 and {MOST_FIELDS} fields.")
    if any(not field or len(field) > LONGEST_FIELD for field in fields):
        raise invalid(f"A field's name holds between 1 and {LONGEST_FIELD} characters.")


def _describe(group: Group, arn: str) -> dict[str, Any]:
    return {
        "logGroupIdentifier": arn,
        "lastUpdateTime": group.indexed,
        "policyDocument": group.index,
        "source": "LOG_GROUP",
    }


@operation(resource=names.by_group)
def put_index_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutIndexPolicy: one of a log group, in place of what was there."""
    name, document = names.name_of(request["logGroupIdentifier"]), request["policyDocument"]
    _check(document)
    with call.write() as tx:
        group = names.find(tx, call.scope, name)
        if group.kind != "STANDARD":
            raise invalid("Index policies are supported only on log groups of the Standard class.")
        group.index, group.indexed = document, names.millis(call)
        GROUPS.put(tx, call.scope, group)
    return {"indexPolicy": _describe(group, names.group_arn(call.scope, name))}


@operation(resource=names.by_group)
def delete_index_policy(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteIndexPolicy: without one there is nothing to do."""
    with call.write() as tx:
        group = names.find(tx, call.scope, names.name_of(request["logGroupIdentifier"]))
        if group.index is not None:
            group.index = group.indexed = None
            GROUPS.put(tx, call.scope, group)


@operation()
def describe_index_policies(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeIndexPolicies of the log groups named."""
    with call.read() as tx:
        groups = [names.find(tx, call.scope, names.name_of(given)) for given in request["logGroupIdentifiers"]]
    return {
        "indexPolicies": [
            _describe(group, names.group_arn(call.scope, group.name)) for group in groups if group.index is not None
        ]
    }
