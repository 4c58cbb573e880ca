"""Pages that rooms serve beside AWS's APIs, below /_haneul/<name>/ (the serial terminal): a room names them in `pages`.

Signed like any call, by header or, where a browser can set none (WebSocket), by a query with a time to live; asked for
under one of the cloud's own names, and by no page of another origin.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import orjson

from haneul.auth.sigv4 import Verifier
from haneul.cloud import Cloud
from haneul.gateway.hosts import Hosts
from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response

if TYPE_CHECKING:
    from haneul.gateway.rooms import Rooms

PREFIX = "/_haneul/"


class RoomPages:
    """Finds the room that a page belongs to, and lets in who may."""

    def __init__(self, cloud: Cloud, rooms: Rooms, verifier: Verifier) -> None:
        self._cloud = cloud
        self._rooms = rooms
        self._verifier = verifier
        self._hosts: Hosts | None = None

    def model_of(self, request: Request) -> str | None:
        """The room whose page this is."""
        name, slash, _ = request.path.removeprefix(PREFIX).partition("/")
        if not slash or not request.path.startswith(PREFIX):
            return None
        return next((model for model, card in self._cloud.services.items() if name in card.pages), None)

    async def answer(self, request: Request, model: str) -> Response:
        try:
            return await self._ask(request, model)
        except AwsError as error:
            body = orjson.dumps({"code": error.code, "message": error.message})
            return Response(error.status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")], body)

    async def _ask(self, request: Request, model: str) -> Response:
        self._check_origin(request)
        verified = self._verifier.verify(request, model)
        principal = verified.principal
        if principal.kind == "anonymous":
            raise AwsError("MissingAuthenticationToken", "Missing Authentication Token", 403)
        room = self._rooms.get(model)
        assert room is not None
        name, _, rest = request.path.removeprefix(PREFIX).partition("/")
        scope = Scope(principal.account or self._cloud.config.account, verified.region)
        call = Call(self._cloud, model, "", scope, principal, tokens.request_id(), request)
        answer = room.service.resolve(room.service.pages[name])(call, request, rest)
        found: Response = await answer if inspect.isawaitable(answer) else answer
        return found

    def _check_origin(self, request: Request) -> None:
        """Raises AccessDenied. A WebSocket isn't held back by CORS: a foreign page could open one to loopback."""
        if self._hosts is None:
            self._hosts = Hosts(self._cloud.config.domain)
        host = request.headers.get("host", "")
        origin = request.headers.get("origin")
        if not self._hosts.read(host).known:
            raise AwsError("AccessDenied", f"Host {host!r} is not one of this cloud's names.", 403)
        if origin is not None and origin.partition("://")[2] != host:
            raise AwsError("AccessDenied", f"Pages of {origin} may not call this cloud.", 403)
