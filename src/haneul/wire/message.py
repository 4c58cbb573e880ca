"""What crosses the wire: one HTTP request in, one HTTP response out, as plain data.

The gateway's server builds `Request` from bytes and writes `Response` to the socket;
`wire` translates between them and an operation's members; rooms see neither.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from haneul.kit.ranges import FileRange

__all__ = ["Body", "BufferedBody", "FileRange", "Line", "Payload", "Request", "Response", "Session", "Upgrade"]


class Body(Protocol):
    """A streaming payload on its way in (S3 PutObject's Body, Glacier's archive).

    `buffered` is the whole payload when it already arrived with its head (small objects: no await
    needed), else None. `length` is the decoded length in bytes when the client declared it.
    Iterate once. Raises AwsError (IncompleteBody, SignatureDoesNotMatch ...) while iterating.
    `trailers` (lower-case names) is complete after the last chunk.
    """

    buffered: bytes | None
    length: int | None
    trailers: dict[str, str]

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def read(self, limit: int) -> bytes:
        """The whole payload; raises AwsError EntityTooLarge above `limit` bytes."""
        ...


class BufferedBody:
    """A `Body` that arrived whole."""

    __slots__ = ("buffered", "length", "trailers")

    def __init__(self, data: bytes, trailers: dict[str, str] | None = None) -> None:
        self.buffered: bytes | None = data
        self.length: int | None = len(data)
        self.trailers: dict[str, str] = {} if trailers is None else trailers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.buffered:
            yield self.buffered

    async def read(self, limit: int) -> bytes:
        from haneul.wire.errors import AwsError

        data = self.buffered or b""
        if len(data) > limit:
            raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400)
        return data


# What a response may carry: bytes; pieces sent in order with a known total length; or a stream.
Payload = bytes | Sequence["bytes | FileRange"] | AsyncIterator[bytes]


class Request:
    """One HTTP request: its head parsed, its small body buffered, its large body a stream.

    `path` and `query` are raw (still percent-encoded, as signed); `headers` has lower-case names,
    repeated ones joined by a comma. `body` is the buffered body, or b"" when `stream` is set.
    `pairs` are the headers as they were sent, for the few who hand them on (API Gateway).
    `gone`: the client hung up; whoever waits long sets `on_gone` (called once, on the event loop).
    """

    __slots__ = ("body", "client", "gone", "headers", "method", "on_gone", "pairs", "path", "query", "secure", "stream")

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        body: bytes = b"",
        stream: Body | None = None,
        client: str = "127.0.0.1",
        secure: bool = False,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.stream = stream
        self.client = client
        self.secure = secure
        self.pairs: Sequence[tuple[bytes, bytes]] = ()
        self.gone = False
        self.on_gone: Callable[[], None] | None = None


class Response:
    """One HTTP response. `headers` are pairs, so that a name may repeat; Content-Length is the server's."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[str, str]], body: Payload = b"") -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Line(Protocol):
    """A client's connection in the hands of a `Session`. On the event loop only."""

    @property
    def backlog(self) -> int:
        """Bytes written that the client hasn't taken yet."""
        ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None:
        """Close once what was written has left."""
        ...

    def abort(self) -> None: ...

    def pause(self) -> None:
        """Read no more for now: the client is ahead of us."""
        ...

    def resume(self) -> None: ...


class Session(Protocol):
    """What speaks another protocol (WebSocket) over a connection that began as HTTP. Its patience is its own business:
    the server's idle time doesn't count."""

    def opened(self, line: Line) -> None:
        """The 101 has been written; the line is the session's."""
        ...

    def received(self, data: bytes) -> None: ...

    def going_away(self) -> None:
        """The server is stopping: say goodbye and close soon."""
        ...

    def lost(self) -> None:
        """The connection is gone, whoever closed it. Called once."""
        ...


class Upgrade(Response):
    """The answer to `Upgrade: websocket`: 101 with these headers, after which the connection is the session's."""

    __slots__ = ("session",)

    def __init__(self, headers: list[tuple[str, str]], session: Session) -> None:
        super().__init__(101, headers)
        self.session = session
