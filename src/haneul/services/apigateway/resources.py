"""Resources: the paths of an API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.errors import bad, conflict
from haneul.services.apigateway.paging import page
from haneul.services.apigateway.patching import Rule
from haneul.services.apigateway.state import ITEMS, Item, api_of, find, items, new_id, put
from haneul.state.store import Reader, Writer

_PART = re.compile(r"[A-Za-z0-9._\-:~$%+@!*'(),;=&]+|\{[A-Za-z0-9._\-]+\+?\}")


def describe(row: Item, embed: bool = False) -> dict[str, Any]:
    """A resource as AWS tells of it; its methods in full only when asked for."""
    told = {"id": row.id, "path": row.held["path"]}
    for key in ("parentId", "pathPart"):
        if row.held.get(key):
            told[key] = row.held[key]
    methods = row.held["methods"]
    if methods:
        told["resourceMethods"] = {verb: method if embed else {} for verb, method in methods.items()}
    return told


def _check_part(tx: Reader, call: Call, api: str, parent: Item, part: str, own: str = "") -> None:
    if not _PART.fullmatch(part):
        raise bad(
            "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the "
            "beginning and the end."
        )
    if (parent.held.get("pathPart") or "").endswith("+}"):
        raise bad(f"Cannot create a child of a resource with a greedy path variable: {parent.held['pathPart']}")
    for other in items(tx, call.scope, "resource", api):
        if other.held.get("parentId") != parent.id or other.id == own:
            continue
        if other.held["pathPart"] == part:
            raise conflict(f"Another resource with the same parent already has this name: {part}")
        if part.startswith("{") and other.held["pathPart"].startswith("{"):
            raise bad(
                f"A sibling ({other.held['pathPart']}) of this resource already has a variable path part -- only one "
                "is allowed"
            )


def join(parent: str, part: str) -> str:
    return f"{parent.rstrip('/')}/{part}"


@operation(resource=names.resource)
def create_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateResource. Raises ConflictException."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        parent = find(tx, call.scope, "resource", api.id, request["parentId"])
        part = request["pathPart"]
        _check_part(tx, call, api.id, parent, part)
        row = add(tx, call, api.id, parent, part)
    return describe(row)


def add(tx: Writer, call: Call, api: str, parent: Item, part: str) -> Item:
    held = {"parentId": parent.id, "pathPart": part, "path": join(parent.held["path"], part), "methods": {}}
    return put(tx, call.scope, "resource", api, new_id(), held, call.now())


def _embeds(request: Mapping[str, Any]) -> bool:
    return "methods" in (request.get("embed") or ())


@operation(resource=names.resource)
def get_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        return describe(find(tx, call.scope, "resource", api.id, request["resourceId"]), _embeds(request))


@operation(resource=names.resource)
def get_resources(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        rows = items(tx, call.scope, "resource", api.id)
    return page([describe(row, _embeds(request)) for row in rows], request)


@operation(resource=names.resource)
def update_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateResource: another name, or another parent."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "resource", api.id, request["resourceId"])
        held = dict(row.held)
        patching.apply(held, patching.checked(call, request), (Rule("/parentId"), Rule("/pathPart")))
        if not row.held.get("parentId"):
            named = "pathPart" if held.get("pathPart") else "parentId"
            raise bad(f"Root resource cannot update its {named}.")
        parent = find(tx, call.scope, "resource", api.id, held["parentId"])
        if parent.held["path"] == row.held["path"] or parent.held["path"].startswith(row.held["path"] + "/"):
            raise bad("Resources cannot be cyclical.")
        _check_part(tx, call, api.id, parent, held["pathPart"], row.id)
        held["path"] = join(parent.held["path"], held["pathPart"])
        row.held = held
        ITEMS.put(tx, call.scope, row)
        _move(tx, call, api.id, row)
    return describe(row)


def children(tx: Reader, call: Call, api: str, parent: str) -> list[Item]:
    return [row for row in items(tx, call.scope, "resource", api) if row.held.get("parentId") == parent]


def _move(tx: Writer, call: Call, api: str, parent: Item) -> None:
    for child in children(tx, call, api, parent.id):
        child.held = {**child.held, "path": join(parent.held["path"], child.held["pathPart"])}
        ITEMS.put(tx, call.scope, child)
        _move(tx, call, api, child)


@operation(resource=names.resource)
def delete_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteResource, and everything below it."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "resource", api.id, request["resourceId"])
        if not row.held.get("parentId"):
            raise bad("Root resource cannot be deleted")
        remove(tx, call, api.id, row)
    return {}


def remove(tx: Writer, call: Call, api: str, row: Item) -> None:
    for child in children(tx, call, api, row.id):
        remove(tx, call, api, child)
    ITEMS.delete(tx, call.scope, "resource", api, row.id)
