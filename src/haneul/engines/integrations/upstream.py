"""HTTP/1.1 endpoints behind an API: one request out, one answer back, over connections kept for the next request.

Who may be reached is asked of the address that a name really has, right before it is used: a tenant's endpoint must not
be the host's own metadata service, nor, in mode cloud, what else listens on this machine or its network.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

import httptools

from haneul.engines.errors import EngineError

if TYPE_CHECKING:
    from haneul.cloud import Cloud

MAX_ANSWER = 10 << 20
MAX_HEAD = 64 << 10
MAX_KEPT = 32
MAX_HOSTS = 512
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~\-]+")
_SAFE = "/%:@!$&'()*+,;=~-._"
_SAFE_QUERY = _SAFE + '?[]{}|^`<>"'
Key = tuple[str, str, int, bool]
Pairs = list[tuple[str, str]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Reach = Callable[[Address, int], bool]


class Answered(NamedTuple):
    """What an endpoint answered: `headers` by lower-case name (the last of a name counts), `pairs` as they came."""

    status: int
    headers: dict[str, str]
    body: bytes
    pairs: Pairs


class Unanswered(EngineError):
    """The endpoint can't be reached, or what it says is no HTTP answer."""


class TimedOut(Unanswered):
    """The endpoint took too long."""


class Stale(Exception):
    """A connection that was kept turned out to be closed before the answer had begun."""


def anywhere(address: Address, port: int) -> bool:
    """Everything but what is no endpoint: link-local addresses (a host's metadata service), multicast, 0.0.0.0."""
    plain = getattr(address, "ipv4_mapped", None) or address
    return not (plain.is_link_local or plain.is_multicast or plain.is_unspecified)


def reach_of(cloud: Cloud) -> Reach:
    """Whom the cloud's endpoints may be: in mode cloud the public internet and the cloud itself."""
    if cloud.config.mode != "cloud":
        return anywhere

    def public(address: Address, port: int) -> bool:
        plain = getattr(address, "ipv4_mapped", None) or address
        own = plain.is_loopback and port in (cloud.port, cloud.config.tls_port)
        return own or (plain.is_global and anywhere(address, port))

    return public


class Upstream:
    """Connections to all endpoints."""

    def __init__(self, reach: Reach = anywhere) -> None:
        self._reach = reach
        self._idle: dict[Key, list[Link]] = {}
        self._contexts: dict[bool, ssl.SSLContext] = {}

    def close(self) -> None:
        for kept in self._idle.values():
            for link in kept:
                link.close()
        self._idle.clear()

    async def ask(
        self,
        url: str,
        method: str,
        headers: Pairs,
        body: bytes,
        timeout: float,
        insecure: bool = False,
        limit: int = MAX_ANSWER,
    ) -> Answered:
        """The endpoint's answer of at most `limit` bytes. Redirects are answers too. Raises Unanswered, TimedOut."""
        try:
            async with asyncio.timeout(timeout):
                return await self._ask(url, method, headers, body, insecure, limit)
        except TimeoutError:
            raise TimedOut(f"{url} did not answer in {timeout:g} s") from None
        except (OSError, ValueError, httptools.HttpParserError) as error:
            raise Unanswered(f"{url}: {error}") from error

    async def _ask(self, url: str, method: str, headers: Pairs, body: bytes, insecure: bool, limit: int) -> Answered:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not _NAME.fullmatch(method):
            raise ValueError("no HTTP address")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        key = (parts.scheme, parts.hostname, port, insecure)
        target = quote(parts.path or "/", safe=_SAFE) + (
            f"?{quote(parts.query, safe=_SAFE + '?')}" if parts.query else ""
        )
        wanted = _head(method, target, parts.netloc.rpartition("@")[2], headers, body) + body
        idle = self._idle.get(key)
        while idle:
            link = idle.pop()
            if not link.is_open:
                continue
            try:
                return await self._use(key, link, method, wanted, limit)
            except Stale:
                break  # only a fresh one tells whether there is anybody
        return await self._use(key, await self._connect(key), method, wanted, limit)

    async def _use(self, key: Key, link: Link, method: str, wanted: bytes, limit: int) -> Answered:
        try:
            answered = await link.ask(method, wanted, limit)
        except BaseException:
            link.close()
            raise
        if not link.keeps:
            link.close()
            return answered
        if len(self._idle) >= MAX_HOSTS:
            self.close()
        kept = self._idle.setdefault(key, [])
        if len(kept) >= MAX_KEPT:
            link.close()
        else:
            kept.append(link)
        return answered

    async def _connect(self, key: Key) -> Link:
        scheme, host, port, insecure = key
        context = self._context(insecure) if scheme == "https" else None
        loop = asyncio.get_running_loop()
        failed: OSError | None = None
        for address in await _addresses(host, port):
            if not self._reach(ipaddress.ip_address(address.partition("%")[0]), port):
                failed = OSError(f"{address} is out of reach")
                continue
            try:
                _, link = await loop.create_connection(
                    Link, address, port, ssl=context, server_hostname=host if context is not None else None
                )
                return link
            except OSError as error:
                failed = error
        raise failed or OSError(f"{host} has no address")

    def _context(self, insecure: bool) -> ssl.SSLContext:
        found = self._contexts.get(insecure)
        if found is None:
            found = self._contexts[insecure] = ssl.create_default_context()
            if insecure:
                found.check_hostname = False
                found.verify_mode = ssl.CERT_NONE
        return found


