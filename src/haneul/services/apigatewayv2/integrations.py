"""Integrations: what stands behind routes; and their responses (WebSocket)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigatewayv2 import names
from haneul.services.apigatewayv2.deployments import api_changed
from haneul.services.apigatewayv2.errors import bad, conflict
from haneul.services.apigatewayv2.paging import page
from haneul.services.apigatewayv2.state import ITEMS, ROOT, Item, api_of, changed, find, given, items, new_id, put
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

SUBTYPES: dict[str, tuple[str, ...]] = {
    "EventBridge-PutEvents": ("Detail", "DetailType", "Source"),
    "SQS-SendMessage": ("QueueUrl", "MessageBody"),
    "SQS-ReceiveMessage": ("QueueUrl",),
    "SQS-DeleteMessage": ("QueueUrl", "ReceiptHandle"),
    "SQS-PurgeQueue": ("QueueUrl",),
    "AppConfig-GetConfiguration": ("Application", "Environment", "Configuration", "ClientId"),
    "Kinesis-PutRecord": ("StreamName", "Data", "PartitionKey"),
    "StepFunctions-StartExecution": ("StateMachineArn",),
    "StepFunctions-StartSyncExecution": ("StateMachineArn",),
    "StepFunctions-StopExecution": ("ExecutionArn",),
}
"""AWS's service integrations of HTTP APIs, and the parameters that each must be given."""
_SETTINGS = ("ConnectionId", "ConnectionType", "ContentHandlingStrategy", "CredentialsArn", "Description",
             "IntegrationMethod", "IntegrationSubtype", "IntegrationType", "IntegrationUri", "PassthroughBehavior",
             "PayloadFormatVersion", "RequestParameters", "RequestTemplates", "ResponseParameters",
             "TemplateSelectionExpression", "TimeoutInMillis", "TlsConfig")  # fmt: skip
_ANSWER = ("IntegrationResponseKey", "ContentHandlingStrategy", "ResponseParameters", "ResponseTemplates",
           "TemplateSelectionExpression")  # fmt: skip
_TARGET = re.compile(r"(append|overwrite|remove):(header|querystring)\.[^\s:]+|overwrite:path")
_ANSWERED = re.compile(r"(append|overwrite|remove):header\.[^\s:]+|overwrite:statuscode")
_RESERVED = frozenset(
    [
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-location",
        "forwarded",
        "keep-alive",
        "origin",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "via",
    ]
)
_RESERVED_PREFIXES = ("access-control-", "apigw-", "x-amz-", "x-amzn-")
"""Headers that AWS lets no mapping touch."""
_STATUS = re.compile(r"[2-5]\d\d")


def describe(row: Item) -> dict[str, Any]:
    return {"IntegrationId": row.id, **row.held}


def settings(api: Item, request: Mapping[str, Any]) -> dict[str, Any]:
    """A new integration, given the members of CreateIntegration. Raises BadRequestException."""
    held = given(request, *_SETTINGS)
    is_socket = api.held["ProtocolType"] == "WEBSOCKET"
    held.setdefault("ConnectionType", "INTERNET")
    if is_socket:
        held.setdefault("PassthroughBehavior", "WHEN_NO_MATCH")
        held.setdefault("IntegrationResponseSelectionExpression", "${integration.response.statuscode}")
    held.setdefault("PayloadFormatVersion", "1.0")
    held.setdefault("TimeoutInMillis", 29000 if is_socket else 30000)
    if held["IntegrationType"] == "AWS_PROXY" and "IntegrationSubtype" not in held:
        held.setdefault("IntegrationMethod", "POST")
    _check(api, held)
    return held


def _check(api: Item, held: Mapping[str, Any]) -> None:
    """Raise BadRequestException for an integration that can't be."""
    kind, is_socket = held["IntegrationType"], api.held["ProtocolType"] == "WEBSOCKET"
    if not 50 <= held["TimeoutInMillis"] <= (29000 if is_socket else 30000):
        raise bad(f"Timeout should be between 50 ms and {29000 if is_socket else 30000} ms")
    if is_socket:
        if held.get("IntegrationSubtype"):
            raise bad("IntegrationSubtype is not supported for WebSocket protocol type")
        if kind != "MOCK" and not held.get("IntegrationUri"):
            raise bad("IntegrationUri is a required field for this integration type")
        return
    if kind not in ("AWS_PROXY", "HTTP_PROXY"):
        raise bad(f"Invalid integration type {kind}: HTTP APIs have HTTP_PROXY and AWS_PROXY")
    if held["PayloadFormatVersion"] not in ("1.0", "2.0"):
        raise bad("PayloadFormatVersion must be 1.0 or 2.0")
    subtype = held.get("IntegrationSubtype")
    if subtype:
        _check_service(held, subtype)
        return
    uri = held.get("IntegrationUri") or ""
    if not uri:
        raise bad("IntegrationUri is a required field for this integration type")
    if kind == "HTTP_PROXY":
        if held["PayloadFormatVersion"] != "1.0":
            raise bad("PayloadFormatVersion 2.0 is not supported for HTTP_PROXY integrations")
        if held.get("IntegrationMethod") not in names.METHODS:
            raise bad("Invalid HTTP method specified for the integration")
        if held["ConnectionType"] == "INTERNET" and not re.match(r"https?://", uri):
            raise bad("Invalid HTTP endpoint specified for URI")
    elif not uri.startswith("arn:"):
        raise bad("Invalid function ARN or invalid uri")
    _check_mapping(held)


