"""Haneul's own pages beside AWS's APIs: health, metrics, the request log and the console's files.

Open to everybody who reaches the port: health, metrics, the console's files. Signed by an account's
root user: the request log. There are no others but what rooms serve (`roompages`); a test lists them.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from haneul import __version__
from haneul.auth.sigv4 import Verifier
from haneul.cloud import Cloud
from haneul.gateway.journal import Journal
from haneul.gateway.roompages import RoomPages
from haneul.wire.errors import AwsError
from haneul.wire.message import FileRange, Request, Response

if TYPE_CHECKING:
    from haneul.gateway.rooms import Rooms

Page = Callable[[Request], "Response | Awaitable[Response]"]
_CONSOLE = Path(__file__).parent.parent / "console"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; "
    "connect-src 'self' http://code.lambda-url.localhost:*"  # functions' archives, for the editor
)


class Inside:
    """The pages under /_haneul, /_localstack and /metrics."""

    def __init__(self, cloud: Cloud, rooms: Rooms, journal: Journal, verifier: Verifier) -> None:
        self._cloud = cloud
        self._rooms = rooms
        self._journal = journal
        self._verifier = verifier
        self._room_pages = RoomPages(cloud, rooms, verifier)
        self.ready = False
        self.hooks: dict[str, list[dict[str, str]]] = {"BOOT": [], "START": [], "READY": [], "SHUTDOWN": []}
        self.pages: dict[str, Page] = {
            "/_haneul/health": self._health,
            "/_haneul/metrics": self._metrics,
            "/metrics": self._metrics,
            "/_haneul/log": self._log,
            "/_localstack/health": self._localstack_health,
            "/_localstack/info": self._localstack_info,
            "/_localstack/init": self._localstack_init,
        }

    def claims(self, request: Request) -> bool:
        """/metrics may be somebody's bucket: only a plain, unsigned GET means the counters."""
        if request.path.startswith("/metrics"):
            return request.path == "/metrics" and request.method == "GET" and "authorization" not in request.headers
        return request.path.startswith(("/_haneul/", "/_localstack/"))

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        page = self.pages.get(request.path)
        if page is not None:
            if request.method not in ("GET", "HEAD"):
                return _text(405, "Method not allowed\n")
            return page(request)
        if request.path == "/_haneul/console" or request.path.startswith("/_haneul/console/"):
            return _static(request.path[len("/_haneul/console") :])
        room = self._room_pages.model_of(request)
        if room is not None:
            return self._room_pages.answer(request, room)
        return _text(404, "There is no such page here.\n")

    def _health(self, request: Request) -> Response:
        config = self._cloud.config
        status = "ready" if self.ready else "starting"
        return _json(
            {"status": status, "version": __version__, "mode": config.mode, "enforceIam": config.iam_enforced,
             "now": self._cloud.clock.now(), "services": self._services()}, 200 if self.ready else 503,
        )  # fmt: skip

    def _services(self) -> Mapping[str, str]:
        loaded = set(self._rooms.loaded)
        return {name: "running" if name in loaded else "available" for name in sorted(self._cloud.services)}

    def _metrics(self, request: Request) -> Response:
        return Response(200, [("Content-Type", "text/plain; version=0.0.4")], self._journal.prometheus())

    def _log(self, request: Request) -> Response:
        verified = self._verifier.verify(request, None)
        if verified.principal.kind != "root":
            raise AwsError("AccessDenied", "Only an account's root user may read the request log.", 403)
        account = verified.principal.account
        entries = [entry._asdict() for entry in self._journal.entries if entry.account == account]
        return _json({"entries": entries[-500:]}, 200)

    def _localstack_health(self, request: Request) -> Response:
        return _json({"services": self._services(), "edition": "haneul", "version": __version__}, 200)

    def _localstack_info(self, request: Request) -> Response:
        return _json({"version": __version__, "edition": "haneul", "is_license_activated": False}, 200)

    def _localstack_init(self, request: Request) -> Response:
        scripts = [{"stage": stage, **script} for stage, ran in self.hooks.items() for script in ran]
        completed = {stage: stage != "SHUTDOWN" and (self.ready or stage != "READY") for stage in self.hooks}
        return _json({"completed": completed, "scripts": scripts}, 200)


def _json(value: object, status: int) -> Response:
    return Response(status, [("Content-Type", "application/json")], orjson.dumps(value))


def _text(status: int, text: str) -> Response:
    return Response(status, [("Content-Type", "text/plain; charset=utf-8")], text.encode())


def _static(path: str) -> Response:
    """A file of the console. The folder is ours alone, and nothing outside it can be named."""
    if path == "":
        return Response(307, [("Location", "/_haneul/console/")])
    name = path.strip("/") or "index.html"
    file = (_CONSOLE / name).resolve()
    if not file.is_relative_to(_CONSOLE.resolve()) or file.suffix == ".py":
        return _text(404, "There is no such page here.\n")
    if not file.is_file():
        file = _CONSOLE / "index.html"  # the console's own paths
        if not file.is_file():
            return _text(404, "The console is not part of this installation.\n")
    kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    headers = [
        ("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind),
        ("Content-Security-Policy", _POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-cache"),
    ]
    return Response(200, headers, [FileRange(str(file), 0, file.stat().st_size)])
