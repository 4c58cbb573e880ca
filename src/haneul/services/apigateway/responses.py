"""Gateway responses: what a caller is told when no integration answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.errors import bad, errors
from haneul.services.apigateway.methods import copy
from haneul.services.apigateway.paging import page
from haneul.services.apigateway.patching import Rule
from haneul.services.apigateway.plane.refusals import STATUSES, TEMPLATES
from haneul.services.apigateway.state import ITEMS, Item, api_of, items, put
from haneul.wire.errors import AwsError

_RULES = (
    Rule("/statusCode", "add replace remove"),
    Rule("/responseParameters/{}", "add replace remove"),
    Rule("/responseTemplates/{}", "add replace remove"),
)


def _default(kind: str) -> dict[str, Any]:
    told: dict[str, Any] = {"responseType": kind, "defaultResponse": True, "responseParameters": {}}
    if STATUSES[kind]:
        told["statusCode"] = str(STATUSES[kind])
    return told | {"responseTemplates": dict(TEMPLATES)}


def _describe(row: Item) -> dict[str, Any]:
    return {"responseType": row.id, "defaultResponse": False} | row.held


@operation(resource=names.resource)
def put_gateway_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        kind = request["responseType"]
        if kind not in STATUSES:
            raise AwsError(
                "ValidationException",
                f"1 validation error detected: Value '{kind}' at 'responseType' failed to satisfy constraint: Member "
                f"must satisfy enum value set: [{', '.join(sorted(STATUSES))}]",
            )
        held: dict[str, Any] = {
            "responseParameters": dict(request.get("responseParameters") or {}),
            "responseTemplates": dict(request.get("responseTemplates") or TEMPLATES),
        }
        status = request.get("statusCode") or (str(STATUSES[kind]) if STATUSES[kind] else None)
        if status is not None:
            held["statusCode"] = status
        for name in held["responseParameters"]:
            if not name.startswith("gatewayresponse.header."):
                raise bad(f"Invalid response parameter specified: {name}")
        row = put(tx, call.scope, "response", api.id, kind, held, call.now())
    return _describe(row)


@operation(resource=names.resource)
def get_gateway_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    kind = request["responseType"]
    with call.read() as tx:
        api = api_of(tx, call, request)
        if kind not in STATUSES:
            raise errors.NotFoundException("Invalid gateway response type specified")
        row = ITEMS.get(tx, call.scope, "response", api.id, kind)
    return _default(kind) if row is None else _describe(row)


@operation(resource=names.resource)
def get_gateway_responses(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        known = {row.id: _describe(row) for row in items(tx, call.scope, "response", api.id)}
    return page([known.get(kind) or _default(kind) for kind in STATUSES], request)


@operation(resource=names.resource)
def update_gateway_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    kind = request["responseType"]
    with call.write() as tx:
        api = api_of(tx, call, request)
        if kind not in STATUSES:
            raise errors.NotFoundException("Invalid gateway response type specified")
        row = ITEMS.get(tx, call.scope, "response", api.id, kind)
        held = copy(row.held) if row is not None else _default(kind)
        held.pop("responseType", None)
        held.pop("defaultResponse", None)
        patching.apply(held, request.get("patchOperations"), _RULES)
        row = put(tx, call.scope, "response", api.id, kind, held, call.now())
    return _describe(row)


@operation(resource=names.resource)
def delete_gateway_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        if ITEMS.get(tx, call.scope, "response", api.id, request["responseType"]) is None:
            raise errors.NotFoundException("Gateway response type not defined on api")
        ITEMS.delete(tx, call.scope, "response", api.id, request["responseType"])
    return {}
