"""Request validators: what of a request is looked at before its integration is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.errors import conflict
from haneul.services.apigateway.paging import page
from haneul.services.apigateway.patching import Rule
from haneul.services.apigateway.state import ITEMS, api_of, find, items, new_id, put

_RULES = (
    Rule("/name"),
    Rule("/validateRequestBody", "replace", patching.boolean),
    Rule("/validateRequestParameters", "replace", patching.boolean),
)


@operation(resource=names.resource)
def create_request_validator(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        held: dict[str, Any] = {
            "id": new_id(),
            "name": request.get("name"),
            "validateRequestBody": bool(request.get("validateRequestBody")),
            "validateRequestParameters": bool(request.get("validateRequestParameters")),
        }
        put(tx, call.scope, "validator", api.id, held["id"], held, call.now())
    return held


@operation(resource=names.resource)
def get_request_validator(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        return find(tx, call.scope, "validator", api.id, request["requestValidatorId"]).held


@operation(resource=names.resource)
def get_request_validators(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        return page([row.held for row in items(tx, call.scope, "validator", api.id)], request)


@operation(resource=names.resource)
def update_request_validator(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "validator", api.id, request["requestValidatorId"])
        held = dict(row.held)
        patching.apply(held, request.get("patchOperations"), _RULES)
        row.held = held
        ITEMS.put(tx, call.scope, row)
    return row.held


@operation(resource=names.resource)
def delete_request_validator(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "validator", api.id, request["requestValidatorId"])
        for resource in items(tx, call.scope, "resource", api.id):
            if any(one.get("requestValidatorId") == row.id for one in resource.held["methods"].values()):
                raise conflict(f"Cannot delete request validator '{row.id}', is referenced in method request")
        ITEMS.delete(tx, call.scope, "validator", api.id, row.id)
    return {}
