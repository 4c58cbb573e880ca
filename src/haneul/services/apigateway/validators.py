"""Request validators: what of a request is looked at before its integration is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.errors import bad, conflict
from haneul.services.apigateway.paging import page
from haneul.services.apigateway.patching import Rule
from haneul.services.apigateway.state import ITEMS, ROOT, api_of, find, items, new_id, put

_RULES = (
    Rule("/name"),
    Rule("/validateRequestParameters", "replace", patching.boolean),
    Rule("/validateRequestBody", "replace", patching.boolean),
)


@operation(resource=names.resource)
def create_request_validator(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = ITEMS.get(tx, call.scope, "api", ROOT, request["restApiId"])
        if api is None:
            raise bad("Invalid REST API identifier specified")
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
        api = request["restApiId"]
        return find(tx, call.scope, "validator", api, request["requestValidatorId"]).held


@operation(resource=names.resource)
def get_request_validators(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        return page([row.held for row in items(tx, call.scope, "validator", api.id)], request)


@operation(resource=names.resource)
def update_request_validator(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = request["restApiId"]
        row = find(tx, call.scope, "validator", api, request["requestValidatorId"])
        held = dict(row.held)
        patching.apply(held, patching.checked(call, request), _RULES)
        if not held.get("name"):
            raise bad("Request Validator name cannot be blank")
        row.held = held
        ITEMS.put(tx, call.scope, row)
    return row.held


@operation(resource=names.resource)
def delete_request_validator(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = request["restApiId"]
        row = find(tx, call.scope, "validator", api, request["requestValidatorId"])
        for resource in items(tx, call.scope, "resource", api):
            if any(one.get("requestValidatorId") == row.id for one in resource.held["methods"].values()):
                raise conflict(f"Cannot delete request validator '{row.id}', is referenced in method request")
        ITEMS.delete(tx, call.scope, "validator", api, row.id)
    return {}
