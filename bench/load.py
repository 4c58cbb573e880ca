"""The load generator: raw keep-alive connections that send prepared requests and count what comes back.

    python -m bench.load HOST PORT FILE CONNECTIONS SECONDS

FILE holds the requests, each behind its length (4 bytes). Prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import httptools
import uvloop


class Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.send()

    def send(self) -> None:
        load = self.load
        now = time.perf_counter()
        if now >= load.end:
            self.alive = False
            self.transport.close()
            return
        request = load.requests[load.next % len(load.requests)]
        load.next += 1
        self.started = now
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, chunk: bytes) -> None:
        self.load.received += len(chunk)

    def on_message_complete(self) -> None:
        load = self.load
        load.took.append(time.perf_counter() - self.started)
        status = self.parser.get_status_code()
        if status >= 300:
            load.errors += 1
        if self.parser.should_keep_alive():
            self.parser = httptools.HttpResponseParser(self)
            self.send()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.alive and time.perf_counter() < self.load.end:
            self.load.reconnects += 1
            asyncio.get_running_loop().create_task(self.load.connect())
        self.load.open -= 1
        if self.load.open == 0:
            self.load.done.set()


class Load:
    """What all connections share."""

    def __init__(self, host: str, port: int, requests: list[bytes], seconds: float) -> None:
        self.host, self.port, self.requests = host, port, requests
        self.seconds = seconds
        self.next = self.errors = self.received = self.reconnects = self.open = 0
        self.took: list[float] = []
        self.end = 0.0

    async def connect(self) -> None:
        self.open += 1
        try:
            await asyncio.get_running_loop().create_connection(lambda: Client(self), self.host, self.port)
        except OSError:
            self.open -= 1
            self.errors += 1

    async def run(self, connections: int) -> dict[str, float]:
        self.done = asyncio.Event()
        began = time.perf_counter()
        self.end = began + self.seconds
        for _ in range(connections):
            await self.connect()
        await self.done.wait()
        elapsed = time.perf_counter() - began
        took = sorted(self.took) or [0.0]
        return {
            "requests": len(self.took), "seconds": elapsed, "rps": len(self.took) / elapsed, "errors": self.errors,
            "p50_ms": took[len(took) // 2] * 1000, "p99_ms": took[min(len(took) - 1, len(took) * 99 // 100)] * 1000,
            "bytes": self.received, "reconnects": self.reconnects,
        }  # fmt: skip


def read_requests(path: str) -> list[bytes]:
    with open(path, "rb") as file:
        raw = file.read()
    found, at = [], 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4], "big")
        found.append(raw[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def write_requests(path: str, requests: list[bytes]) -> None:
    with open(path, "wb") as file:
        for request in requests:
            file.write(len(request).to_bytes(4, "big") + request)


if __name__ == "__main__":
    host, port, path, connections, seconds = sys.argv[1:6]
    load = Load(host, int(port), read_requests(path), float(seconds))
    print(json.dumps(uvloop.run(load.run(int(connections)))))
