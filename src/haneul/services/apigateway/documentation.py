"""Documentation parts and versions of an API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.documents import parse
from haneul.services.apigateway.errors import bad, conflict
from haneul.services.apigateway.paging import page
from haneul.services.apigateway.patching import Rule
from haneul.services.apigateway.state import ITEMS, Item, api_of, find, items, new_id, put
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

_TYPES = (
    "RESPONSE_BODY", "RESPONSE", "METHOD", "MODEL", "AUTHORIZER", "RESPONSE_HEADER", "RESOURCE", "PATH_PARAMETER",
    "REQUEST_BODY", "QUERY_PARAMETER", "API", "REQUEST_HEADER",
)  # fmt: skip
_PATHLESS = ("API", "AUTHORIZER", "MODEL")
_PLAIN = (*_PATHLESS, "RESOURCE")


def place(location: Mapping[str, Any]) -> dict[str, Any]:
    """A location with the defaults of its type. Raises BadRequestException."""
    kind = location.get("type")
    if kind not in _TYPES:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{kind}' at 'createDocumentationPartInput.location.type' failed to "
            f"satisfy constraint: Member must satisfy enum value set: [{', '.join(_TYPES)}]",
        )
    held = {key: value for key, value in location.items() if value is not None}
    if kind not in _PATHLESS:
        held.setdefault("path", "/")
    if kind not in _PLAIN:
        held.setdefault("method", "*")
    if kind.startswith("RESPONSE"):
        held.setdefault("statusCode", "*")
    return held


def _check_properties(text: str) -> None:
    if not text:
        raise bad("Documentation part properties must be non-empty")
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if not isinstance(whole, dict):
        raise bad("Documentation part properties must be valid JSON object: " + text[:100])


def add(tx: Writer, call: Call, api: str, location: Mapping[str, Any], properties: str) -> Item:
    """A documentation part. Raises ConflictException when its place is taken."""
    held: dict[str, Any] = {"location": place(location), "properties": properties}
    _check_properties(properties)
    if any(row.held["location"] == held["location"] for row in items(tx, call.scope, "part", api)):
        raise conflict("Documentation part already exists for the specified location: " + _shown(held["location"]))
    held["id"] = new_id()
    return put(tx, call.scope, "part", api, held["id"], held, call.now())


def _shown(location: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} '{value}'" for key, value in location.items())


@operation(resource=names.resource)
def create_documentation_part(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        return add(tx, call, api.id, request["location"], request["properties"]).held


@operation(resource=names.resource)
def get_documentation_part(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = request["restApiId"]
        return find(tx, call.scope, "part", api, request["documentationPartId"]).held


@operation(resource=names.resource)
def get_documentation_parts(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        rows = items(tx, call.scope, "part", api.id)
    kind, named, path = request.get("type"), request.get("nameQuery"), request.get("path")
    found = [
        row.held
        for row in rows
        if kind in (None, row.held["location"]["type"])
        and path in (None, row.held["location"].get("path"))
        and (not named or named in (row.held["location"].get("name") or ""))
    ]
    if request.get("locationStatus") == "UNDOCUMENTED":
        found = []
    return page(found, request)


@operation(resource=names.resource)
def update_documentation_part(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = request["restApiId"]
        row = find(tx, call.scope, "part", api, request["documentationPartId"])
        held = dict(row.held)
        patching.apply(held, patching.checked(call, request), (Rule("/properties"),))
        _check_properties(held["properties"])
        row.held = held
        ITEMS.put(tx, call.scope, row)
    return row.held


@operation(resource=names.resource)
def delete_documentation_part(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "part", api.id, request["documentationPartId"])
        ITEMS.delete(tx, call.scope, "part", api.id, row.id)
    return {}


@operation(resource=names.resource)
async def import_documentation_parts(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ImportDocumentationParts: those of an OpenAPI document's x-amazon-apigateway-documentation."""
    body = request["body"]
    document = parse(body if isinstance(body, bytes) else await body.read(6 << 20))
    parts = (document.get("x-amazon-apigateway-documentation") or {}).get("documentationParts") or []

    def keep(tx: Writer) -> dict[str, Any]:
        api = api_of(tx, call, request)
        if request.get("mode") == "overwrite":
            ITEMS.delete_all(tx, call.scope, "part", api.id)
        return {"ids": [merge(tx, call, api.id, one) for one in parts]}

    return await call.transact(keep)


def merge(tx: Writer, call: Call, api: str, part: Mapping[str, Any]) -> str:
    """Put a part in the place of the one that is there; its id."""
    where = place(part.get("location") or {})
    properties = part.get("properties")
    text = properties if isinstance(properties, str) else json.dumps(properties or {})
    for row in items(tx, call.scope, "part", api):
        if row.held["location"] == where:
            ITEMS.delete(tx, call.scope, "part", api, row.id)  # AWS makes a new one
    return add(tx, call, api, where, text).id


# Versions: the parts as they were


def _describe(row: Item) -> dict[str, Any]:
    told = {"version": row.id, "createdDate": int(row.created)}
    return told | {key: value for key, value in row.held.items() if key != "parts"}


@operation(resource=names.resource)
def create_documentation_version(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        version = request["documentationVersion"]
        if ITEMS.get(tx, call.scope, "document", api.id, version) is not None:
            raise conflict(f"Documentation version already exists: '{version}'")
        parts = [row.held for row in items(tx, call.scope, "part", api.id)]
        if not parts:
            raise bad("No documentation parts found for the API")
        held: dict[str, Any] = {"parts": parts}
        if request.get("description"):
            held["description"] = request["description"]
        row = put(tx, call.scope, "document", api.id, version, held, call.now())
        if request.get("stageName"):
            stage = find(tx, call.scope, "stage", api.id, request["stageName"])
            stage.held = {**stage.held, "documentationVersion": version}
            ITEMS.put(tx, call.scope, stage)
    return _describe(row)


@operation(resource=names.resource)
def get_documentation_version(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        return _describe(find(tx, call.scope, "document", api.id, request["documentationVersion"]))


@operation(resource=names.resource)
def get_documentation_versions(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        return page([_describe(row) for row in items(tx, call.scope, "document", api.id)], request)


@operation(resource=names.resource)
def update_documentation_version(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "document", api.id, request["documentationVersion"])
        held = dict(row.held)
        patching.apply(held, patching.checked(call, request), (Rule("/description"),))
        row.held = held
        ITEMS.put(tx, call.scope, row)
    return _describe(row)


@operation(resource=names.resource)
def delete_documentation_version(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "document", api.id, request["documentationVersion"])
        if _in_use(tx, call, api.id, row.id):
            raise bad(f"Documentation version '{row.id}' is associated with a stage and cannot be deleted")
        ITEMS.delete(tx, call.scope, "document", api.id, row.id)
    return {}


def _in_use(tx: Reader, call: Call, api: str, version: str) -> bool:
    return any(row.held.get("documentationVersion") == version for row in items(tx, call.scope, "stage", api))
