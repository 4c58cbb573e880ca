"""APIs: HTTP APIs and WebSocket APIs, and their CORS rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.engines.integrations.sockets import sockets_of
from haneul.service import Call, operation
from haneul.services.apigatewayv2 import integrations, names, routes, stages
from haneul.services.apigatewayv2.deployments import api_changed
from haneul.services.apigatewayv2.errors import bad
from haneul.services.apigatewayv2.paging import page
from haneul.services.apigatewayv2.state import (
    HOUSE,
    ITEMS,
    PLACES,
    ROOT,
    Item,
    Place,
    api_of,
    changed,
    drop_snapshot,
    given,
    items,
    new_id,
    put,
    touched,
)
from haneul.state.store import Reader, Writer

BELOW = ("route", "integration", "authorizer", "deployment", "stage", "model")
_SETTINGS = ("Name", "Description", "Version", "DisableSchemaValidation", "DisableExecuteApiEndpoint",
             "ApiKeySelectionExpression", "RouteSelectionExpression", "CorsConfiguration", "IpAddressType")  # fmt: skip
_KEY_EXPRESSIONS = ("$request.header.x-api-key", "$context.authorizer.usageIdentifierKey")
HTTP_SELECTION = "$request.method $request.path"


def describe(call: Call, row: Item) -> dict[str, Any]:
    """An API as AWS tells of it."""
    scheme = "wss" if row.held["ProtocolType"] == "WEBSOCKET" else "https"
    return {
        "ApiEndpoint": f"{scheme}://{row.id}.execute-api.{call.region}.amazonaws.com",
        "ApiId": row.id,
        "CreatedDate": int(row.created),
        **row.held,
    }


def check(held: Mapping[str, Any]) -> None:
    """Raise BadRequestException for settings that no API may have."""
    is_socket = held["ProtocolType"] == "WEBSOCKET"
    if not 1 <= len(held["Name"]) <= 128:
        raise bad("Invalid API name specified")
    if held["ApiKeySelectionExpression"] not in _KEY_EXPRESSIONS:
        raise bad(f"Invalid apiKeySelectionExpression: {held['ApiKeySelectionExpression']}")
    if is_socket:
        if not held.get("RouteSelectionExpression"):
            raise bad("RouteSelectionExpression is a required field for WebSocket protocol type")
        if held.get("CorsConfiguration"):
            raise bad("CORS configuration is not supported for WebSocket protocol type")
    elif held["RouteSelectionExpression"] not in (HTTP_SELECTION, "${request.method} ${request.path}"):
        raise bad(f"RouteSelectionExpression must be set to {HTTP_SELECTION} for HTTP protocol type")
    _check_cors(held.get("CorsConfiguration") or {})


def _check_cors(cors: Mapping[str, Any]) -> None:
    if cors.get("AllowCredentials") and "*" in (cors.get("AllowOrigins") or ()):
        raise bad("Wildcard not allowed as an AllowOrigin when AllowCredentials is enabled.")
    for origin in cors.get("AllowOrigins") or ():
        if not re.fullmatch(r"\*|(https?|[a-z][a-z0-9+.\-]*)://[^/\s]+", origin):
            raise bad(f"Invalid format for origin {origin}. Origins must contain scheme and hostname")
    for method in cors.get("AllowMethods") or ():
        if method != "*" and method not in names.METHODS[:-1]:
            raise bad(f"Invalid HTTP method {method} specified in AllowMethods")
    if not -1 <= (cors.get("MaxAge") or 0) <= 86400:
        raise bad("MaxAge must be between -1 and 86400")


def settings(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a new API is, given the members of CreateApi. Raises BadRequestException."""
    held = given(request, "ProtocolType", *_SETTINGS)
    is_socket = held["ProtocolType"] == "WEBSOCKET"
    held.setdefault("ApiKeySelectionExpression", _KEY_EXPRESSIONS[0])
    if not is_socket:
        held.setdefault("RouteSelectionExpression", HTTP_SELECTION)
        held.pop("DisableSchemaValidation", None)
    held.setdefault("DisableExecuteApiEndpoint", False)
    held.setdefault("IpAddressType", "ipv4")
    if held.get("CorsConfiguration"):
        held["CorsConfiguration"] = {"AllowCredentials": False, **held["CorsConfiguration"]}
    held["Tags"] = dict(request.get("Tags") or {})
    check(held)
    return held


def create(tx: Writer, call: Call, held: dict[str, Any]) -> Item:
    """A new API. A tag _custom_id_ names its id (LocalStack's habit)."""
    wanted = held["Tags"].pop("_custom_id_", "")
    if wanted and (not re.fullmatch(r"[a-z0-9\-]{1,63}", wanted) or PLACES.get(tx, HOUSE, wanted) is not None):
        raise bad(f"The API id {wanted} can't be had: it is taken, or no label of a host name")
    identity = wanted or next(one for one in (new_id(10) for _ in range(99)) if PLACES.get(tx, HOUSE, one) is None)
    row = put(tx, call.scope, "api", ROOT, identity, held, call.now())
    PLACES.put(tx, HOUSE, Place(id=identity, account=call.scope.account, region=call.scope.region))
    return row


