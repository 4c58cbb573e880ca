"""The cloud's own services, as guests find them: listeners inside every VPC that runs, at the address that AWS's names
resolve to there and at its interface endpoints' addresses, each connection spliced to the cloud's port."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from haneul.engines.errors import EngineError
from haneul.engines.networks.port import SERVICES

if TYPE_CHECKING:
    from haneul.services.ec2.plane import Plane

log = logging.getLogger("haneul.ec2")
PORTS = (80, 443, 4566)
CONNECTIONS = 256
"""At once, from one VPC."""
PIECE = 65536
_EVERYWHERE = ("0.0.0.0", "::", "localhost")  # noqa: S104 - compared with, not bound
PATIENCE = 10.0
"""Seconds for the cloud to take a connection."""


class Services:
    """The listeners of this cloud's VPCs."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._lock = threading.Lock()
        self._servers: dict[str, dict[tuple[str, int], asyncio.Server]] = {}
        self._open: dict[str, int] = {}

    def ensure(self, vpc: str, endpoints: Iterable[str]) -> None:
        """The VPC, whose network is there, has the services at SERVICES and the addresses of its endpoints, and
        nowhere else. From worker threads."""
        wanted = {(address, port) for address in (SERVICES, *endpoints) for port in PORTS}
        with self._lock:
            if self._plane.closing:
                return
            there = self._servers.setdefault(vpc, {})
            for place in set(there) - wanted:
                self._plane.cloud.loop.call_soon_threadsafe(there.pop(place).close)
            for place in sorted(wanted - set(there)):
                try:
                    there[place] = self._listen(vpc, *place)
                except (EngineError, OSError) as error:
                    log.warning("services can't be reached at %s:%d in %s: %s", *place, vpc, error)

    def release(self, vpc: str) -> None:
        """The VPC's network goes. From worker threads."""
        with self._lock:
            for server in self._servers.pop(vpc, {}).values():
                self._plane.cloud.loop.call_soon_threadsafe(server.close)

    def close(self) -> None:
        """On the event loop, at the cloud's end."""
        for servers in self._servers.values():
            for server in servers.values():
                server.close()
        self._servers.clear()

    def _listen(self, vpc: str, address: str, port: int) -> asyncio.Server:
        opened = self._plane.networks.listen(vpc, address, port)
        opened.setblocking(False)
        started = asyncio.run_coroutine_threadsafe(self._serve(vpc, port, opened), self._plane.cloud.loop)
        return started.result(30)

    async def _serve(self, vpc: str, port: int, opened: socket.socket) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self._open.get(vpc, 0) >= CONNECTIONS:
                writer.transport.abort()
                return
            self._open[vpc] = self._open.get(vpc, 0) + 1
            try:
                await self._splice(port, reader, writer)
            finally:
                self._open[vpc] -= 1
                writer.close()

        return await asyncio.start_server(serve, sock=opened, limit=PIECE)

    async def _splice(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cloud = self._plane.cloud
        with contextlib.suppress(OSError, TimeoutError):
            target = await cloud.secure_port() if port == 443 else cloud.port
            host = cloud.config.host if cloud.config.host not in _EVERYWHERE else "127.0.0.1"
            asked = asyncio.open_connection(host, target, limit=PIECE)
            inward, outward = await asyncio.wait_for(asked, PATIENCE)
            try:
                await _exchange((reader, outward), (inward, writer))
            finally:
                outward.close()


async def _exchange(*ways: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    """Both ways until both have ended; when one breaks, the other ends too."""
    try:
        async with asyncio.TaskGroup() as group:
            for reader, writer in ways:
                group.create_task(_copy(reader, writer))
    except* OSError:
        pass


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(PIECE):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
