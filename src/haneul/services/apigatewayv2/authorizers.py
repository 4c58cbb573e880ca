"""Authorizers: JSON web tokens of an issuer (HTTP APIs), or a Lambda function's verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from haneul.service import Call, operation
from haneul.services.apigatewayv2 import names
from haneul.services.apigatewayv2.deployments import api_changed
from haneul.services.apigatewayv2.errors import bad, conflict
from haneul.services.apigatewayv2.paging import page
from haneul.services.apigatewayv2.state import ITEMS, Item, api_of, changed, find, given, items, new_id, put
from haneul.state.store import Reader

_SETTINGS = ("AuthorizerCredentialsArn", "AuthorizerPayloadFormatVersion", "AuthorizerResultTtlInSeconds",
             "AuthorizerType", "AuthorizerUri", "EnableSimpleResponses", "IdentitySource",
             "IdentityValidationExpression", "JwtConfiguration", "Name")  # fmt: skip


def describe(row: Item) -> dict[str, Any]:
    return {"AuthorizerId": row.id, **row.held}


def settings(api: Item, request: Mapping[str, Any]) -> dict[str, Any]:
    """A new authorizer, given the members of CreateAuthorizer. Raises BadRequestException."""
    held = given(request, *_SETTINGS)
    held["IdentitySource"] = list(held.get("IdentitySource") or ())
    if held["AuthorizerType"] == "REQUEST" and api.held["ProtocolType"] == "HTTP":
        held.setdefault("EnableSimpleResponses", False)
        held.setdefault("AuthorizerResultTtlInSeconds", 300 if held["IdentitySource"] else 0)
    _check(api, held)
    return held


def _check(api: Item, held: Mapping[str, Any]) -> None:
    is_socket = api.held["ProtocolType"] == "WEBSOCKET"
    if held["AuthorizerType"] == "JWT":
        _check_tokens(is_socket, held)
        return
    if not held.get("AuthorizerUri"):
        raise bad("Authorizer URI is required for REQUEST authorizers")
    version = held.get("AuthorizerPayloadFormatVersion")
    if is_socket:
        if version is not None or held.get("EnableSimpleResponses"):
            raise bad("AuthorizerPayloadFormatVersion and EnableSimpleResponses are only supported for HTTP APIs")
    elif version not in ("1.0", "2.0"):
        raise bad("AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer")
    elif held.get("EnableSimpleResponses") and version == "1.0":
        raise bad("EnableSimpleResponses is not supported for authorizer payload format version 1.0")
    ttl = held.get("AuthorizerResultTtlInSeconds", 0)
    if not 0 <= ttl <= 3600:
        raise bad("Authorizer result TTL must be between 0 and 3600 seconds")
    if ttl and not held["IdentitySource"] and not is_socket:
        raise bad("Identity sources are required when caching is enabled")
    prefixes = ("$request.header.", "$request.querystring.", "$context.", "$stageVariables.", "route.request.header.",
                "route.request.querystring.", "route.request.context.", "context.", "stageVariables.")  # fmt: skip
    for source in held["IdentitySource"]:
        if not source.startswith(prefixes):
            raise bad(f"Invalid identity source {source} specified")


def _check_tokens(is_socket: bool, held: Mapping[str, Any]) -> None:
    if is_socket:
        raise bad("JWT authorizers are not supported for WEBSOCKET protocol type")
    configuration = held.get("JwtConfiguration") or {}
    issuer = urlsplit(configuration.get("Issuer") or "")
    if issuer.scheme not in ("https", "http") or not issuer.hostname:
        raise bad(f"Invalid issuer: {configuration.get('Issuer')}. Issuer must have a valid HTTPS URL")
    if not configuration.get("Audience"):
        raise bad("JwtConfiguration must have at least one audience")
    if len(held["IdentitySource"]) != 1:
        raise bad("JWT authorizers must have exactly one identity source")
    if not held["IdentitySource"][0].startswith(("$request.header.", "$request.querystring.")):
        raise bad(f"Invalid identity source {held['IdentitySource'][0]} specified")


def _check_name(tx: Reader, call: Call, api: Item, name: str, own: str = "") -> None:
    if any(row.held["Name"] == name and row.id != own for row in items(tx, call.scope, "authorizer", api.id)):
        raise conflict(f"Authorizer with name {name} already exists for this API")


@operation(resource=names.resource)
def create_authorizer(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        held = settings(api, request)
        _check_name(tx, call, api, held["Name"])
        row = put(tx, call.scope, "authorizer", api.id, new_id(6), held, call.now())
        api_changed(tx, call, api)
    return describe(row)


@operation(resource=names.resource)
def get_authorizer(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return describe(find(tx, call.scope, "authorizer", api_of(tx, call, request).id, request["AuthorizerId"]))


@operation(resource=names.resource)
def get_authorizers(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        rows = items(tx, call.scope, "authorizer", api_of(tx, call, request).id)
    return page([describe(row) for row in rows], request)


@operation(resource=names.resource)
def update_authorizer(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "authorizer", api.id, request["AuthorizerId"])
        if request.get("AuthorizerType") not in (None, row.held["AuthorizerType"]):
            raise bad("Authorizer type can't be changed")
        held = changed(row.held, request, *_SETTINGS)
        _check(api, held)
        _check_name(tx, call, api, held["Name"], row.id)
        row.held = held
        ITEMS.put(tx, call.scope, row)
        api_changed(tx, call, api)
    return describe(row)


@operation(resource=names.resource)
def delete_authorizer(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteAuthorizer. Raises ConflictException while routes ask it."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "authorizer", api.id, request["AuthorizerId"])
        using = [one.id for one in items(tx, call.scope, "route", api.id) if one.held.get("AuthorizerId") == row.id]
        if using:
            raise conflict(
                "Cannot delete Authorizer because it is referenced by the following Routes with Ids: "
                f"[{', '.join(using)}]"
            )
        ITEMS.delete(tx, call.scope, "authorizer", api.id, row.id)
        api_changed(tx, call, api)
    return {}


@operation(resource=names.resource)
def reset_authorizers_cache(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """Forget the verdicts of a stage's authorizers."""
    with call.read() as tx:
        api = api_of(tx, call, request)
        find(tx, call.scope, "stage", api.id, request["StageName"])
    call.cloud.planes["apigatewayv2"].forget_verdicts(api.id, request["StageName"])
    return {}
