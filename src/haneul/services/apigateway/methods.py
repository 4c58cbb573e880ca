"""Methods of resources, and the responses that they may give."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.errors import bad, conflict, invalid, missing
from haneul.services.apigateway.patching import Rule
from haneul.services.apigateway.state import ITEMS, ROOT, Item, find
from haneul.state.store import Reader, Writer

AUTHORIZATIONS = ("NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS")
PARAMETER = re.compile(
    r"method\.request\.(path|querystring|multivaluequerystring|header|multivalueheader)\.[A-Za-z0-9._$\-\[\]]+"
)
_RESPONSE_PARAMETER = re.compile(r"method\.response\.(header|multivalueheader)\.[A-Za-z0-9._$\-]+")
_RULES = (
    Rule("/authorizationType"),
    Rule("/authorizerId", "replace"),
    Rule("/apiKeyRequired", "replace", patching.boolean),
    Rule("/operationName"),
    Rule("/requestValidatorId", "replace"),
    Rule("/requestParameters/{}", "add replace remove", patching.boolean),
    Rule("/requestModels/{}", "add replace remove"),
    Rule("/authorizationScopes/[]", "add replace remove"),
)
_RESPONSE_RULES = (
    Rule("/responseParameters/{}", "add replace remove", patching.boolean),
    Rule("/responseModels/{}", "add replace remove"),
)


class Spot:
    """A method within its resource: what most operations here begin with."""

    def __init__(self, tx: Reader, call: Call, request: Mapping[str, Any]) -> None:
        self.call = call
        status = request.get("statusCode")
        if status is not None and not re.fullmatch(r"[1-5]\d\d", status):
            raise invalid(
                f"Value '{status}' at 'statusCode' failed to satisfy constraint: Member must satisfy regular "
                "expression pattern: [1-5]\\d\\d"
            )
        api = ITEMS.get(tx, call.scope, "api", ROOT, request["restApiId"])
        if api is None:
            raise missing("resource")
        self.api: Item = api
        self.resource: Item = find(tx, call.scope, "resource", self.api.id, request["resourceId"])
        self.verb: str = request["httpMethod"]
        self.method: dict[str, Any] | None = self.resource.held["methods"].get(self.verb)

    def needed(self) -> dict[str, Any]:
        """The method. Raises NotFoundException."""
        if self.method is None:
            raise missing("method")
        return self.method

    def keep(self, tx: Writer, method: dict[str, Any] | None) -> None:
        methods = dict(self.resource.held["methods"])
        if method is None:
            methods.pop(self.verb, None)
        else:
            methods[self.verb] = method
        self.resource.held = {**self.resource.held, "methods": methods}
        ITEMS.put(tx, self.call.scope, self.resource)


def wrong_expression(what: str) -> Exception:
    return bad(f"Invalid mapping expression specified: Validation Result: warnings : [], errors : [{what}]")


def _check(tx: Reader, spot: Spot, method: Mapping[str, Any]) -> None:
    call, api = spot.call, spot.api.id
    kind = method["authorizationType"]
    if kind not in AUTHORIZATIONS:
        raise bad(
            "Invalid authorization type specified. Valid options are NONE, AWS_IAM, CUSTOM and COGNITO_USER_POOLS"
        )
    if kind in ("CUSTOM", "COGNITO_USER_POOLS"):
        named = method.get("authorizerId")
        row = ITEMS.get(tx, call.scope, "authorizer", api, named) if named else None
        fits = row is not None and (row.held["type"] == "COGNITO_USER_POOLS") == (kind == "COGNITO_USER_POOLS")
        if not fits:
            raise bad(
                "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS "
                "requires a valid authorizer."
            )
    elif method.get("authorizationScopes"):
        raise bad("Authorization scopes can be specified only for the COGNITO_USER_POOLS authorization type")
    for name in method.get("requestParameters") or {}:
        if not PARAMETER.fullmatch(name):
            raise wrong_expression(f"Invalid mapping expression parameter specified: {name}")
    names_ = [name.split(".", 3)[3] for name in method.get("requestParameters") or {}]
    if len(set(names_)) != len(names_):
        raise bad("Parameter names must be unique across querystring, header and path")
    for name in (method.get("requestModels") or {}).values():
        if ITEMS.get(tx, call.scope, "model", api, name) is None:
            raise bad(f"Invalid model identifier specified: {name}")
    named = method.get("requestValidatorId")
    if named and ITEMS.get(tx, call.scope, "validator", api, named) is None:
        raise bad("Invalid Request Validator identifier specified")


@operation(resource=names.resource)
def put_method(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutMethod. Raises ConflictException when it is there."""
    with call.write() as tx:
        spot = Spot(tx, call, request)
        if spot.verb not in names.METHODS:
            raise bad("Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY")
        method: dict[str, Any] = {
            "httpMethod": spot.verb,
            "authorizationType": request["authorizationType"],
            "apiKeyRequired": bool(request.get("apiKeyRequired")),
        }
        for key in (
            "authorizerId", "operationName", "requestParameters", "requestModels", "requestValidatorId",
            "authorizationScopes",
        ):  # fmt: skip
            if request.get(key):
                method[key] = request[key]
        _check(tx, spot, method)
        if spot.method is not None:
            raise conflict("Method already exists for this resource")
        spot.keep(tx, method)
    return method


