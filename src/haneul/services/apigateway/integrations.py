"""Integrations: what stands behind a method, and how its answers become the method's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.errors import bad, errors, missing
from haneul.services.apigateway.methods import Spot, copy, wrong_expression
from haneul.services.apigateway.patching import Rule
from haneul.services.apigateway.state import ITEMS
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

_ARN = re.compile(r"arn:[a-z\-]+:apigateway:[^:]+:([^:]+):((path|action)/.+)")
_TARGET = re.compile(r"integration\.request\.(path|querystring|header)\.[^\s]+")
_SOURCE = re.compile(
    r"method\.request\.(path|querystring|multivaluequerystring|header|multivalueheader)\.\S+|method\.request\.body.*|"
    r"context\.\S+|stageVariables\.\S+|'.*'"
)
_RULES = (
    Rule("/type"),
    Rule("/httpMethod"),
    Rule("/uri"),
    Rule("/connectionType"),
    Rule("/connectionId"),
    Rule("/credentials", "replace add remove"),
    Rule("/passthroughBehavior"),
    Rule("/contentHandling", "replace remove"),
    Rule("/timeoutInMillis", "replace", patching.integer),
    Rule("/cacheNamespace"),
    Rule("/cacheKeyParameters/[]", "add replace remove"),
    Rule("/requestParameters/{}", "add replace remove"),
    Rule("/requestTemplates/{}", "add replace remove"),
    Rule("/tlsConfig/insecureSkipVerification", "replace", patching.boolean),
    Rule("/responseTransferMode"),
    Rule("/integrationTarget"),
)
_RESPONSE_RULES = (
    Rule("/selectionPattern"),
    Rule("/contentHandling", "replace remove"),
    Rule("/responseParameters/{}", "add replace remove"),
    Rule("/responseTemplates/{}", "add replace remove"),
)
_BEHAVIORS = ("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER")


def check(held: Mapping[str, Any], method: Mapping[str, Any] | None = None) -> None:
    """Raise BadRequestException for an integration that can't be."""
    kind = held["type"]
    uri = held.get("uri") or ""
    if kind in ("AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY") and not held.get("httpMethod"):
        raise bad("Enumeration value for HttpMethod must be non-empty")
    if kind in ("HTTP", "HTTP_PROXY"):
        if not re.match(r"https?://\S+|.*\$\{stageVariables\..+\}", uri):
            raise bad("Invalid HTTP endpoint specified for URI")
    elif kind in ("AWS", "AWS_PROXY"):
        _check_arn(kind, uri, held)
    elif kind != "MOCK":
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{kind}' at 'putIntegrationInput.type' failed to satisfy constraint: "
            "Member must satisfy enum value set: [HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]",
        )
    if not 50 <= held["timeoutInMillis"] <= 300_000:
        raise bad("Timeout should be between 50 ms and 29000 ms")
    if held["passthroughBehavior"] not in _BEHAVIORS:
        raise bad("Invalid passthrough behavior specified")
    if held.get("contentHandling") not in (None, "CONVERT_TO_BINARY", "CONVERT_TO_TEXT"):
        raise bad("Invalid contentHandling specified")
    known = (method or {}).get("requestParameters") or {}
    for target, source in (held.get("requestParameters") or {}).items():
        if not _TARGET.fullmatch(target):
            raise wrong_expression(f"Invalid mapping expression specified: {target}")
        if not _SOURCE.fullmatch(source):
            raise wrong_expression(f"Invalid mapping expression specified: {source}")
        if method is not None and re.match(r"method\.request\.(?!body|path\.)", source) and source not in known:
            raise wrong_expression(f"Invalid mapping expression parameter specified: {source}")


def _check_arn(kind: str, uri: str, held: Mapping[str, Any]) -> None:
    if not uri.startswith("arn:"):
        raise bad("Invalid ARN specified in the request")
    found = _ARN.fullmatch(uri)
    if found is None:
        raise bad("AWS ARN for integration must contain path or action")
    if kind == "AWS" and not found.group(1).startswith("lambda") and not held.get("credentials"):
        raise bad("Role ARN must be specified for AWS integrations")
    if kind == "AWS_PROXY" and not found.group(1).startswith(("lambda", "firehose")):
        raise bad(
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations."
        )
    credentials = held.get("credentials")
    if credentials and not re.match(r"arn:[a-z\-]+:iam::(\*|\d{12}):|.*\$\{stageVariables", credentials):
        raise bad("Invalid ARN specified in the request")


def _check_role(call: Call, held: Mapping[str, Any]) -> None:
    """An integration runs as a role of the API's own account."""
    account = re.match(r"arn:[a-z\-]+:iam::(\d{12}):", held.get("credentials") or "")
    if account is not None and account.group(1) != call.account:
        raise errors.AccessDeniedException("Cross-account pass role is not allowed.")


