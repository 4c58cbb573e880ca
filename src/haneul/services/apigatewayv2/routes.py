"""Routes: what a request's method and path (or a message's action) lead to; and their responses (WebSocket)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigatewayv2 import names
from haneul.services.apigatewayv2.deployments import api_changed
from haneul.services.apigatewayv2.errors import bad, conflict, errors
from haneul.services.apigatewayv2.paging import page
from haneul.services.apigatewayv2.state import ITEMS, Item, api_of, changed, find, given, items, new_id, put
from haneul.state.store import Reader, Writer

_SETTINGS = ("RouteKey", "Target", "AuthorizationType", "AuthorizerId", "AuthorizationScopes", "ApiKeyRequired",
             "OperationName", "RequestParameters", "RequestModels", "ModelSelectionExpression",
             "RouteResponseSelectionExpression")  # fmt: skip
_SOCKET_ONLY = ("RequestModels", "ModelSelectionExpression", "RouteResponseSelectionExpression", "RequestParameters")
_ANSWER = ("RouteResponseKey", "ModelSelectionExpression", "ResponseModels", "ResponseParameters")
_KEY = re.compile(rf"({'|'.join(names.METHODS)}) (/\S*)")
_PART = re.compile(r"[^{}]*|\{[A-Za-z0-9._\-:]+\+?\}")


def describe(row: Item) -> dict[str, Any]:
    return {"RouteId": row.id, **row.held}


def check_form(api: Item, key: str) -> None:
    """Raise for a route key that no route may have."""
    if api.held["ProtocolType"] == "HTTP" and key != "$default":
        found = _KEY.fullmatch(key)
        if found is None:
            raise bad(
                "The provided route key is not formatted properly for HTTP protocol. Format should be "
                '"<HTTP METHOD> /<RESOURCE PATH>" or "$default"'
            )
        parts = found.group(2)[1:].split("/")
        if not all(_PART.fullmatch(part) for part in parts) or any("+}" in part for part in parts[:-1]):
            raise bad(
                "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at "
                "the beginning and the end."
            )
    if not key or len(key) > 512:
        raise bad("Invalid route key specified")


def check_key(tx: Reader, call: Call, api: Item, key: str, own: str = "") -> None:
    """Raise for a route key that no route may have, or that another one has."""
    check_form(api, key)
    if any(row.held["RouteKey"] == key and row.id != own for row in ITEMS.scan(tx, call.scope, "route", api.id)):
        raise conflict(f"Route with key {key} already exists for this API")


def _check(tx: Reader, call: Call, api: Item, held: dict[str, Any]) -> None:
    """Raise for a route that leads nowhere or asks for a guard that there isn't."""
    is_socket = api.held["ProtocolType"] == "WEBSOCKET"
    target = held.get("Target")
    if target:
        kind, _, identity = target.partition("/")
        if kind != "integrations" or ITEMS.get(tx, call.scope, "integration", api.id, identity) is None:
            raise errors.NotFoundException(f"Invalid Integration identifier specified {identity or target}")
    how = held["AuthorizationType"]
    if is_socket and how not in ("NONE", "AWS_IAM", "CUSTOM"):
        raise bad(f"Authorization type {how} is not supported for WEBSOCKET protocol type")
    if is_socket and how != "NONE" and held["RouteKey"] != "$connect":
        raise bad("Currently, authorization is restricted to the $connect route only")
    if not is_socket and held.get("ApiKeyRequired"):
        raise bad("ApiKeyRequired is not currently supported for HTTP APIs")
    if not is_socket and any(held.get(key) for key in _SOCKET_ONLY):
        raise bad(f"{next(key for key in _SOCKET_ONLY if held.get(key))} is not supported for HTTP protocol type")
    if how in ("CUSTOM", "JWT"):
        guard = ITEMS.get(tx, call.scope, "authorizer", api.id, held.get("AuthorizerId") or "")
        if guard is None or (guard.held["AuthorizerType"] == "JWT") != (how == "JWT"):
            raise bad(f"Invalid authorizer ID specified for authorization type {how}")
    else:
        held.pop("AuthorizerId", None)
    if held.get("AuthorizationScopes") and how != "JWT":
        raise bad("Authorization scopes are only supported for JWT authorization type")
    if not held.get("AuthorizationScopes"):
        held.pop("AuthorizationScopes", None)


def settings(
    tx: Reader, call: Call, api: Item, request: Mapping[str, Any], known: set[str] | None = None
) -> dict[str, Any]:
    """A new route, given the members of CreateRoute. known: the keys that the API has, where the caller keeps them."""
    held = given(request, *_SETTINGS)
    held.setdefault("AuthorizationType", "NONE")
    held.setdefault("ApiKeyRequired", False)
    if known is None:
        check_key(tx, call, api, held["RouteKey"])
    else:
        check_form(api, held["RouteKey"])
        if held["RouteKey"] in known:
            raise conflict(f"Route with key {held['RouteKey']} already exists for this API")
        known.add(held["RouteKey"])
    _check(tx, call, api, held)
    return held


