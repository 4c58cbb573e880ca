"""Lambda's Runtime API for one environment: a small HTTP/1.1 server on the listener made inside the sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Protocol

MAX_HEAD = 32 << 10
MAX_BODY = (6 << 20) + 1024
PREFIX = "/2018-06-01/runtime/"
STREAMED = 20 << 20


class Party(Protocol):
    """Whom the API serves: one environment."""

    def next(self, answer: Callable[[int, list[tuple[str, str]], bytes], None]) -> None: ...

    def respond(self, request_id: str, headers: dict[str, str], body: bytes) -> bool: ...

    def fail(self, request_id: str, headers: dict[str, str], body: bytes) -> bool: ...

    def fail_init(self, headers: dict[str, str], body: bytes) -> None: ...

    def piece(self, request_id: str, headers: dict[str, str], data: bytes) -> None: ...


class Connection(asyncio.Protocol):
    """One connection of a runtime: one request after the other."""

    def __init__(self, party: Party) -> None:
        self._party = party
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._head: tuple[str, str, dict[str, str]] | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._trailers = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop has its own class

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._advance():
            pass

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None

    def _advance(self) -> bool:
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MAX_HEAD:
                    self._close()
                return False
            lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
            del self._buffer[: end + 4]
            try:
                method, path, _ = lines[0].split(" ", 2)
            except ValueError:
                self._close()
                return False
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
            self._head = (method, path, headers)
            self._chunks, self._size, self._trailers = [], 0, False
        headers = self._head[2]
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._take_chunk()
        length = headers.get("content-length", "0")
        wanted = int(length) if length.isdigit() else 0
        if wanted > MAX_BODY:
            self._refuse()
            return False
        if len(self._buffer) < wanted:
            return False
        body = bytes(self._buffer[:wanted])
        del self._buffer[:wanted]
        self._finish(body)
        return True

    def _take_chunk(self) -> bool:
        assert self._head is not None
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        if self._trailers:
            del self._buffer[: end + 2]
            if end == 0:
                self._finish(b"".join(self._chunks))
            return True
        try:
            size = int(bytes(self._buffer[:end]).split(b";")[0], 16)
        except ValueError:
            self._close()
            return False
        if size == 0:
            del self._buffer[: end + 2]
            self._trailers = True
            return True
        if len(self._buffer) < end + 4 + size:
            return False
        data = bytes(self._buffer[end + 2 : end + 2 + size])
        del self._buffer[: end + 4 + size]
        self._size += size
        if self._size > STREAMED:
            self._close()
            return False
        self._chunks.append(data)
        parts = self._head[1].split("/")
        if self._head[2].get("lambda-runtime-function-response-mode") == "streaming" and len(parts) == 6:
            self._party.piece(parts[4], self._head[2], data)
        return True

    def _finish(self, body: bytes) -> None:
        assert self._head is not None
        method, path, headers = self._head
        self._head = None
        route = path.removeprefix(PREFIX).split("?")[0].split("/")
        if method == "GET" and route == ["invocation", "next"]:
            self._party.next(self.answer)
        elif method == "POST" and route == ["init", "error"]:
            self._party.fail_init(headers, body)
            self.answer(202, [], b'{"status":"OK"}')
        elif method == "POST" and len(route) == 3 and route[0] == "invocation" and route[2] in ("response", "error"):
            take = self._party.respond if route[2] == "response" else self._party.fail
            if take(route[1], headers, body):
                self.answer(202, [], b'{"status":"OK"}')
            else:
                told = {"errorMessage": "State transition is not allowed", "errorType": "InvalidStateTransition"}
                self.answer(403, [], json.dumps(told).encode())
        else:
            self.answer(404, [], b"404 page not found")

    def _refuse(self) -> None:
        """A response above 6 MB: the invocation fails, and the connection with what is left of it ends."""
        assert self._head is not None
        length = self._head[2].get("content-length", "0")
        route = self._head[1].removeprefix(PREFIX).split("/")
        told = {
            "errorMessage": f"Response payload size ({length} bytes) exceeded maximum allowed payload size "
            "(6291556 bytes).",
            "errorType": "Function.ResponseSizeTooLarge",
        }
        if len(route) == 3:
            self._party.fail(route[1], {}, json.dumps(told).encode())
        self.answer(413, [("Connection", "close")], json.dumps(told).encode())
        self._close()

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        if self._transport is None:
            return
        lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self._transport.write("\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Forward(asyncio.Protocol):
    """A connection to the cloud's own port from inside a sandbox, carried over byte by byte."""

    def __init__(self, port: int, peer: Forward | None = None) -> None:
        self._port = port
        self._peer = peer
        self._transport: asyncio.Transport | None = None
        self._waiting: list[bytes] = []
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop has its own class
        if self._peer is None:
            self._task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            _, peer = await asyncio.get_running_loop().create_connection(
                lambda: Forward(self._port, self), "127.0.0.1", self._port
            )
        except OSError:
            self._end()
            return
        self._peer = peer
        for data in self._waiting:
            peer.send(data)
        self._waiting.clear()
        if self._transport is None:
            peer._end()

    def data_received(self, data: bytes) -> None:
        if self._peer is None:
            self._waiting.append(data)
        else:
            self._peer.send(data)

    def pause_writing(self) -> None:
        if self._peer is not None and self._peer._transport is not None:
            self._peer._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._peer is not None and self._peer._transport is not None:
            self._peer._transport.resume_reading()

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._peer is not None:
            self._peer._end()

    def _end(self) -> None:
        if self._transport is not None:
            self._transport.close()
