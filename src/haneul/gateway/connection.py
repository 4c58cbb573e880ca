"""One client's connection: HTTP/1.1 parsed by httptools (llhttp), one request answered after another.

Small bodies are buffered, bodies of operations that stream are handed over while they arrive. Everything is bounded:
head, body, pipeline, and the time a slow client may take.
"""

from __future__ import annotations

import asyncio
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING

import httptools

from haneul.gateway.sending import Sender, send_stream
from haneul.gateway.stream import StreamBody
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response, Session, Upgrade

if TYPE_CHECKING:
    from haneul.gateway.server import Server

MAX_HEAD = 64 << 10
STREAM_ABOVE = 256 << 10
"""Bodies above this are streamed where the operation can take a stream; smaller ones are buffered."""
MAX_PIPELINE = 64
MAX_DISCARD = 16 << 20
_JOIN_ABOVE = 64 << 10
_REASONS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}" for status in HTTPStatus}
_MAX_NAMES = 512
_NAMES: dict[bytes, str] = {}
"""Header names as clients write them -> as we know them."""
_ONCE = frozenset({"host", "content-length", "transfer-encoding", "authorization", "content-type"})


class BadRequest(Exception):
    """Bytes that are no acceptable HTTP request; `status` is the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Connection(asyncio.Protocol):
    """One client's connection."""

    __slots__ = (
        "_body",
        "_body_size",
        "_busy",
        "_client",
        "_close_after",
        "_head_done",
        "_head_only",
        "_head_size",
        "_headers",
        "_loop",
        "_pairs",
        "_parser",
        "_paused",
        "_queue",
        "_reading_since",
        "_request",
        "_rest",
        "_secure",
        "_sender",
        "_server",
        "_session",
        "_since",
        "_stream",
        "_task",
        "_transport",
        "_url",
        "_writable",
    )

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop, secure: bool) -> None:
        self._server = server
        self._loop = loop
        self._secure = secure
        self._queue: deque[tuple[Request, bool]] = deque()
        self._busy = False
        self._head_only = False
        self._close_after = False
        self._paused = False
        self._request: Request | None = None
        self._stream: StreamBody | None = None
        self._sender: Sender | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._reading_since: float | None = None
        self._session: Session | None = None
        self._rest: bytearray | None = None
        """What follows a request for another protocol, until it is answered."""
        self._since = server.tick
        self._head_size = 0
        self._reset()

    def _reset(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._pairs: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._body_size = 0
        self._head_done = False
        self._request = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's is none by name
        peer = transport.get_extra_info("peername")
        self._client = peer[0] if peer else ""
        self._parser = httptools.HttpRequestParser(self)
        connections = self._server.connections
        if len(connections) >= self._server.max_connections or self._server.draining:
            self._transport.abort()
            return
        connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._since = self._server.tick
        if self._session is not None:
            self._session.received(data)
            return
        if self._rest is not None:
            self._rest += data
            if len(self._rest) > MAX_HEAD:
                self._pause()
            return
        if not self._head_done:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, BadRequest) else BadRequest(400, "Bad Request"))
        except httptools.HttpParserError:
            self._refuse(BadRequest(400, "Bad Request"))
        else:
            if not self._head_done and self._head_size > MAX_HEAD:
                self._refuse(BadRequest(431, "Request header section too large"))
            elif self._busy and (self._queue or self._body_size > STREAM_ABOVE):
                self._pause()

    def eof_received(self) -> bool:
        if self._session is not None:
            return False
        if self._request is not None and self._request.on_gone is not None:
            self._hung_up(self._request)  # who waits for something to come doesn't wait for half a client
        return self._busy  # an answer under way is still sent to a client that has closed its half

    def _hung_up(self, request: Request) -> None:
        request.gone = True
        if request.on_gone is not None:
            request.on_gone()
            request.on_gone = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        if self._stream is not None and not self._stream.finished:
            self._stream.fail(
                AwsError("RequestTimeout", "The connection was closed before the body was complete.", 400)
            )
        if self._request is not None:
            self._hung_up(self._request)
        if self._sender is not None:
            self._sender.stop()
        if self._task is not None:
            self._task.cancel()
        if self._writable is not None and not self._writable.done():
            if self._session is None:
                self._writable.set_exception(ConnectionResetError())
            else:
                self._writable.cancel()  # nobody waits for it
        self._queue.clear()
        session, self._session = self._session, None
        if session is not None:
            session.lost()

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # httptools callbacks

    def on_message_begin(self) -> None:
        self._reading_since = self._server.tick
        self._reset()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key = _NAMES.get(name) or _name(name)
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode("latin-1")
        if self._head_done:  # a trailer after a chunked body
            if self._stream is not None and len(self._stream.trailers) < 32:
                self._stream.trailers[key] = text
            return
        headers = self._headers
        if key in headers:
            if key in _ONCE:
                raise BadRequest(400, f"Header {key} given twice")
            text = f"{headers[key]},{text}"
        elif len(headers) >= 256:
            raise BadRequest(431, "Too many headers")
        headers[key] = text
        self._pairs.append((name, value))

    def on_headers_complete(self) -> None:
        self._head_done = True
        self._head_size = 0
        headers = self._headers
        if "transfer-encoding" in headers and "content-length" in headers:
            raise BadRequest(400, "Both Content-Length and Transfer-Encoding")
        path, _, query = self._url.partition(b"?")
        if not path.startswith(b"/"):
            path = _origin_form(path)
        method = self._parser.get_method().decode("latin-1")
        self._request = request = Request(
            method, path.decode("latin-1"), query.decode("latin-1"), headers, b"", None, self._client, self._secure
        )
        request.pairs = self._pairs
        if "expect" in headers:
            if headers["expect"].lower() != "100-continue":
                raise BadRequest(417, "Unknown expectation")
            # At once: boto3 waits a whole second for it, and a refusal can still follow.
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = headers.get("content-length")
        if length is not None and len(length) > 5 and int(length) > STREAM_ABOVE:
            self._begin_large(request, int(length))

    def on_body(self, chunk: bytes) -> None:
        if self._stream is not None:
            self._stream.feed(chunk)
            return
        self._body.append(chunk)
        self._body_size += len(chunk)
        if self._body_size > STREAM_ABOVE and "transfer-encoding" in self._headers:
            assert self._request is not None
            if self._body_size > self._server.max_body:
                raise BadRequest(413, "Request body too large")
            if self._server.application.wants_stream(self._request):
                self._open_stream(self._request, None)

    def on_message_complete(self) -> None:
        self._reading_since = None
        if self._stream is not None:
            self._stream.finish()
            self._stream = None
            if not self._busy and not self._queue:
                self._finish_discarding()
            return
        request = self._request
        assert request is not None
        body = self._body
        if body:
            request.body = body[0] if len(body) == 1 else b"".join(body)
            self._body = []
        keep = self._parser.should_keep_alive()
        if self._busy:
            if len(self._queue) >= MAX_PIPELINE:
                raise BadRequest(400, "Too many pipelined requests")
            self._queue.append((request, keep))
        else:
            self._begin(request, keep)

    # A request's life here

    def _begin_large(self, request: Request, length: int) -> None:
        if self._server.application.wants_stream(request):
            self._open_stream(request, length)
        elif length > self._server.max_body:
            raise BadRequest(413, "Request body too large")

    def _open_stream(self, request: Request, length: int | None) -> None:
        request.stream = self._stream = StreamBody(length, self._pause, self._resume)
        for chunk in self._body:
            self._stream.feed(chunk)
        self._body = []
        self._body_size = 0
        keep = self._parser.should_keep_alive()
        if self._busy:
            self._queue.append((request, keep))
        else:
            self._begin(request, keep)

    def _begin(self, request: Request, keep_alive: bool) -> None:
        self._busy = True
        self._head_only = request.method == "HEAD"
        self._close_after = not keep_alive or self._server.draining or _wants_socket(request)
        self._server.application.handle(request, self._respond)

    def _respond(self, response: Response) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        if isinstance(response, Upgrade):
            self._hand_over(response)
            return
        if self._stream is not None and not self._stream.finished:
            self._stop_reading_body(self._stream)
        body = response.body
        if type(body) is bytes:
            head = self._head(response, len(body))
            if self._head_only or not body:
                transport.write(head)
            elif len(body) <= _JOIN_ABOVE:
                transport.write(head + body)
            else:
                transport.writelines((head, body))
            self._finished(None)
        elif isinstance(body, list | tuple):
            length = sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in body)
            head = self._head(response, length)
            pieces = [head] if self._head_only else [head, *body]
            self._sender = Sender(self._loop, transport, pieces, self._finished, self._secure)
            self._sender.start()
        else:
            head = self._head(response, None)
            assert not isinstance(body, bytes)
            self._task = self._loop.create_task(send_stream(transport, head, body, self.drained, self._finished))  # type: ignore[arg-type]

    async def drained(self) -> None:
        """Wait until the socket's write buffer has room."""
        if self._writable is not None:
            await self._writable

    def _head(self, response: Response, length: int | None) -> bytes:
        status = response.status
        lines = [f"{name}: {value}\r\n" for name, value in response.headers]
        text = "".join(lines)
        if text.count("\n") != len(lines):  # a value carried a line break: never let it split the response
            text = "".join([line[:-2].replace("\r", " ").replace("\n", " ") + "\r\n" for line in lines])
        text = f"{_REASONS.get(status) or f'HTTP/1.1 {status} Unknown'}\r\nDate: {self._server.date}\r\n{text}"
        if "\nContent-Length: " not in text and status not in (101, 204, 304):
            text += "Transfer-Encoding: chunked\r\n" if length is None else f"Content-Length: {length}\r\n"
        text += "Connection: close\r\n\r\n" if self._close_after else "\r\n"
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError:
            return text.encode()

    def _finished(self, error: BaseException | None) -> None:
        """The response is handed to the socket; on to the next request."""
        self._sender = None
        self._task = None
        if error is not None:
            self._transport.abort()
            return
        self._busy = False
        self._since = self._server.tick
        if self._close_after and self._stream is None:
            self._transport.close()
        elif self._queue:
            request, keep = self._queue.popleft()
            self._loop.call_soon(self._begin_queued, request, keep)
            self._busy = True
        elif self._paused:
            self._resume()

    def _begin_queued(self, request: Request, keep_alive: bool) -> None:
        if not self._transport.is_closing():
            self._begin(request, keep_alive)

    def _stop_reading_body(self, stream: StreamBody) -> None:
        """Answered before the body was read: drop the rest if it's short, else close after the answer."""
        stream.discard()
        if stream.length is None or stream.length > MAX_DISCARD:
            self._close_after = True
            self._loop.call_later(2.0, self._transport.close)

    def _finish_discarding(self) -> None:
        if self._close_after:
            self._transport.close()

    def _refuse(self, problem: BadRequest) -> None:
        """Answer bytes that are no request, and close."""
        if self._stream is not None:
            self._stream.fail(AwsError("IncompleteBody", str(problem), 400))
            self._stream = None
        if not self._busy and not self._transport.is_closing():
            self._close_after = True
            message = f"{problem}\n".encode()
            self._transport.write(self._head(Response(problem.status, [("Content-Type", "text/plain")]), len(message)))
            self._transport.write(message)
        self._transport.close()

    # Another protocol

    def _upgrade(self, rest: bytes) -> None:
        """The request that has just ended asks for another protocol; WebSocket is handed to whoever answers it, others
        (h2c) are passed over, as RFC 9110 (7.8) allows."""
        if self._session is not None:
            if rest:
                self._session.received(rest)
        elif self._request is not None and _wants_socket(self._request):
            self._rest = bytearray(rest)
        else:
            self._parser = httptools.HttpRequestParser(self)
            if rest and not self._transport.is_closing():
                self.data_received(rest)

    def _hand_over(self, response: Upgrade) -> None:
        """The connection is the session's from here on."""
        self._close_after = False
        self._transport.write(self._head(response, None))
        self._session = response.session
        rest, self._rest = self._rest, None
        self._session.opened(self)
        if rest and self._session is not None:
            self._session.received(bytes(rest))
        self._resume()

    @property
    def backlog(self) -> int:
        return self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        self._transport.close()

    def pause(self) -> None:
        self._pause()

    def resume(self) -> None:
        self._resume()

    def _pause(self) -> None:
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    # The server's side

    def close_if_idle(self) -> None:
        if self._session is not None:
            self._session.going_away()
            return
        self._close_after = True
        if not self._busy and self._reading_since is None:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def check_patience(self, now: float) -> None:
        """Close a connection whose client is too slow (a head must end in time, a body must move) or idle."""
        server = self._server
        if self._session is not None:
            return
        if self._reading_since is not None:
            slow = now - self._reading_since if not self._head_done else now - self._since
            if slow > server.slow_timeout and not self._paused:
                self._refuse(BadRequest(408, "Request timed out"))
        elif not self._busy:
            if now - self._since > server.idle_timeout:
                self._transport.close()
        elif self._sender is not None and now - self._sender.moved > server.idle_timeout:
            self._transport.abort()


def _wants_socket(request: Request) -> bool:
    return request.method == "GET" and request.headers.get("upgrade", "").lower() == "websocket"


def _name(raw: bytes) -> str:
    name = raw.decode("latin-1").lower()
    if len(_NAMES) < _MAX_NAMES and len(raw) < 64:
        _NAMES[raw] = name
    return name


def _origin_form(target: bytes) -> bytes:
    """The path of an absolute-form target (RFC 9112, 3.2.2)."""
    for scheme in (b"http://", b"https://"):
        if target.startswith(scheme):
            slash = target.find(b"/", len(scheme))
            return target[slash:] if slash > 0 else b"/"
    raise BadRequest(400, "Bad request target")
