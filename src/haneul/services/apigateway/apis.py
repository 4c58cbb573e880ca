"""REST APIs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import models, names, patching
from haneul.services.apigateway.errors import bad, invalid
from haneul.services.apigateway.paging import page
from haneul.services.apigateway.patching import Rule
from haneul.services.apigateway.state import (
    HOUSE,
    ITEMS,
    PLACES,
    ROOT,
    Item,
    Place,
    api_of,
    drop_snapshot,
    find,
    items,
    new_id,
    put,
    touched,
)
from haneul.state.store import Reader, Writer

BELOW = ("resource", "model", "validator", "authorizer", "deployment", "stage", "response", "part", "document")


def _size(text: str) -> int | None:
    if not text:
        return None
    return int(text) if text.isdigit() else -1


_RULES = (
    Rule("/name"),
    Rule("/description", "replace remove"),
    Rule("/version"),
    Rule("/apiKeySource"),
    Rule("/policy", "replace"),
    Rule("/minimumCompressionSize", "replace", _size),
    Rule("/disableExecuteApiEndpoint", "replace", patching.boolean),
    Rule("/binaryMediaTypes/[]", "add replace remove", named=True),
    Rule("/endpointConfiguration/types/[]", "add replace remove"),
    Rule("/endpointConfiguration/vpcEndpointIds/[]", "add replace remove"),
    Rule("/endpointConfiguration/ipAddressType"),
    Rule("/securityPolicy"),
    Rule("/endpointAccessMode"),
)


def describe(row: Item) -> dict[str, Any]:
    """A REST API as AWS tells of it."""
    told = {"id": row.id, "createdDate": int(row.created)} | row.held
    if told.get("policy"):
        told["policy"] = json.dumps(told["policy"])[1:-1]  # AWS answers the document with its quotes escaped
    else:
        told.pop("policy", None)
    if told.get("binaryMediaTypes") == []:
        del told["binaryMediaTypes"]
    if told.get("description") == "":
        del told["description"]
    if not told["tags"]:
        del told["tags"]
    return told


def check(held: Mapping[str, Any]) -> None:
    """Raise BadRequestException for settings that no API may have."""
    size = held.get("minimumCompressionSize")
    if size is not None and not 0 <= size <= 10485760:
        raise bad("Invalid minimum compression size, must be between 0 and 10485760")
    if held.get("apiKeySource") not in ("HEADER", "AUTHORIZER"):
        raise bad(
            "1 validation error detected: Value at 'createRestApiInput.apiKeySource' failed to satisfy constraint: "
            "Member must satisfy enum value set: [AUTHORIZER, HEADER]"
        )
    types = held["endpointConfiguration"].get("types") or []
    address = held["endpointConfiguration"].get("ipAddressType")
    if any(one not in ("EDGE", "REGIONAL", "PRIVATE") for one in types):
        raise bad("Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE")
    if address not in ("ipv4", "dualstack"):
        raise bad("ipAddressType must be either ipv4 or dualstack.")
    if not types:
        raise bad("REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.")
    if len(types) > 1:
        raise bad("Cannot create an api with multiple Endpoint Types.")
    if types == ["PRIVATE"] and address != "dualstack":
        raise bad("Only dualstack ipAddressType is supported for Private APIs.")
    if not held.get("name"):
        raise bad("API name cannot be blank")
    if held.get("policy"):
        try:
            whole = json.loads(held["policy"])
        except ValueError:
            whole = None
        if not isinstance(whole, dict) or "Statement" not in whole:
            raise bad("Invalid policy document. Please check the policy syntax and ensure that Principals are valid.")


def settings(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a new API is, given the members of CreateRestApi."""
    held = {
        key: request[key]
        for key in ("name", "description", "version", "binaryMediaTypes", "minimumCompressionSize", "policy")
        if request.get(key) is not None
    }
    for key in ("securityPolicy", "endpointAccessMode"):
        if request.get(key) is not None:
            held[key] = request[key]
    endpoint = dict(request.get("endpointConfiguration") or {})
    _check_endpoint(endpoint)
    endpoint["types"] = list(endpoint.get("types", ["EDGE"]))
    endpoint.setdefault("ipAddressType", "dualstack" if endpoint["types"] == ["PRIVATE"] else "ipv4")
    held["endpointConfiguration"] = endpoint
    if held.get("description") == "":
        raise bad("Description cannot be an empty string")
    held["apiKeySource"] = request.get("apiKeySource") or "HEADER"
    held["disableExecuteApiEndpoint"] = bool(request.get("disableExecuteApiEndpoint"))
    held["tags"] = dict(request.get("tags") or {})
    check(held)
    return held


