"""Rows of API Gateway. What AWS tells of a thing is kept by AWS's own names in `held`; a deployment's frozen
snapshot is one large value in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.apigateway.errors import missing
from haneul.state import chunks
from haneul.state.store import Reader, Writer
from haneul.state.table import Table, encode_key

HOUSE = Scope("", "")
ROOT = ""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Item(msgspec.Struct, kw_only=True):
    """One thing of a kind below its parent ("" when it stands alone, else an API's, plan's or domain's id)."""

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


class Count(msgspec.Struct, kw_only=True):
    """Requests of an API key under a usage plan on one day; `left` is what UpdateUsage granted besides."""

    plan: str
    key: str
    day: str
    used: int = 0


ITEMS = Table("apigateway.item", Item, key=("kind", "parent", "id"))
PLACES = Table("apigateway.place", Place, key=("id",))
COUNTS = Table("apigateway.count", Count, key=("plan", "key", "day"))


def new_id(length: int = 6) -> str:
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


def api_of(tx: Reader, call: Call, request: Any) -> Item:
    """The REST API that a request names. Raises NotFoundException."""
    return find(tx, call.scope, "api", ROOT, request["restApiId"])


def put(tx: Writer, scope: Scope, kind: str, parent: str, key: str, held: dict[str, Any], created: float) -> Item:
    row = Item(kind=kind, parent=parent, id=key, held=held, created=created)
    ITEMS.put(tx, scope, row)
    return row


def items(tx: Reader, scope: Scope, kind: str, parent: str = ROOT) -> list[Item]:
    return list(ITEMS.scan(tx, scope, kind, parent))


def touched(tx: Writer, scope: Scope, api: str) -> None:
    """Say that what runs of this API has changed: the plane compares this number."""
    key = stamp_key(api)
    tx.put(key, str(int(tx.get(key) or b"0") + 1).encode())


def stamp_key(api: str) -> bytes:
    return b"v/apigateway/" + encode_key(api)


def _snapshot_key(api: str, deployment: str) -> bytes:
    return b"c/apigateway/" + encode_key(api, deployment)


def put_snapshot(tx: Writer, api: str, deployment: str, value: dict[str, Any]) -> None:
    chunks.put(tx, _snapshot_key(api, deployment), orjson.dumps(value))


def snapshot(tx: Reader, api: str, deployment: str) -> dict[str, Any]:
    data = chunks.get(tx, _snapshot_key(api, deployment))
    found: dict[str, Any] = orjson.loads(data) if data else {}
    return found


def drop_snapshot(tx: Writer, api: str, deployment: str) -> None:
    chunks.delete(tx, _snapshot_key(api, deployment))


def everywhere(tx: Reader) -> Iterator[Place]:
    return PLACES.scan(tx, HOUSE)