def _quick(tx: Writer, call: Call, row: Item, request: Mapping[str, Any]) -> None:
    """Quick create: one integration, one route that leads there and a stage that deploys by itself."""
    target = request["Target"]
    asked: dict[str, Any] = {"IntegrationUri": target}
    if target.startswith("arn:"):
        asked |= {"IntegrationType": "AWS_PROXY", "IntegrationMethod": "POST", "PayloadFormatVersion": "2.0"}
    else:
        asked |= {"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "ANY", "PayloadFormatVersion": "1.0"}
    if request.get("CredentialsArn"):
        asked["CredentialsArn"] = request["CredentialsArn"]
    managed = {"ApiGatewayManaged": True}
    held = integrations.settings(row, asked) | managed
    integration = put(tx, call.scope, "integration", row.id, new_id(), held, call.now())
    wanted = {"RouteKey": request.get("RouteKey") or "$default", "Target": f"integrations/{integration.id}"}
    put(tx, call.scope, "route", row.id, new_id(), routes.settings(tx, call, row, wanted) | managed, call.now())
    stage = stages.settings({"AutoDeploy": True}, "HTTP", call.now()) | managed
    put(tx, call.scope, "stage", row.id, "$default", stage, call.now())


@operation(resource=names.resource)
def create_api(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateApi, with `Target` the quick way. Raises BadRequestException."""
    if request.get("Target") and request["ProtocolType"] == "WEBSOCKET":
        raise bad("Target is not supported for WebSocket protocol type")
    if request.get("RouteKey") and not request.get("Target"):
        raise bad("Target is required when RouteKey is specified")
    held = settings(request)
    with call.write() as tx:
        row = create(tx, call, held)
        if request.get("Target"):
            _quick(tx, call, row, request)
            api_changed(tx, call, row)
    return describe(call, row)


@operation(resource=names.resource)
def get_api(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return describe(call, api_of(tx, call, request))


@operation(resource=names.resource)
def get_apis(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        rows = items(tx, call.scope, "api")
    return page([describe(call, row) for row in rows], request)


@operation(resource=names.resource)
def update_api(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = api_of(tx, call, request)
        held = changed(row.held, request, *_SETTINGS)
        if request.get("CorsConfiguration"):
            held["CorsConfiguration"] = {"AllowCredentials": False, **request["CorsConfiguration"]}
        check(held)
        row.held = held
        ITEMS.put(tx, call.scope, row)
        if any(request.get(key) is not None for key in ("Target", "RouteKey", "CredentialsArn")):
            _update_quick(tx, call, row, request)
        api_changed(tx, call, row)
    return describe(call, row)


def _update_quick(tx: Writer, call: Call, row: Item, request: Mapping[str, Any]) -> None:
    """What UpdateApi says of a quick-created API's own integration and route. Raises BadRequestException."""
    route, ours = (
        next((one for one in items(tx, call.scope, kind, row.id) if one.held.get("ApiGatewayManaged")), None)
        for kind in ("route", "integration")
    )
    if route is None or ours is None:
        raise bad("Quick create parameters can only be updated on an API that was created by quick create")
    if request.get("RouteKey"):
        routes.check_key(tx, call, row, request["RouteKey"], route.id)
        route.held = route.held | {"RouteKey": request["RouteKey"]}
        ITEMS.put(tx, call.scope, route)
    if request.get("Target"):
        is_function = request["Target"].startswith("arn:")
        if is_function != (ours.held["IntegrationType"] == "AWS_PROXY"):
            raise bad("The type of a quick create target can't be changed")
        ours.held = ours.held | {"IntegrationUri": request["Target"]}
    ours.held = changed(ours.held, request, "CredentialsArn")
    ITEMS.put(tx, call.scope, ours)


def clear(tx: Writer, call: Call, api: str) -> None:
    """Remove the API's routes and what they lead to."""
    for row in items(tx, call.scope, "route", api):
        ITEMS.delete_all(tx, call.scope, "route-response", row.id)
    for row in items(tx, call.scope, "integration", api):
        ITEMS.delete_all(tx, call.scope, "integration-response", row.id)
    for kind in ("route", "integration", "authorizer", "model"):
        ITEMS.delete_all(tx, call.scope, kind, api)


@operation(resource=names.resource)
def delete_api(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteApi. Raises BadRequestException while a domain name leads to it."""
    with call.write() as tx:
        row = api_of(tx, call, request)
        mapped = _mapped(tx, call, row.id)
        if mapped:
            raise bad(
                "Please remove all base path mappings related to the API in your domains: "
                f"[{', '.join(mapped)}] before deleting it"
            )
        for one in items(tx, call.scope, "deployment", row.id):
            drop_snapshot(tx, row.id, one.id)
        clear(tx, call, row.id)
        for kind in BELOW:
            ITEMS.delete_all(tx, call.scope, kind, row.id)
        ITEMS.delete(tx, call.scope, "api", ROOT, row.id)
        PLACES.delete(tx, HOUSE, row.id)
        touched(tx, row.id)
    call.cloud.loop.call_soon_threadsafe(sockets_of(call.cloud).part, row.id)
    return {}


def _mapped(tx: Reader, call: Call, api: str) -> list[str]:
    return [
        domain.id
        for domain in items(tx, call.scope, "domain")
        if any(one.held["ApiId"] == api for one in items(tx, call.scope, "mapping", domain.id))
    ]


@operation(resource=names.resource)
def delete_cors_configuration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = api_of(tx, call, request)
        row.held = {key: value for key, value in row.held.items() if key != "CorsConfiguration"}
        ITEMS.put(tx, call.scope, row)
        api_changed(tx, call, row)
    return {}