def _check_service(held: Mapping[str, Any], subtype: str) -> None:
    name = subtype.removesuffix("-1.0")
    if name not in SUBTYPES or held["IntegrationType"] != "AWS_PROXY":
        raise bad(f"IntegrationSubtype {subtype} is not supported")
    if not held.get("CredentialsArn"):
        raise bad("CredentialsArn is required for this integration")
    lacking = [key for key in SUBTYPES[name] if not (held.get("RequestParameters") or {}).get(key)]
    if lacking:
        raise bad(f"Parameter: {lacking[0]} required to invoke {subtype} is missing")


def _check_mapping(held: Mapping[str, Any]) -> None:
    for target in held.get("RequestParameters") or {}:
        if not _TARGET.fullmatch(target):
            raise _unmapped(target)
        _check_header(target)
    for status, mapped in (held.get("ResponseParameters") or {}).items():
        if not _STATUS.fullmatch(status):
            raise bad(f"Invalid status code {status} specified in ResponseParameters")
        for target in mapped:
            if not _ANSWERED.fullmatch(target):
                raise _unmapped(target)
            _check_header(target)


def _check_header(target: str) -> None:
    name = target.partition(":header.")[2].lower()
    if name.startswith(_RESERVED_PREFIXES) or name in _RESERVED:
        raise bad(
            "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Operations on header "
            f"{name} are restricted]"
        )


def _unmapped(target: str) -> AwsError:
    return bad(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression "
        f"parameter specified: {target}]"
    )


def _check_link(tx: Reader, call: Call, held: Mapping[str, Any]) -> None:
    if held["ConnectionType"] == "VPC_LINK":
        if not held.get("ConnectionId"):
            raise bad("ConnectionId is a required field for connection type VPC_LINK")
        find(tx, call.scope, "link", ROOT, held["ConnectionId"])


@operation(resource=names.resource)
def create_integration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        held = settings(api, request)
        _check_link(tx, call, held)
        row = put(tx, call.scope, "integration", api.id, new_id(), held, call.now())
        api_changed(tx, call, api)
    return describe(row)


@operation(resource=names.resource)
def get_integration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return describe(find(tx, call.scope, "integration", api_of(tx, call, request).id, request["IntegrationId"]))


@operation(resource=names.resource)
def get_integrations(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        rows = items(tx, call.scope, "integration", api_of(tx, call, request).id)
    return page([describe(row) for row in rows], request)


@operation(resource=names.resource)
def update_integration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "integration", api.id, request["IntegrationId"])
        held = changed(row.held, request, *_SETTINGS)
        _check(api, held)
        _check_link(tx, call, held)
        row.held = held
        ITEMS.put(tx, call.scope, row)
        api_changed(tx, call, api)
    return describe(row)


@operation(resource=names.resource)
def delete_integration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteIntegration. Raises ConflictException while routes lead there."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "integration", api.id, request["IntegrationId"])
        target = f"integrations/{row.id}"
        using = [one.id for one in items(tx, call.scope, "route", api.id) if one.held.get("Target") == target]
        if using:
            raise conflict(
                "Cannot delete Integration because it is referenced by the following Routes with Ids: "
                f"[{', '.join(using)}]"
            )
        ITEMS.delete_all(tx, call.scope, "integration-response", row.id)
        ITEMS.delete(tx, call.scope, "integration", api.id, row.id)
        api_changed(tx, call, api)
    return {}


# Responses of integrations (WebSocket)


def _describe_response(row: Item) -> dict[str, Any]:
    return {"IntegrationResponseId": row.id, **row.held}


def _check_key(key: str) -> None:
    if key != "$default" and not re.fullmatch(r"/.+/", key):
        raise bad("IntegrationResponseKey must be $default or a regular expression between slashes")
    try:
        re.compile(key.strip("/"))
    except re.error:
        raise bad("IntegrationResponseKey must be $default or a regular expression between slashes") from None


@operation(resource=names.resource)
def create_integration_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        above = find(tx, call.scope, "integration", api.id, request["IntegrationId"])
        if api.held["ProtocolType"] == "HTTP":
            raise bad("Integration responses are not supported for HTTP protocol Api")
        held = given(request, *_ANSWER)
        key = held["IntegrationResponseKey"]
        _check_key(key)
        known = items(tx, call.scope, "integration-response", above.id)
        if any(one.held["IntegrationResponseKey"] == key for one in known):
            raise conflict(f"Integration response with key {key} already exists for this integration")
        row = put(tx, call.scope, "integration-response", above.id, new_id(6), held, call.now())
        api_changed(tx, call, api)
    return _describe_response(row)


def _response(tx: Reader, call: Call, request: Mapping[str, Any]) -> Item:
    above = find(tx, call.scope, "integration", api_of(tx, call, request).id, request["IntegrationId"])
    return find(tx, call.scope, "integration-response", above.id, request["IntegrationResponseId"])


@operation(resource=names.resource)
def get_integration_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return _describe_response(_response(tx, call, request))


@operation(resource=names.resource)
def get_integration_responses(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        above = find(tx, call.scope, "integration", api_of(tx, call, request).id, request["IntegrationId"])
        rows = items(tx, call.scope, "integration-response", above.id)
    return page([_describe_response(row) for row in rows], request)


@operation(resource=names.resource)
def update_integration_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = _response(tx, call, request)
        row.held = changed(row.held, request, *_ANSWER)
        _check_key(row.held["IntegrationResponseKey"])
        ITEMS.put(tx, call.scope, row)
        api_changed(tx, call, api)
    return _describe_response(row)


@operation(resource=names.resource)
def delete_integration_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = _response(tx, call, request)
        ITEMS.delete(tx, call.scope, "integration-response", row.parent, row.id)
        api_changed(tx, call, api)
    return {}