@operation(resource=names.resource)
def put_integration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutIntegration, in place of the one before."""
    with call.write() as tx:
        spot = Spot(tx, call, request)
        method = copy(spot.needed())
        held: dict[str, Any] = {"type": request["type"]}
        if request.get("integrationHttpMethod"):
            held["httpMethod"] = request["integrationHttpMethod"]
        for key in (
            "uri", "connectionType", "connectionId", "credentials", "requestParameters", "requestTemplates",
            "contentHandling", "tlsConfig", "responseTransferMode", "integrationTarget",
        ):  # fmt: skip
            if request.get(key):
                held[key] = request[key]
        if held["type"] in ("HTTP", "HTTP_PROXY"):
            held.setdefault("connectionType", "INTERNET")
        held["passthroughBehavior"] = (request.get("passthroughBehavior") or "WHEN_NO_MATCH").upper()
        timeout = request.get("timeoutInMillis")
        held["timeoutInMillis"] = 29000 if timeout is None else timeout
        held["cacheNamespace"] = request.get("cacheNamespace") or spot.resource.id
        held["cacheKeyParameters"] = list(request.get("cacheKeyParameters") or [])
        _check_role(call, held)
        check(held, method)
        _check_link(tx, spot, held)
        method["methodIntegration"] = held
        spot.keep(tx, method)
    return held


def _check_link(tx: Reader, spot: Spot, held: Mapping[str, Any]) -> None:
    if held.get("connectionType") != "VPC_LINK" or held.get("integrationTarget"):
        return
    link = held.get("connectionId") or ""
    if "stageVariables" not in link and ITEMS.get(tx, spot.call.scope, "link", "", link) is None:
        raise bad("Invalid VPC Link identifier specified")


def integration(spot: Spot) -> dict[str, Any]:
    found: dict[str, Any] | None = spot.needed().get("methodIntegration")
    if found is None:
        raise missing("integration")
    return found


@operation(resource=names.resource)
def get_integration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return integration(Spot(tx, call, request))


@operation(resource=names.resource)
def update_integration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        spot = Spot(tx, call, request)
        integration(spot)
        method = copy(spot.needed())
        held = method["methodIntegration"]
        patching.apply(held, patching.checked(call, request), _RULES, plain=True)
        for key in ("requestParameters", "requestTemplates", "credentials"):
            if key in held and not held[key]:
                del held[key]
        _check_role(call, held)
        check(held, method)
        _check_link(tx, spot, held)
        spot.keep(tx, method)
    return dict(held)


@operation(resource=names.resource)
def delete_integration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        spot = Spot(tx, call, request)
        integration(spot)
        method = copy(spot.needed())
        del method["methodIntegration"]
        spot.keep(tx, method)
    return {}


# Responses


def _response(spot: Spot, status: str) -> dict[str, Any]:
    found: dict[str, Any] | None = (integration(spot).get("integrationResponses") or {}).get(status)
    if found is None:
        raise missing("response")
    return found


def check_response(held: Mapping[str, Any], method: Mapping[str, Any]) -> None:
    """An answer may set only what the method's response of that status declares."""
    declared = (method.get("methodResponses") or {}).get(held["statusCode"])
    if declared is None:
        if held.get("responseParameters"):
            raise wrong_expression("No method response exists for method.")
        declared = {}
    for target, source in (held.get("responseParameters") or {}).items():
        if target not in (declared.get("responseParameters") or {}):
            raise wrong_expression(f"Invalid mapping expression parameter specified: {target}")
        if not re.fullmatch(
            r"integration\.response\.(header|multivalueheader)\.\S+|integration\.response\.body.*|context\.\S+|"
            r"stageVariables\.\S+|'.*'",
            source,
            re.S,
        ):
            raise wrong_expression(f"Invalid mapping expression specified: {source}")
    if held.get("selectionPattern"):
        try:
            re.compile(held["selectionPattern"])
        except re.error:
            raise bad("Invalid selection pattern specified") from None


@operation(resource=names.resource)
def put_integration_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        spot = Spot(tx, call, request)
        integration(spot)
        method = copy(spot.needed())
        held: dict[str, Any] = {"statusCode": request["statusCode"]}
        for key in ("selectionPattern", "responseParameters", "responseTemplates", "contentHandling"):
            if request.get(key) is not None:
                held[key] = request[key]
        check_response(held, method)
        method["methodIntegration"].setdefault("integrationResponses", {})[held["statusCode"]] = held
        spot.keep(tx, method)
    return held


@operation(resource=names.resource)
def get_integration_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return _response(Spot(tx, call, request), request["statusCode"])


@operation(resource=names.resource)
def update_integration_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        spot = Spot(tx, call, request)
        _response(spot, request["statusCode"])
        method = copy(spot.needed())
        held = method["methodIntegration"]["integrationResponses"][request["statusCode"]]
        patching.apply(held, patching.checked(call, request), _RESPONSE_RULES, plain=True)
        check_response(held, method)
        spot.keep(tx, method)
    return dict(held)


@operation(resource=names.resource)
def delete_integration_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        spot = Spot(tx, call, request)
        if spot.method is None:
            raise missing("integration")
        _response(spot, request["statusCode"])
        method = copy(spot.needed())
        del method["methodIntegration"]["integrationResponses"][request["statusCode"]]
        spot.keep(tx, method)
    return {}
