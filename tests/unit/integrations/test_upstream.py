"""The HTTP client behind APIs, against endpoints that answer as badly as endpoints do."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest

from haneul.engines.integrations.upstream import Answered, TimedOut, Unanswered, Upstream, anywhere, reach_of

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def run(talk: Talk, work: Callable[[Upstream, str], Awaitable[object]]) -> object:
    """Do `work` with a fresh client and the URL of an endpoint that talks like that."""

    async def whole() -> object:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        upstream = Upstream()
        try:
            return await work(upstream, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        finally:
            upstream.close()
            server.close()

    return asyncio.run(whole())


async def head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def says(data: bytes, close: bool = True) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await head(reader)
                writer.write(data)
                await writer.drain()
                if close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    return talk


def get(data: bytes, method: str = "GET", **options: object) -> Answered:
    found = run(says(data), lambda upstream, url: upstream.ask(url, method, [], b"", 5.0, **options))  # type: ignore[arg-type]
    assert isinstance(found, Answered)
    return found


def test_shapes_of_answers() -> None:
    """By length, in chunks, until the end, after a 100, and with no body at all."""
    assert get(PLAIN).body == b"ok"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n2\r\n!!\r\n0\r\n\r\n"
    assert get(chunked).body == b"ok!!"
    assert get(b"HTTP/1.1 200 OK\r\n\r\nuntil the end").body == b"until the end"
    assert get(b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN).body == b"ok"
    assert get(b"HTTP/1.1 204 No Content\r\n\r\n").status == 204
    found = get(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n", "HEAD")
    assert (found.status, found.body) == (200, b"")
    assert [value for name, value in found.pairs if name == "Set-Cookie"] == ["a", "b"]


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    ],
)
def test_what_is_no_answer(data: bytes) -> None:
    """Never a success, never a hang."""
    with pytest.raises(Unanswered):
        get(data)


def test_limits() -> None:
    """An answer that is too long, and one that doesn't come."""
    with pytest.raises(Unanswered):
        get(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100, limit=99)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    with pytest.raises(TimedOut):
        run(silent, lambda upstream, url: upstream.ask(url, "GET", [], b"", 0.05))
    for url in ("ftp://127.0.0.1/", "http:///", "nonsense", "http://127.0.0.1:9/"):
        with pytest.raises(Unanswered):
            asyncio.run(Upstream().ask(url, "GET", [], b"", 1.0))


def test_connections_are_kept_and_let_go() -> None:
    """One for several requests; one that was closed meanwhile isn't missed."""
    opened = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        try:
            for _ in range(2):
                await head(reader)
                writer.write(PLAIN)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def work(upstream: Upstream, url: str) -> None:
        for _ in range(5):
            assert (await upstream.ask(url, "GET", [], b"", 5.0)).body == b"ok"

    run(talk, work)
    assert opened == 3


def test_a_header_brings_no_line_of_its_own() -> None:
    """What a client put into a header, a query or a path stays there."""
    seen = b""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen = await head(reader)
        writer.write(PLAIN)
        writer.close()

    headers = [("X-One", "a\r\nX-Two: b"), ("Bad Name", "x"), ("Content-Length", "99"), ("X:Y", "z")]
    run(talk, lambda upstream, url: upstream.ask(url + "/a b\r\nX: y?q=\r\nX: z", "POST", headers, b"", 5.0))
    lines = seen.decode().split("\r\n")
    assert "X-One: aX-Two: b" in lines
    assert "Content-Length: 0" in lines
    assert not [line for line in lines if line.startswith(("X-Two", "X: ", "Bad", "X:Y"))]
    assert len(lines) == 6


@pytest.mark.parametrize(
    ("address", "port", "in_dev", "in_cloud"),
    [
        ("93.184.216.34", 443, True, True),
        ("127.0.0.1", 4566, True, True),
        ("127.0.0.1", 5432, True, False),
        ("10.1.2.3", 80, True, False),
        ("::1", 80, True, False),
        ("::ffff:127.0.0.1", 80, True, False),
        ("169.254.169.254", 80, False, False),
        ("::ffff:169.254.169.254", 80, False, False),
        ("fe80::1", 80, False, False),
        ("0.0.0.0", 80, False, False),
        ("224.0.0.1", 80, False, False),
    ],
)
def test_who_may_be_reached(address: str, port: int, in_dev: bool, in_cloud: bool) -> None:
    """Never the host's metadata; in mode cloud nothing that isn't public, but the cloud itself."""
    cloud = SimpleNamespace(port=4566, config=SimpleNamespace(mode="cloud", tls_port=None))
    found = ipaddress.ip_address(address)
    assert anywhere(found, port) is in_dev
    assert reach_of(cloud)(found, port) is in_cloud  # type: ignore[arg-type]


def test_names_are_judged_by_their_address() -> None:
    """A name that leads where nobody may go is out of reach, whatever it is called."""

    async def work(upstream: Upstream, url: str) -> None:
        kept = Upstream(lambda address, port: not address.is_loopback)
        with pytest.raises(Unanswered, match="out of reach"):
            await kept.ask(url.replace("127.0.0.1", "localhost"), "GET", [], b"", 5.0)

    run(says(PLAIN), work)