@operation(resource=names.resource)
def create_route(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateRoute. Raises ConflictException for a key that is taken."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = put(tx, call.scope, "route", api.id, new_id(), settings(tx, call, api, request), call.now())
        api_changed(tx, call, api)
    return describe(row)


@operation(resource=names.resource)
def get_route(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return describe(find(tx, call.scope, "route", api_of(tx, call, request).id, request["RouteId"]))


@operation(resource=names.resource)
def get_routes(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        rows = items(tx, call.scope, "route", api_of(tx, call, request).id)
    return page([describe(row) for row in rows], request)


@operation(resource=names.resource)
def update_route(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "route", api.id, request["RouteId"])
        if row.held.get("ApiGatewayManaged") and request.get("RouteKey") not in (None, row.held["RouteKey"]):
            raise bad("Cannot update the route key of a managed route")
        held = changed(row.held, request, *_SETTINGS)
        check_key(tx, call, api, held["RouteKey"], row.id)
        _check(tx, call, api, held)
        row.held = held
        ITEMS.put(tx, call.scope, row)
        api_changed(tx, call, api)
    return describe(row)


@operation(resource=names.resource)
def delete_route(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "route", api.id, request["RouteId"])
        _forget_settings(tx, call, api, row)
        ITEMS.delete_all(tx, call.scope, "route-response", row.id)
        ITEMS.delete(tx, call.scope, "route", api.id, row.id)
        api_changed(tx, call, api)
    return {}


def _forget_settings(tx: Writer, call: Call, api: Item, row: Item) -> None:
    """Stages keep no settings of a route that is gone."""
    for stage in items(tx, call.scope, "stage", api.id):
        if row.held["RouteKey"] in stage.held["RouteSettings"]:
            kept = {key: value for key, value in stage.held["RouteSettings"].items() if key != row.held["RouteKey"]}
            stage.held = stage.held | {"RouteSettings": kept}
            ITEMS.put(tx, call.scope, stage)


@operation(resource=names.resource)
def delete_route_request_parameter(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "route", api.id, request["RouteId"])
        kept = dict(row.held.get("RequestParameters") or {})
        if kept.pop(request["RequestParameterKey"], None) is None:
            raise errors.NotFoundException(f"Invalid RequestParameter specified {request['RequestParameterKey']}")
        row.held = row.held | {"RequestParameters": kept}
        ITEMS.put(tx, call.scope, row)
        api_changed(tx, call, api)
    return {}


# Responses of routes (WebSocket)


def _describe_response(row: Item) -> dict[str, Any]:
    return {"RouteResponseId": row.id, **row.held}


@operation(resource=names.resource)
def create_route_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateRouteResponse. AWS knows one key, $default, and no HTTP API has any."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        route = find(tx, call.scope, "route", api.id, request["RouteId"])
        if api.held["ProtocolType"] == "HTTP":
            raise bad("Route responses are not supported for HTTP protocol Api")
        held = given(request, *_ANSWER)
        if held["RouteResponseKey"] != "$default":
            raise bad("Only $default is supported as a route response key")
        if items(tx, call.scope, "route-response", route.id):
            raise conflict(f"Route response with key {held['RouteResponseKey']} already exists for this route")
        row = put(tx, call.scope, "route-response", route.id, new_id(6), held, call.now())
        api_changed(tx, call, api)
    return _describe_response(row)


@operation(resource=names.resource)
def get_route_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return _describe_response(_response(tx, call, request))


def _response(tx: Reader, call: Call, request: Mapping[str, Any]) -> Item:
    route = find(tx, call.scope, "route", api_of(tx, call, request).id, request["RouteId"])
    return find(tx, call.scope, "route-response", route.id, request["RouteResponseId"])


@operation(resource=names.resource)
def get_route_responses(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        route = find(tx, call.scope, "route", api_of(tx, call, request).id, request["RouteId"])
        rows = items(tx, call.scope, "route-response", route.id)
    return page([_describe_response(row) for row in rows], request)


@operation(resource=names.resource)
def update_route_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = _response(tx, call, request)
        row.held = changed(row.held, request, *_ANSWER)
        if row.held["RouteResponseKey"] != "$default":
            raise bad("Only $default is supported as a route response key")
        ITEMS.put(tx, call.scope, row)
        api_changed(tx, call, api)
    return _describe_response(row)


@operation(resource=names.resource)
def delete_route_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = _response(tx, call, request)
        ITEMS.delete(tx, call.scope, "route-response", row.parent, row.id)
        api_changed(tx, call, api)
    return {}
