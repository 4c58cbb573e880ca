"""Instance metadata at 169.254.169.254 in every VPC where an instance lives: one listener each, the instance is told by
the peer's address, which the network lets nobody forge. HTTP with one request a connection, bounded in every way.

Source: the EC2 User Guide, "Instance metadata and user data".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from haneul.engines.endpoints.authority import certificate
from haneul.engines.networks.port import METADATA
from haneul.service import Call, Scope
from haneul.services.ec2.instances import metadata_tree
from haneul.services.ec2.instances.metadata_identity import Identity
from haneul.services.ec2.instances.metadata_roles import Roles
from haneul.services.ec2.instances.metadata_tokens import LONGEST, Tokens
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.vpc.state import INTERFACE
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.services.ec2.plane import Plane

log = logging.getLogger("haneul.ec2")
HEAD = 8192
"""Bytes of a request's head at most."""
PATIENCE = 10.0
"""Seconds that a client may take to ask, and again to listen."""
CONNECTIONS = 256
"""At once, in one VPC."""
TTL = "x-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "x-aws-ec2-metadata-token"  # noqa: S105 - a header's name
_WORDS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
          405: "Method Not Allowed", 500: "Internal Server Error"}  # fmt: skip


@dataclass
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]


@dataclass
class Answer:
    status: int
    body: bytes = b""
    kind: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)
    hops: int = 0
    """The IP packets' time to live; 0: the system's own."""


@dataclass
class _Listener:
    server: asyncio.Server
    open: int = 0


