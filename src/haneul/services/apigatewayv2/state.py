"""Rows of HTTP and WebSocket APIs. What AWS tells of a thing is kept by AWS's own names in `held`; a deployment's
frozen snapshot is one large value in chunks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.apigatewayv2.errors import missing
from haneul.state import chunks
from haneul.state.store import Reader, Writer
from haneul.state.table import Table, encode_key

HOUSE = Scope("", "")
ROOT = ""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Item(msgspec.Struct, kw_only=True):
    """One thing of a kind below its parent ("" when it stands alone, else the id of an API, route or domain)."""

    kind: str
    parent: str
    id: str
    held: dict[str, Any]
    created: float


class Place(msgspec.Struct, kw_only=True):
    """Where an API (or a custom domain) lives: its id is all that a request tells."""

    id: str
    account: str
    region: str


ITEMS = Table("apigatewayv2.item", Item, key=("kind", "parent", "id"))
PLACES = Table("apigatewayv2.place", Place, key=("id",))


def new_id(length: int = 7) -> str:
    """Letters and digits in lower case, as API Gateway names things."""
    number = int(tokens.random_hex(32), 16)
    found = ""
    for _ in range(length):
        number, digit = divmod(number, 36)
        found += _DIGITS[digit]
    return found


def find(tx: Reader, scope: Scope, kind: str, parent: str, key: str) -> Item:
    """The item. Raises NotFoundException."""
    row = ITEMS.get(tx, scope, kind, parent, key)
    if row is None:
        raise missing(kind, f"{scope.account}:{key}" if kind == "api" else key)
    return row


def api_of(tx: Reader, call: Call, request: Mapping[str, Any]) -> Item:
    """The API that a request names. Raises NotFoundException."""
    return find(tx, call.scope, "api", ROOT, request["ApiId"])


def put(tx: Writer, scope: Scope, kind: str, parent: str, key: str, held: dict[str, Any], created: float) -> Item:
    row = Item(kind=kind, parent=parent, id=key, held=held, created=created)
    ITEMS.put(tx, scope, row)
    return row


def items(tx: Reader, scope: Scope, kind: str, parent: str = ROOT) -> list[Item]:
    """All of a kind, the oldest first."""
    return sorted(ITEMS.scan(tx, scope, kind, parent), key=lambda row: (row.created, row.id))


def given(request: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of the members that the request has."""
    return {name: request[name] for name in names if request.get(name) is not None}


def changed(held: Mapping[str, Any], request: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """`held` with what an update says. In maps, what the update names is replaced, and removed by an empty value."""
    found = dict(held)
    for name in names:
        value = request.get(name)
        if value is None:
            continue
        if isinstance(value, dict) and name in _MERGED:
            merged = {**(found.get(name) or {}), **value}
            value = {key: one for key, one in merged.items() if one not in ("", {}) or name == "RequestModels"}
        if value in ("", {}) and name not in _KEPT_EMPTY:
            found.pop(name, None)
        else:
            found[name] = value
    return found


_MERGED = frozenset({"RequestParameters", "ResponseParameters", "StageVariables", "RouteSettings", "RequestModels"})
_KEPT_EMPTY = frozenset({"StageVariables", "RouteSettings", "Name"})


def touched(tx: Writer, api: str) -> None:
    """Say that what runs of this API (or domain) has changed: the plane compares this number."""
    key = stamp_key(api)
    tx.put(key, str(int(tx.get(key) or b"0") + 1).encode())


def stamp_key(api: str) -> bytes:
    return b"v/apigatewayv2/" + encode_key(api)


def _snapshot_key(api: str, deployment: str) -> bytes:
    return b"c/apigatewayv2/" + encode_key(api, deployment)


def put_snapshot(tx: Writer, api: str, deployment: str, value: dict[str, Any]) -> None:
    chunks.put(tx, _snapshot_key(api, deployment), orjson.dumps(value))


def snapshot(tx: Reader, api: str, deployment: str) -> dict[str, Any]:
    data = chunks.get(tx, _snapshot_key(api, deployment))
    found: dict[str, Any] = orjson.loads(data) if data else {}
    return found


def drop_snapshot(tx: Writer, api: str, deployment: str) -> None:
    chunks.delete(tx, _snapshot_key(api, deployment))
