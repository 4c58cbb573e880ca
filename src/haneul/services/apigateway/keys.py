"""API keys."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.errors import bad, conflict, missing
from haneul.services.apigateway.paging import page
from haneul.services.apigateway.patching import Rule
from haneul.services.apigateway.state import ITEMS, ROOT, Item, find, items, new_id, put, touched
from haneul.state.store import Reader, Writer

EVERYWHERE = "/keys"
"""Whose stamp changes with any key or plan."""
_RULES = (
    Rule("/name"),
    Rule("/description"),
    Rule("/customerId"),
    Rule("/enabled", "replace", patching.boolean),
    Rule("/stages/[]", "add remove"),
    Rule("/labels/[]", "add remove"),
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def _value() -> str:
    number = int(tokens.random_hex(64), 16)
    found = ""
    for _ in range(40):
        number, digit = divmod(number, len(_LETTERS))
        found += _LETTERS[digit]
    return found


def describe(row: Item, value: bool) -> dict[str, Any]:
    told = {**row.held}
    if value and not told["tags"]:
        del told["tags"]
    if not value:
        del told["value"]
    return told


def new_key(tx: Writer, call: Call, request: Mapping[str, Any]) -> Item:
    """A key from CreateApiKey's members. Raises ConflictException when its value is taken."""
    value = request.get("value") or None
    if value is not None and not 20 <= len(value) <= 128:
        raise bad("API Key value should be at least 20 characters" if len(value) < 20
                  else "API Key value should not exceed 128 characters")  # fmt: skip
    if value is not None and any(row.held["value"] == value for row in items(tx, call.scope, "key")):
        raise conflict("API Key already exists")
    now = int(call.now())
    stages = []
    for one in request.get("stageKeys") or ():
        if not one.get("restApiId") or not one.get("stageName"):
            raise bad("Stage keys must name an API and a stage")
        find(tx, call.scope, "stage", one["restApiId"], one["stageName"])
        stages.append(f"{one['restApiId']}/{one['stageName']}")
    held: dict[str, Any] = {
        "id": new_id(10),
        "value": value or _value(),
        "name": request.get("name"),
        "description": request.get("description"),
        "customerId": request.get("customerId"),
        "enabled": bool(request.get("enabled")),
        "createdDate": now,
        "lastUpdatedDate": now,
        "stageKeys": stages,
        "tags": dict(request.get("tags") or {}),
    }
    touched(tx, call.scope, EVERYWHERE)
    return put(tx, call.scope, "key", ROOT, held["id"], held, call.now())


@operation(resource=names.resource)
def create_api_key(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        return describe(new_key(tx, call, request), True)


@operation(resource=names.resource)
def get_api_key(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return describe(find(tx, call.scope, "key", ROOT, request["apiKey"]), bool(request.get("includeValue")))


@operation(resource=names.resource)
def get_api_keys(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        rows = sorted(items(tx, call.scope, "key"), key=lambda row: (row.created, row.id))
    start, customer = request.get("nameQuery") or "", request.get("customerId")
    rows = [
        row
        for row in rows
        if (row.held.get("name") or "").startswith(start) and customer in (None, row.held.get("customerId"))
    ]
    return page([describe(row, bool(request.get("includeValues"))) for row in rows], request)


@operation(resource=names.resource)
def update_api_key(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = find(tx, call.scope, "key", ROOT, request["apiKey"])
        held = dict(row.held)
        held["stages"] = held.pop("stageKeys")
        patching.apply(held, patching.checked(call, request), _RULES)
        held["stageKeys"] = held.pop("stages")
        held.pop("labels", None)
        held["lastUpdatedDate"] = int(call.now())
        row.held = held
        ITEMS.put(tx, call.scope, row)
        touched(tx, call.scope, EVERYWHERE)
    return describe(row, False)


@operation(resource=names.resource)
def delete_api_key(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = find(tx, call.scope, "key", ROOT, request["apiKey"])
        for plan in items(tx, call.scope, "plan"):
            ITEMS.delete(tx, call.scope, "plan-key", plan.id, row.id)
        ITEMS.delete(tx, call.scope, "key", ROOT, row.id)
        touched(tx, call.scope, EVERYWHERE)
    return {}


@operation(resource=names.resource)
async def import_api_keys(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ImportApiKeys: a CSV file with a heading line; a plan may be named for each key."""
    body = request["body"]
    data = body if isinstance(body, bytes) else await body.read(4 << 20)
    try:
        lines = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error):
        raise bad("Failed to parse the uploaded API keys file") from None
    folded = [{(name or "").strip().lower(): (value or "").strip() for name, value in one.items()} for one in lines]
    if not folded or not all("key" in one for one in folded):
        raise bad("The header of the API keys file must have at least the columns name and key")

    def keep(tx: Writer) -> dict[str, Any]:
        made, warnings = [], []
        for one in folded:
            try:
                row = new_key(tx, call, _members(one))
            except Exception as error:
                if request.get("failOnWarnings"):
                    raise
                warnings.append(str(getattr(error, "message", error)))
                continue
            made.append(row.id)
            for plan in filter(None, (part.strip() for part in one.get("usageplanids", "").split(","))):
                find(tx, call.scope, "plan", ROOT, plan)
                put(tx, call.scope, "plan-key", plan, row.id, {"type": "API_KEY"}, call.now())
        return {"ids": made, "warnings": warnings}

    return await call.transact(keep)


def _members(line: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": line.get("name") or None,
        "value": line["key"],
        "description": line.get("description") or None,
        "customerId": line.get("customerid") or None,
        "enabled": line.get("enabled", "true").lower() != "false",
    }


def key_of(tx: Reader, call: Call, identity: str) -> Item:
    row = ITEMS.get(tx, call.scope, "key", ROOT, identity)
    if row is None:
        raise missing("key")
    return row