class Metadata:
    """The listeners of this cloud's VPCs, and what they answer."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._lock = threading.RLock()
        self._listeners: dict[str, _Listener] = {}
        self._tokens = Tokens()
        self._roles = Roles()
        self._identity = Identity(plane.cloud.config.data)
        self._authority = b""

    def ensure(self, scope: Scope, vpc: str) -> None:
        """The VPC's metadata is served; its network is there. From worker threads."""
        with self._lock:
            if vpc in self._listeners or self._plane.closing:
                return
            self._authority = self._authority or certificate(self._plane.cloud.config.data)
            found = self._plane.networks.listen(vpc, METADATA, 80)
            found.setblocking(False)
            self._listeners[vpc] = asyncio.run_coroutine_threadsafe(
                self._listen(scope, vpc, found), self._plane.cloud.loop
            ).result(30)
            if len(self._listeners) == 1:  # its key takes long to make: not on the event loop, and no launch waits
                threading.Thread(target=self._identity.certificate, name="ec2-identity", daemon=True).start()

    def release(self, scope: Scope, vpc: str) -> None:
        """Nobody listens any more if no instance lives in the VPC. From worker threads."""
        with self._lock:
            with self._plane.cloud.store.read() as tx:
                if any(one.vpc == vpc and one.live for one in INTERFACE.table.scan(tx, scope)):
                    return
            listener = self._listeners.pop(vpc, None)
            if listener is not None:
                self._plane.cloud.loop.call_soon_threadsafe(listener.server.close)

    def forget(self, instance: str) -> None:
        """The instance's credentials are of no more use."""
        self._roles.forget(instance)

    def close(self) -> None:
        """On the event loop, at the cloud's end."""
        for listener in self._listeners.values():
            listener.server.close()
        self._listeners.clear()

    async def _listen(self, scope: Scope, vpc: str, opened: socket.socket) -> _Listener:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if listener.open >= CONNECTIONS:
                writer.close()
                return
            listener.open += 1
            try:
                await self._serve(scope, vpc, reader, writer)
            finally:
                listener.open -= 1
                writer.close()

        listener = _Listener(await asyncio.start_server(serve, sock=opened, limit=HEAD))
        return listener

    async def _serve(self, scope: Scope, vpc: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            asked = parse(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE))
            if asked is None:
                answer = _plain(400)
            else:
                try:
                    answer = self.answer(scope, vpc, writer.get_extra_info("peername")[0], asked)
                except Exception:
                    log.exception("metadata of %s failed", vpc)
                    answer = _plain(500)
            if answer.hops:
                writer.get_extra_info("socket").setsockopt(socket.IPPROTO_IP, socket.IP_TTL, answer.hops)
            writer.write(_bytes(answer, asked is not None and asked.method == "HEAD"))
            await asyncio.wait_for(writer.drain(), PATIENCE)

    def answer(self, scope: Scope, vpc: str, peer: str, asked: Asked) -> Answer:
        """What the instance at `peer` is told. On the event loop."""
        call = self._plane.cloud.call_as("ec2", scope)
        row = _instance(call, vpc, peer)
        if row is None:
            return _plain(404)
        options = row.options["MetadataOptions"]
        if options["HttpEndpoint"] != "enabled":
            return _plain(403)
        if asked.method == "PUT":
            return self._new_token(row, asked)
        if asked.method not in ("GET", "HEAD"):
            return _plain(405)
        token = asked.headers.get(TOKEN)
        if token is None and options["HttpTokens"] == "required":
            return _plain(401)
        if token is not None and not self._tokens.good(token, row.id, call.cloud.clock.monotonic()):
            return _plain(401)
        return self._content(call, row, peer, asked.path)

    def _new_token(self, row: Instance, asked: Asked) -> Answer:
        if asked.path != "/latest/api/token":
            return _plain(404 if asked.path.startswith("/latest/api/") else 405)
        if "x-forwarded-for" in asked.headers:
            return _plain(403)
        ttl = asked.headers.get(TTL, "")
        if not (ttl.isascii() and ttl.isdigit() and len(ttl) <= 5 and 1 <= int(ttl) <= LONGEST):
            return _plain(400)
        token = self._tokens.make(row.id, int(ttl), self._plane.cloud.clock.monotonic())
        hops = row.options["MetadataOptions"]["HttpPutResponseHopLimit"]
        return Answer(200, token.encode(), headers={"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": ttl}, hops=hops)

    def _content(self, call: Call, row: Instance, peer: str, path: str) -> Answer:
        steps = [step for step in path.partition("?")[0].split("/") if step]
        if not steps:
            return Answer(200, "\n".join(metadata_tree.VERSIONS).encode())
        if steps == ["haneul", "ca.pem"]:  # no part of AWS's: what guests need to trust this cloud's services
            return Answer(200, self._authority)
        version, *rest = steps
        if version not in metadata_tree.VERSIONS:
            return _plain(404)
        if not rest:
            return Answer(200, b"dynamic\nmeta-data" + (b"\nuser-data" if row.user_data else b""))
        kind, *rest = rest
        if kind == "user-data" and not rest:
            found = metadata_tree.user_data(row)
            return _plain(404) if found is None else Answer(200, found, "application/octet-stream")
        if kind == "dynamic":
            return _leaf(metadata_tree.look(self._identity.tree(call, row, peer), rest))
        if kind == "meta-data":
            if rest[:1] == ["iam"]:
                return self._iam(call, row, rest[1:])
            return _leaf(metadata_tree.look(metadata_tree.tree(call, row), rest))
        return _plain(404)

    def _iam(self, call: Call, row: Instance, steps: list[str]) -> Answer:
        try:
            found = metadata_tree.look(self._roles.tree(call, row), steps)
        except AwsError as error:
            log.warning("role of %s: %s", row.id, error)
            return _plain(404)
        return _leaf(found)


def parse(head: bytes) -> Asked | None:
    """A request's head; None for what isn't one."""
    try:
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, version = first.split(" ")
    except ValueError:
        return None
    if not version.startswith("HTTP/1.") or not path.startswith("/"):
        return None
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return Asked(method, path, headers)


def _instance(call: Call, vpc: str, peer: str) -> Instance | None:
    with call.read() as tx:
        for one in INTERFACE.table.scan(tx, call.scope):
            if one.vpc == vpc and peer in one.addresses and one.attachment.get("instance"):
                return INSTANCE.find(tx, call.scope, one.attachment["instance"])
    return None


def _leaf(found: str | None) -> Answer:
    return _plain(404) if found is None else Answer(200, found.encode())


def _plain(status: int) -> Answer:
    words = f"{status} - {_WORDS[status]}"
    body = (
        '<?xml version="1.0" encoding="iso-8859-1"?>\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">\n'
        f" <head>\n  <title>{words}</title>\n </head>\n <body>\n  <h1>{words}</h1>\n </body>\n</html>\n"
    )
    return Answer(status, body.encode(), "text/html")


def _bytes(answer: Answer, head_only: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} {_WORDS[answer.status]}",
        f"Content-Type: {answer.kind}",
        f"Content-Length: {len(answer.body)}",
        "Server: EC2ws",
        "Connection: close",
        *(f"{name}: {value}" for name, value in answer.headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if head_only else answer.body)
