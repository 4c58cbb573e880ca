"""Client tokens: the same request again gets the first one's answer, another request with its token is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from haneul.service import Call
from haneul.services.ec2.errors import errors
from haneul.state.store import Reader, Writer
from haneul.state.table import Table

KEPT = 48 * 3600.0


class ClientToken(msgspec.Struct, kw_only=True):
    """A token that was used: for which request (a digest of it) and what came of it (ids)."""

    operation: str
    token: str
    digest: str
    made: list[str]
    at: float


TOKENS = Table("ec2.client-token", ClientToken, key=("operation", "token"))


def made_before(tx: Reader, call: Call, request: Mapping[str, Any]) -> list[str] | None:
    """The ids that the first request with this ClientToken made; None when it is the first, or has no token.
    Raises IdempotentParameterMismatch."""
    token = request.get("ClientToken")
    found = TOKENS.get(tx, call.scope, call.operation, token) if token else None
    if found is None or found.at < call.now() - KEPT:
        return None
    if found.digest != _digest(request):
        raise errors.IdempotentParameterMismatch(
            "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
        )
    return found.made


def remember(tx: Writer, call: Call, request: Mapping[str, Any], made: list[str]) -> None:
    """Keep what this request made, if it has a token."""
    token = request.get("ClientToken")
    if token:
        row = ClientToken(operation=call.operation, token=token, digest=_digest(request), made=made, at=call.now())
        TOKENS.put(tx, call.scope, row)


def _digest(request: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in request.items() if name not in ("ClientToken", "DryRun")}
    return hashlib.sha256(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()
