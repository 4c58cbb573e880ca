"""HTTP/1.1 over uvloop: listening sockets, and one synchronous Protocol per connection (`connection.py`).

bytes -> Connection.data_received -> Request -> handler(request, respond) -> Response -> bytes

A connection answers its requests in order (pipelining), one at a time.
"""

from __future__ import annotations

import asyncio
import email.utils
import ssl
import time
from collections.abc import Callable
from typing import Protocol

from haneul.gateway.connection import Connection
from haneul.wire.message import Request, Response


class Application(Protocol):
    """What the server serves."""

    def handle(self, request: Request, respond: Callable[[Response], None]) -> None:
        """Answer by calling `respond` exactly once, now or later, on the event loop."""
        ...

    def wants_stream(self, request: Request) -> bool:
        """Whether this request's body (above STREAM_ABOVE) is read as a stream, judged by its head."""
        ...


class Server:
    """Listening sockets and their connections, with the limits they share."""

    def __init__(
        self,
        application: Application,
        *,
        max_body: int = 256 << 20,
        max_connections: int = 4096,
        idle_timeout: float = 75.0,
        slow_timeout: float = 30.0,
    ) -> None:
        self.application = application
        self.max_body = max_body
        self.max_connections = max_connections
        self.idle_timeout = idle_timeout
        self.slow_timeout = slow_timeout
        self.connections: set[Connection] = set()
        self.draining = False
        self.date = ""
        self.tick = 0.0
        self._servers: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None

    async def listen(self, host: str, port: int, context: ssl.SSLContext | None = None) -> int:
        """Start listening; the port, which the system chooses when `port` is 0. Raises OSError."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(self, loop, context is not None), host, port, ssl=context, backlog=1024
        )
        self._servers.append(server)
        if self._timer is None:
            self._sweep()
        chosen: int = server.sockets[0].getsockname()[1]
        return chosen

    async def drain(self, timeout: float) -> None:
        """Stop accepting, let requests under way finish for `timeout` seconds, then close."""
        self.draining = True
        for server in self._servers:
            server.close()
        for connection in list(self.connections):
            connection.close_if_idle()
        deadline = time.monotonic() + timeout
        while self.connections and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for connection in list(self.connections):
            connection.abort()
        if self._timer is not None:
            self._timer.cancel()

    def _sweep(self) -> None:
        self.tick = time.monotonic()
        self.date = email.utils.formatdate(usegmt=True)
        for connection in list(self.connections):
            connection.check_patience(self.tick)
        self._timer = asyncio.get_running_loop().call_later(1.0, self._sweep)