async def _addresses(host: str, port: int) -> list[str]:
    """The addresses of a name, or the one that it is."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(one[4][0]) for one in found))


def _head(method: str, target: str, host: str, headers: Pairs, body: bytes) -> bytes:
    """The request up to its body. A header can't bring a line of its own."""
    lines = [f"{method} {target} HTTP/1.1"]
    names = {name.lower() for name, _ in headers}
    if "host" not in names:
        lines.append(f"Host: {host}")
    for name, value in headers:
        if _NAME.fullmatch(name) and name.lower() not in ("content-length", "transfer-encoding", "connection"):
            lines.append(f"{name}: {value}".replace("\r", "").replace("\n", "").replace("\0", ""))
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Link(asyncio.Protocol):
    """One connection: one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answered] | None = None
        self.keeps = False
        self._fresh = True

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def ask(self, method: str, wanted: bytes, limit: int) -> Answered:
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._head_only = method == "HEAD"
        self._limit = limit
        self.keeps = False
        self._begin()
        self._transport.write(wanted)
        return await self._waiting

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._pairs: Pairs = []
        self._body: list[bytes] = []
        self._size = 0
        self._begun = self._head_done = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's is none by name

    def data_received(self, data: bytes) -> None:
        if self._waiting is None or self._waiting.done():
            self.close()  # nobody asked
            return
        self._begun = True
        if not self._head_done:
            self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(error.__context__ if isinstance(error.__context__, OSError) else error)
            return
        if not self._head_done and self._size > MAX_HEAD:
            self._fail(OSError("the answer's head is too long"))

    def connection_lost(self, exc: Exception | None) -> None:
        waiting = self._waiting
        if waiting is None or waiting.done():
            return
        if self._head_done and not self._sized():
            self._done(False)
        elif not self._begun and not self._fresh:
            self._fail(Stale())
        else:
            self._fail(exc or ConnectionResetError("the endpoint closed the connection"))

    # httptools callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        self._pairs.append((name.decode("latin-1"), value.decode("utf-8", "replace")))

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            return
        self._head_done = True
        self._size = 0
        if self._head_only:
            self._done(False)

    def on_body(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._limit:
            raise OSError("the answer is too long")
        self._body.append(chunk)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:  # 100 Continue and the like: the answer follows
            self._pairs = []
            return
        self._done(self._parser.should_keep_alive())

    def _sized(self) -> bool:
        return any(name.lower() in ("content-length", "transfer-encoding") for name, _ in self._pairs)

    def _done(self, keeps: bool) -> None:
        if self._waiting is None or self._waiting.done():
            return
        self.keeps = keeps
        self._fresh = False
        headers = {name.lower(): value for name, value in self._pairs}
        self._waiting.set_result(Answered(self._parser.get_status_code(), headers, b"".join(self._body), self._pairs))

    def _fail(self, error: BaseException) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
