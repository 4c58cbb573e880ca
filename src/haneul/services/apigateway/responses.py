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
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

_KINDS = (
    "REQUEST_TOO_LARGE, RESOURCE_NOT_FOUND, AUTHORIZER_CONFIGURATION_ERROR, MISSING_AUTHENTICATION_TOKEN, "
    "BAD_REQUEST_BODY, INVALID_SIGNATURE, INVALID_API_KEY, BAD_REQUEST_PARAMETERS, AUTHORIZER_FAILURE, UNAUTHORIZED, "
    "INTEGRATION_TIMEOUT, ACCESS_DENIED, DEFAULT_4XX, DEFAULT_5XX, WAF_FILTERED, QUOTA_EXCEEDED, THROTTLED, "
    "API_CONFIGURATION_ERROR, UNSUPPORTED_MEDIA_TYPE, INTEGRATION_FAILURE, EXPIRED_TOKEN"
)
_RULES = (
    Rule("/statusCode"),
    Rule("/responseParameters/{}", "add replace remove"),
    Rule("/responseTemplates/{}", "add replace remove"),
)


def _default(kind: str, tx: Reader, call: Call, api: str) -> dict[str, Any]:
    """A response that nobody set: AWS's, or that of its family."""
    told: dict[str, Any] = {"responseType": kind, "defaultResponse": True, "responseParameters": {}}
    if STATUSES[kind]:
        told["statusCode"] = str(STATUSES[kind])
        family = ITEMS.get(tx, call.scope, "response", api, "DEFAULT_4XX" if STATUSES[kind] < 500 else "DEFAULT_5XX")
        if family is not None:
            return told | {"responseTemplates": dict(TEMPLATES)} | family.held
    return told | {"responseTemplates": dict(TEMPLATES)}


def _check_kind(kind: str) -> None:
    if kind not in STATUSES:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{kind}' at 'responseType' failed to satisfy constraint: Member must "
            f"satisfy enum value set: [{_KINDS}]",
        )


def _describe(row: Item) -> dict[str, Any]:
    return {"responseType": row.id, "defaultResponse": False} | row.held


@operation(resource=names.resource)
def put_gateway_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        kind = request["responseType"]
        _check_kind(kind)
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
        _check_kind(kind)
        row = ITEMS.get(tx, call.scope, "response", api.id, kind)
        return _default(kind, tx, call, api.id) if row is None else _describe(row)


@operation(resource=names.resource)
def get_gateway_responses(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        known = {row.id: _describe(row) for row in items(tx, call.scope, "response", api.id)}
        found = [known.get(kind) or _default(kind, tx, call, api.id) for kind in STATUSES]
    return page(found, request)


@operation(resource=names.resource)
def update_gateway_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    kind = request["responseType"]
    with call.write() as tx:
        api = api_of(tx, call, request)
        _check_kind(kind)
        row = ITEMS.get(tx, call.scope, "response", api.id, kind)
        held = copy(row.held) if row is not None else _default(kind, tx, call, api.id)
        held.pop("responseType", None)
        held.pop("defaultResponse", None)
        for one in patching.checked(call, request):
            path = one.get("path") or ""
            if path == "/statusCode" and one.get("op") in ("add", "remove"):
                raise bad(f"Invalid patch path {path}")
            if one.get("op") in ("add", "replace") and path.count("/") == 2 and not one.get("value"):
                raise bad(f"Invalid null or empty value in {path.split('/')[1]}")
            patching.apply(held, [one], _RULES, plain=True)
        row = put(tx, call.scope, "response", api.id, kind, held, call.now())
    return _describe(row)


@operation(resource=names.resource)
def delete_gateway_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        _check_kind(request["responseType"])
        if ITEMS.get(tx, call.scope, "response", api.id, request["responseType"]) is None:
            raise errors.NotFoundException("Gateway response type not defined on api")
        ITEMS.delete(tx, call.scope, "response", api.id, request["responseType"])
    return {}
