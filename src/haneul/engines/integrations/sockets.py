"""WebSocket connections that are open now, by id: who holds them listens, who knows an id may write to it.

The protocol itself is the `websockets` library's, without I/O; what is bounded is bounded here: frames, messages, what
a client leaves unread, silence, and the life of a connection.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, cast

from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER
from websockets.protocol import Protocol as Wire

from haneul.service import Scope

if TYPE_CHECKING:
    import asyncio

    from haneul.cloud import Cloud
    from haneul.wire.message import Line

MAX_MESSAGE = 128 << 10
MAX_FRAME = 32 << 10
MAX_BACKLOG = 8 << 20
IDLE = 600.0
LIFE = 7200.0
_GOODBYE = 2.0
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_quiet = logging.getLogger("haneul.sockets")


class Listener(Protocol):
    """Who a connection's messages go to; called on the event loop."""

    def opened(self, socket: Socket) -> None: ...

    def received(self, socket: Socket, data: bytes, is_text: bool) -> None: ...

    def closed(self, socket: Socket, code: int, reason: str) -> None:
        """The connection is gone. code: as RFC 6455 (7.4) has it, 1006 for one that just broke."""
        ...


def accepting(headers: Mapping[str, str], subprotocol: str = "") -> list[tuple[str, str]] | None:
    """The headers that accept a handshake; None for one that is none (RFC 6455, 4.2)."""
    key = headers.get("sec-websocket-key", "")
    try:
        fits = len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        fits = False
    tokens = [one.strip().lower() for one in headers.get("connection", "").split(",")]
    if not fits or headers.get("sec-websocket-version") != "13" or "upgrade" not in tokens:
        return None
    answer = base64.b64encode(hashlib.sha1(key.encode() + _MAGIC).digest()).decode()
    found = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", answer)]
    return [*found, ("Sec-WebSocket-Protocol", subprotocol)] if subprotocol else found


class Sockets:
    """All open connections."""

    def __init__(self) -> None:
        self._open: dict[str, Socket] = {}

    def get(self, identity: str) -> Socket | None:
        return self._open.get(identity)

    def add(self, socket: Socket) -> None:
        self._open[socket.id] = socket

    def drop(self, socket: Socket) -> None:
        self._open.pop(socket.id, None)

    def __len__(self) -> int:
        return len(self._open)

    def part(self, api: str, stage: str | None = None) -> None:
        """Say goodbye to the clients of an API (or stage) that is gone. On the event loop."""
        for one in list(self._open.values()):
            if one.api == api and stage in (None, one.stage):
                one.going_away()


def sockets_of(cloud: Cloud) -> Sockets:
    """The cloud's connections."""
    found = cloud.engines.get("sockets")
    if found is None:
        found = cloud.engines["sockets"] = Sockets()
    return cast(Sockets, found)


class Socket:
    """One connection: a `Session` of the server."""

    def __init__(
        self,
        sockets: Sockets,
        listener: Listener,
        loop: asyncio.AbstractEventLoop,
        now: Callable[[], float],
        *,
        identity: str,
        scope: Scope,
        api: str,
        stage: str,
        client: str,
        agent: str,
    ) -> None:
        self.id = identity
        self.scope = scope
        self.api = api
        self.stage = stage
        self.client = client
        self.agent = agent
        self.connected = self.active = now()
        self._now = now
        self._sockets = sockets
        self._listener = listener
        self._loop = loop
        self._wire = Wire(SERVER, state=OPEN, max_size=(MAX_MESSAGE, MAX_FRAME), logger=_quiet)
        self._line: Line | None = None
        self._pieces: list[bytes] = []
        self._is_text = True
        self._ended: tuple[int, str] | None = None
        self._moved = loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._dies = loop.time() + LIFE

    # The server's side

    def opened(self, line: Line) -> None:
        self._line = line
        self._sockets.add(self)
        self._watch()
        self._listener.opened(self)

    def received(self, data: bytes) -> None:
        self._moved = self._loop.time()
        self._wire.receive_data(data)
        for frame in self._wire.events_received():
            self._take(cast(Frame, frame))
        self._flush()

    def going_away(self) -> None:
        self.close(1001, "Going away")

    def lost(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._line = None
        self._sockets.drop(self)
        told = self._wire.close_rcvd or self._wire.close_sent
        code, reason = self._ended or ((told.code, told.reason) if told is not None else (1006, ""))
        self._listener.closed(self, code, reason)

    def _take(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._is_text = frame.opcode is Opcode.TEXT
            self._pieces = []
        elif frame.opcode is not Opcode.CONT:
            return
        self._pieces.append(bytes(frame.data))
        if not frame.fin:
            return
        data, self._pieces = b"".join(self._pieces), []
        if self._is_text:
            try:
                data.decode()
            except UnicodeDecodeError:
                self._wire.fail(1007, "Invalid UTF-8")
                return
        self.active = self._now()
        self._listener.received(self, data, self._is_text)

    def _flush(self) -> None:
        line = self._line
        for data in self._wire.data_to_send():
            if line is None:
                return
            if data:
                line.write(data)
            else:
                line.close()
        if line is not None and line.backlog > MAX_BACKLOG:
            line.abort()

    def _watch(self) -> None:
        """Close what is silent or old."""
        now = self._loop.time()
        if now >= self._dies or now - self._moved >= IDLE:
            self._ended = self._ended or (1001, "Going away")
            self.close(1001, "Going away")
            return
        self._timer = self._loop.call_at(min(self._dies, self._moved + IDLE) + 0.01, self._watch)

    # Anybody's side

    @property
    def is_open(self) -> bool:
        return self._line is not None and self._wire.state is OPEN

    def send(self, data: bytes, is_text: bool = True) -> bool:
        """Write a message; False when the connection is closing."""
        if not self.is_open:
            return False
        self._moved = self._loop.time()
        self.active = self._now()
        if is_text:
            self._wire.send_text(data)
        else:
            self._wire.send_binary(data)
        self._flush()
        return True

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye; a client that doesn't answer is cut off soon."""
        line = self._line
        if line is None:
            return
        if self._wire.state is OPEN:
            try:
                self._wire.send_close(code, reason)
            except ProtocolError:
                line.abort()
                return
            self._flush()
        self._loop.call_later(_GOODBYE, self._cut)

    def _cut(self) -> None:
        if self._line is not None:
            self._line.abort()

    def pause(self) -> None:
        if self._line is not None:
            self._line.pause()

    def resume(self) -> None:
        if self._line is not None:
            self._line.resume()
