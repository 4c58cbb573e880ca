"""Tags of everything that may have some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigatewayv2 import names
from haneul.services.apigatewayv2.errors import bad
from haneul.services.apigatewayv2.state import ITEMS, ROOT, Item, find
from haneul.state.store import Reader

_KINDS = {"apis": "api", "domainnames": "domain", "vpclinks": "link"}
MAX_TAGS = 50


def _find(tx: Reader, call: Call, arn: str) -> Item:
    path = arn.split("::", 1)[-1].strip("/").removeprefix("v2/").split("/") if arn.startswith("arn:") else []
    kind = _KINDS.get(path[0]) if path else None
    if kind is not None and len(path) == 2:
        return find(tx, call.scope, kind, ROOT, path[1])
    if kind == "api" and len(path) == 4 and path[2] == "stages":
        find(tx, call.scope, "api", ROOT, path[1])
        return find(tx, call.scope, "stage", path[1], path[3])
    raise bad("Invalid resource ARN specified in the request")


@operation(resource=names.resource)
def tag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(request.get("Tags") or {})
    with call.write() as tx:
        row = _find(tx, call, request["ResourceArn"])
        tags = {**(row.held.get("Tags") or {}), **given}
        if any(key.startswith("aws:") for key in given):
            raise bad("Tag keys that start with aws: are reserved for AWS")
        if len(tags) > MAX_TAGS:
            raise bad(f"Number of tags exceeds the limit of {MAX_TAGS}")
        row.held = {**row.held, "Tags": tags}
        ITEMS.put(tx, call.scope, row)
    return {}


@operation(resource=names.resource)
def untag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = _find(tx, call, request["ResourceArn"])
        gone = set(request["TagKeys"])
        row.held = {**row.held, "Tags": {k: v for k, v in (row.held.get("Tags") or {}).items() if k not in gone}}
        ITEMS.put(tx, call.scope, row)
    return {}


@operation(resource=names.resource)
def get_tags(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return {"Tags": dict(_find(tx, call, request["ResourceArn"]).held.get("Tags") or {})}
