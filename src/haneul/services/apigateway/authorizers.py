"""Authorizers: who decides, besides IAM, whether a request may pass."""

from __future__ import annotations

import re
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
    Rule("/type"),
    Rule("/authType"),
    Rule("/authorizerUri"),
    Rule("/authorizerCredentials", "replace remove"),
    Rule("/identitySource"),
    Rule("/identityValidationExpression", "replace remove"),
    Rule("/authorizerResultTtlInSeconds", "replace", patching.integer),
    Rule("/providerARNs/[]", "add replace remove"),
)
_SOURCE = re.compile(r"method\.request\.(header|querystring)\.\S+|context\.\S+|stageVariables\.\S+")


def check(held: Mapping[str, Any]) -> None:
    """Raise BadRequestException for an authorizer that couldn't work."""
    kind = held["type"]
    ttl = held.get("authorizerResultTtlInSeconds")
    if ttl is not None and not 0 <= ttl <= 3600:
        raise bad("Authorizer result TTL should be between 0 and 3600 seconds")
    if kind == "COGNITO_USER_POOLS":
        if not held.get("providerARNs"):
            raise bad("Invalid Provider ARNs specified. Setting the type to COGNITO_USER_POOLS requires provider ARNs.")
        return
    if kind not in ("TOKEN", "REQUEST"):
        raise bad("Invalid authorizer type specified. Valid options are TOKEN, REQUEST and COGNITO_USER_POOLS")
    uri = held.get("authorizerUri") or ""
    if not re.match(r"arn:[a-z\-]+:apigateway:[^:]+:lambda:path/.+/invocations", uri):
        raise bad(f"Invalid Authorizer URI: {uri}. Authorizer URI should be a valid API Gateway ARN that represents "
                  "a Lambda function invocation.")  # fmt: skip
    source = held.get("identitySource") or ""
    if kind == "REQUEST" and not source and ttl != 0:
        raise bad("Identity source is required for REQUEST authorizers when caching is enabled")
    for one in source.split(",") if source else ():
        if not _SOURCE.fullmatch(one.strip()):
            raise bad(f"Invalid identity source specified: {one.strip()}")


@operation(resource=names.resource)
def create_authorizer(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateAuthorizer. Raises ConflictException when the name is taken."""
    with call.write() as tx:
        api = ITEMS.get(tx, call.scope, "api", ROOT, request["restApiId"])
        if api is None:  # AWS's own answer, odd as it is
            raise conflict("Unable to complete operation due to concurrent modification. Please try again later.")
        held: dict[str, Any] = {"id": new_id(), "name": request["name"], "type": request["type"]}
        for key in (
            "providerARNs", "authorizerUri", "authorizerCredentials", "identitySource",
            "identityValidationExpression", "authorizerResultTtlInSeconds",
        ):  # fmt: skip
            if request.get(key) is not None:
                held[key] = request[key]
        held["authType"] = request.get("authType") or (
            "cognito_user_pools" if held["type"] == "COGNITO_USER_POOLS" else "custom"
        )
        if held["type"] in ("TOKEN", "COGNITO_USER_POOLS"):
            held.setdefault("identitySource", "method.request.header.Authorization")
        check(held)
        if any(row.held["name"] == held["name"] for row in items(tx, call.scope, "authorizer", api.id)):
            raise conflict(
                "Authorizer name must be unique. Authorizer " + held["name"] + " already exists in this RestApi."
            )
        put(tx, call.scope, "authorizer", api.id, held["id"], held, call.now())
    return held


@operation(resource=names.resource)
def get_authorizer(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        return find(tx, call.scope, "authorizer", api.id, request["authorizerId"]).held


@operation(resource=names.resource)
def get_authorizers(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        return page([row.held for row in items(tx, call.scope, "authorizer", api.id)], request)


@operation(resource=names.resource)
def update_authorizer(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "authorizer", api.id, request["authorizerId"])
        held = dict(row.held)
        patching.apply(held, patching.checked(call, request), _RULES)
        check(held)
        row.held = held
        ITEMS.put(tx, call.scope, row)
    return row.held


@operation(resource=names.resource)
def delete_authorizer(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteAuthorizer. Raises ConflictException while a method names it."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "authorizer", api.id, request["authorizerId"])
        for resource in items(tx, call.scope, "resource", api.id):
            for verb, method in resource.held["methods"].items():
                if method.get("authorizerId") == row.id:
                    raise conflict(
                        f"Cannot delete authorizer '{row.held['name']}', is referenced in method request: "
                        f"{api.id}/{resource.id}/{verb}"
                    )
        ITEMS.delete(tx, call.scope, "authorizer", api.id, row.id)
    return {}