def _check_endpoint(endpoint: Mapping[str, Any]) -> None:
    """Raise ValidationException for what CreateRestApi's model forbids."""
    told = []
    types, address = endpoint.get("types"), endpoint.get("ipAddressType")
    if types and any(one not in ("EDGE", "REGIONAL", "PRIVATE") for one in types):
        told.append(
            f"Value '[{', '.join(types)}]' at 'createRestApiInput.endpointConfiguration.types' failed to satisfy "
            "constraint: Member must satisfy constraint: [Member must satisfy enum value set: "
            "[PRIVATE, EDGE, REGIONAL]]"
        )
    if address is not None and address not in ("ipv4", "dualstack"):
        told.append(
            f"Value '{address}' at 'createRestApiInput.endpointConfiguration.ipAddressType' failed to satisfy "
            "constraint: Member must satisfy enum value set: [ipv4, dualstack]"
        )
    if told:
        raise invalid(*told)


def create(tx: Writer, call: Call, held: dict[str, Any], wanted: str = "") -> Item:
    """A new API with its root resource and the two models that every API begins with. wanted: the id asked for by a
    tag (LocalStack's habit)."""
    if wanted and (not re.fullmatch(r"[a-z0-9\-]{1,63}", wanted) or PLACES.get(tx, HOUSE, wanted) is not None):
        raise bad(f"The API id {wanted} can't be had: it is taken, or no label of a host name")
    identity = wanted or next(one for one in (new_id(10) for _ in range(99)) if PLACES.get(tx, HOUSE, one) is None)
    root = new_id(10)
    held["rootResourceId"] = root
    row = put(tx, call.scope, "api", ROOT, identity, held, call.now())
    put(tx, call.scope, "resource", identity, root, {"path": "/", "methods": {}}, call.now())
    models.put_defaults(tx, call, identity)
    PLACES.put(tx, HOUSE, Place(id=identity, account=call.scope.account, region=call.scope.region))
    return row


@operation(resource=names.resource)
def create_rest_api(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    held = settings(request)
    wanted = held["tags"].pop("_custom_id_", "")
    with call.write() as tx:
        source = None
        if request.get("cloneFrom"):
            source = find(tx, call.scope, "api", ROOT, request["cloneFrom"])
        row = create(tx, call, held, wanted)
        if source is not None:
            _clone(tx, call, source, row)
    return describe(row)


def _clone(tx: Writer, call: Call, source: Item, row: Item) -> None:
    """Everything that the source consists of, but its deployments and stages."""
    for kind in ("resource", "model", "validator", "authorizer", "response", "part"):
        ITEMS.delete_all(tx, call.scope, kind, row.id)
        for one in items(tx, call.scope, kind, source.id):
            put(tx, call.scope, kind, row.id, one.id, one.held, call.now())
    row.held = {**row.held, "rootResourceId": source.held["rootResourceId"]}
    ITEMS.put(tx, call.scope, row)


@operation(resource=names.resource)
def get_rest_api(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return describe(api_of(tx, call, request))


@operation(resource=names.resource)
def get_rest_apis(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        rows = sorted(items(tx, call.scope, "api"), key=lambda row: (row.created, row.id))
    return page([describe(row) for row in rows], request)


@operation(resource=names.resource)
def update_rest_api(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = api_of(tx, call, request)
        held = json.loads(json.dumps(row.held))
        patching.apply(held, patching.checked(call, request), _RULES, plain=True)
        endpoint = held["endpointConfiguration"]
        if endpoint["types"] == ["PRIVATE"] and row.held["endpointConfiguration"]["types"] != ["PRIVATE"]:
            endpoint["ipAddressType"] = "dualstack"
        check(held)
        row.held = held
        ITEMS.put(tx, call.scope, row)
        touched(tx, call.scope, row.id)
    return {"tags": {}} | describe(row)


@operation(resource=names.resource)
def delete_rest_api(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
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
        for kind in BELOW:
            ITEMS.delete_all(tx, call.scope, kind, row.id)
        ITEMS.delete(tx, call.scope, "api", ROOT, row.id)
        PLACES.delete(tx, HOUSE, row.id)
        touched(tx, call.scope, row.id)
    return {}


def _mapped(tx: Reader, call: Call, api: str) -> list[str]:
    return [
        domain.id
        for domain in items(tx, call.scope, "domain")
        if any(one.held["restApiId"] == api for one in items(tx, call.scope, "mapping", domain.id))
    ]
