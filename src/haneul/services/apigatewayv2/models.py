"""Models: JSON schemas that WebSocket routes hold their messages to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from haneul.engines.templates.samples import template_of
from haneul.service import Call, operation
from haneul.services.apigatewayv2 import names
from haneul.services.apigatewayv2.deployments import api_changed
from haneul.services.apigatewayv2.errors import bad, conflict
from haneul.services.apigatewayv2.paging import page
from haneul.services.apigatewayv2.state import ITEMS, Item, api_of, changed, find, given, items, new_id, put
from haneul.state.store import Reader

_SETTINGS = ("ContentType", "Description", "Name", "Schema")
MAX_SCHEMA = 32768


def describe(row: Item) -> dict[str, Any]:
    return {"ModelId": row.id, **row.held}


def _check(tx: Reader, call: Call, api: Item, held: Mapping[str, Any], own: str = "") -> None:
    if api.held["ProtocolType"] == "HTTP":
        raise bad("Models are not supported for HTTP protocol Api")
    if not re.fullmatch(r"[A-Za-z0-9]{1,128}", held["Name"]):
        raise bad("Model name must be alphanumeric")
    if len(held["Schema"]) > MAX_SCHEMA:
        raise bad(f"Model schema must have at most {MAX_SCHEMA} characters")
    try:
        schema = orjson.loads(held["Schema"])
    except ValueError:
        schema = None
    if not isinstance(schema, dict):
        raise bad("Invalid model schema specified")
    if any(row.held["Name"] == held["Name"] and row.id != own for row in items(tx, call.scope, "model", api.id)):
        raise conflict(f"Model with name {held['Name']} already exists for this API")


@operation(resource=names.resource)
def create_model(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        held = {"ContentType": "application/json", **given(request, *_SETTINGS)}
        _check(tx, call, api, held)
        row = put(tx, call.scope, "model", api.id, new_id(6), held, call.now())
        api_changed(tx, call, api)
    return describe(row)


@operation(resource=names.resource)
def get_model(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return describe(find(tx, call.scope, "model", api_of(tx, call, request).id, request["ModelId"]))


@operation(resource=names.resource)
def get_models(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        rows = items(tx, call.scope, "model", api_of(tx, call, request).id)
    return page([describe(row) for row in rows], request)


@operation(resource=names.resource)
def get_model_template(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetModelTemplate: a mapping template that copies what the model has."""
    with call.read() as tx:
        row = find(tx, call.scope, "model", api_of(tx, call, request).id, request["ModelId"])
    return {"Value": template_of(orjson.loads(row.held["Schema"]))}


@operation(resource=names.resource)
def update_model(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "model", api.id, request["ModelId"])
        held = changed(row.held, request, *_SETTINGS)
        _check(tx, call, api, held, row.id)
        row.held = held
        ITEMS.put(tx, call.scope, row)
        api_changed(tx, call, api)
    return describe(row)


@operation(resource=names.resource)
def delete_model(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteModel. Raises ConflictException while routes ask for it."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "model", api.id, request["ModelId"])
        name = row.held["Name"]
        using = [
            one.id
            for one in items(tx, call.scope, "route", api.id)
            if name in (one.held.get("RequestModels") or {}).values()
        ]
        if using:
            raise conflict(f"Cannot delete model '{name}', is referenced in routes: [{', '.join(using)}]")
        ITEMS.delete(tx, call.scope, "model", api.id, row.id)
        api_changed(tx, call, api)
    return {}