@operation(resource=names.resource)
def get_method(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return Spot(tx, call, request).needed()


@operation(resource=names.resource)
def update_method(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        spot = Spot(tx, call, request)
        method: dict[str, Any] = copy(spot.needed())
        patching.apply(method, patching.checked(call, request), _RULES, plain=True)
        if method["authorizationType"] in ("NONE", "AWS_IAM"):
            method.pop("authorizerId", None)
            method.pop("authorizationScopes", None)
        for key in ("requestValidatorId", "requestParameters", "requestModels", "authorizationScopes"):
            if key in method and not method[key]:
                del method[key]
        _check(tx, spot, method)
        spot.keep(tx, method)
    return method


def copy(value: Any) -> Any:
    """A copy whose maps and lists are its own."""
    if isinstance(value, dict):
        return {key: copy(one) for key, one in value.items()}
    return [copy(one) for one in value] if isinstance(value, list) else value


@operation(resource=names.resource)
def delete_method(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        spot = Spot(tx, call, request)
        spot.needed()
        spot.keep(tx, None)
    return {}


# Responses


def _response(spot: Spot, status: str) -> dict[str, Any]:
    found: dict[str, Any] | None = (spot.needed().get("methodResponses") or {}).get(status)
    if found is None:
        raise missing("response")
    return found


def _check_response(tx: Reader, spot: Spot, told: Mapping[str, Any]) -> None:
    for name in told.get("responseParameters") or {}:
        if not _RESPONSE_PARAMETER.fullmatch(name):
            raise wrong_expression(f"Invalid mapping expression parameter specified: {name}")
    for name in (told.get("responseModels") or {}).values():
        if ITEMS.get(tx, spot.call.scope, "model", spot.api.id, name) is None:
            raise bad(f"Invalid model identifier specified: {name}")


@operation(resource=names.resource)
def put_method_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        spot = Spot(tx, call, request)
        method = copy(spot.needed())
        status = request["statusCode"]
        told = {"statusCode": status}
        for key in ("responseParameters", "responseModels"):
            if request.get(key) is not None:
                told[key] = request[key]
        _check_response(tx, spot, told)
        if status in (method.get("methodResponses") or {}):
            raise conflict("Response already exists for this resource")
        method.setdefault("methodResponses", {})[status] = told
        spot.keep(tx, method)
    return told


@operation(resource=names.resource)
def get_method_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return _response(Spot(tx, call, request), request["statusCode"])


@operation(resource=names.resource)
def update_method_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        spot = Spot(tx, call, request)
        _response(spot, request["statusCode"])
        method = copy(spot.needed())
        told: dict[str, Any] = method["methodResponses"][request["statusCode"]]
        patching.apply(told, patching.checked(call, request), _RESPONSE_RULES, plain=True)
        for key in ("responseModels", "responseParameters"):
            if key in told and not told[key]:
                del told[key]
        _check_response(tx, spot, told)
        spot.keep(tx, method)
    return dict(told)


@operation(resource=names.resource)
def delete_method_response(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        spot = Spot(tx, call, request)
        _response(spot, request["statusCode"])
        method = copy(spot.needed())
        del method["methodResponses"][request["statusCode"]]
        spot.keep(tx, method)
    return {}
