"""Models: JSON schemas (draft 4) that bodies are validated against, and the templates made from them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from haneul.engines.templates.samples import template_of
from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.errors import bad, conflict, missing
from haneul.services.apigateway.paging import page
from haneul.services.apigateway.patching import Rule
from haneul.services.apigateway.state import ITEMS, Item, api_of, find, items, new_id, put
from haneul.state.store import Reader, Writer

_EMPTY = (
    '{\n  "$schema": "http://json-schema.org/draft-04/schema#",\n  "title" : "Empty Schema",\n  "type" : "object"\n}'
)
_ERROR = (
    '{\n  "$schema" : "http://json-schema.org/draft-04/schema#",\n  "title" : "Error Schema",\n  "type" : "object",\n'
    '  "properties" : {\n    "message" : { "type" : "string" }\n  }\n}'
)
_RULES = (Rule("/description"), Rule("/schema"))
REFERENCE = re.compile(r"/restapis/[a-z0-9]+/models/([A-Za-z0-9]+)$")


def put_defaults(tx: Writer, call: Call, api: str) -> None:
    """Empty and Error, which every API begins with."""
    for name, words, schema in (
        ("Empty", "This is a default empty schema model", _EMPTY),
        ("Error", "This is a default error schema model", _ERROR),
    ):
        held = {
            "id": new_id(),
            "name": name,
            "description": words,
            "schema": schema,
            "contentType": "application/json",
        }
        put(tx, call.scope, "model", api, name, held, call.now())


def check(held: Mapping[str, Any]) -> None:
    """Raise BadRequestException for a model that isn't one."""
    if not held["name"]:
        raise bad("Model name must be non-empty")
    if not re.fullmatch(r"[A-Za-z0-9]+", held["name"]):
        raise bad("Model name must be alphanumeric: " + held["name"])
    text = held.get("schema")
    if not text:
        raise bad("Model schema must have at least 1 property or array items defined")
    if "json" not in held["contentType"]:
        return
    try:
        schema = json.loads(text)
    except ValueError:
        schema = None
    if not isinstance(schema, dict):
        raise bad(
            "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified]"
        )


@operation(resource=names.resource)
def create_model(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateModel. Raises ConflictException."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        held = {
            key: request[key]
            for key in ("name", "description", "schema", "contentType")
            if request.get(key) is not None
        }
        check(held)
        if ITEMS.get(tx, call.scope, "model", api.id, held["name"]) is not None:
            raise conflict("Model name already exists for this REST API")
        held["id"] = new_id()
        put(tx, call.scope, "model", api.id, held["name"], held, call.now())
    return held


@operation(resource=names.resource)
def get_model(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = request["restApiId"]
        row = find(tx, call.scope, "model", api, request["modelName"])
        if request.get("flatten"):
            return row.held | {"schema": json.dumps(flattened(json.loads(row.held["schema"]), tx, call, api))}
        return row.held


def flattened(schema: Any, tx: Reader, call: Call, api: str, seen: frozenset[str] = frozenset()) -> Any:
    """The schema with the models that it refers to in its own definitions."""
    definitions: dict[str, Any] = {}

    def walk(value: Any, seen: frozenset[str]) -> Any:
        if isinstance(value, list):
            return [walk(one, seen) for one in value]
        if not isinstance(value, dict):
            return value
        target = REFERENCE.search(value["$ref"]) if isinstance(value.get("$ref"), str) else None
        if target is None:
            return {key: walk(one, seen) for key, one in value.items()}
        name = target.group(1)
        if name not in seen and name not in definitions:
            row = ITEMS.get(tx, call.scope, "model", api, name)
            if row is None:
                raise missing("model", name)
            definitions[name] = {}
            definitions[name] = walk(json.loads(row.held["schema"]), seen | {name})
        return {"$ref": f"#/definitions/{name}"}

    whole = walk(schema, seen)
    if definitions:
        whole["definitions"] = (whole.get("definitions") or {}) | definitions
    return whole


@operation(resource=names.resource)
def get_models(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        return page([row.held for row in items(tx, call.scope, "model", api.id)], request)


@operation(resource=names.resource)
def get_model_template(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetModelTemplate: a mapping template that copies what the model has."""
    with call.read() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "model", api.id, request["modelName"])
    return {"value": template_of(json.loads(row.held["schema"]))}


@operation(resource=names.resource)
def update_model(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = request["restApiId"]
        row = find(tx, call.scope, "model", api, request["modelName"])
        held = dict(row.held)
        patching.apply(held, patching.checked(call, request), _RULES)
        check(held)
        row.held = held
        ITEMS.put(tx, call.scope, row)
    return row.held


@operation(resource=names.resource)
def delete_model(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteModel. Raises ConflictException while something refers to it."""
    with call.write() as tx:
        api = request["restApiId"]
        row = find(tx, call.scope, "model", api, request["modelName"])
        user = _user(tx, call, api, row)
        if user:
            raise conflict(f"Cannot delete model '{row.id}', is referenced in {user}")
        ITEMS.delete(tx, call.scope, "model", api, row.id)
    return {}


def _user(tx: Reader, call: Call, api: str, row: Item) -> str:
    for resource in items(tx, call.scope, "resource", api):
        for verb, method in resource.held["methods"].items():
            if row.id in (method.get("requestModels") or {}).values():
                return f"method request: {resource.held['path']}/{verb}"
            for told in (method.get("methodResponses") or {}).values():
                if row.id in (told.get("responseModels") or {}).values():
                    return f"method response: {resource.held['path']}/{verb}/{told['statusCode']}"
    for other in items(tx, call.scope, "model", api):
        if other.id != row.id and f'/restapis/{api}/models/{row.id}"' in other.held["schema"]:
            return f"model: {other.id}"
    return ""
