"""The process in front of database servers, `python -m haneul.engines.endpoints.router`; orders come on descriptor 0.

A client's connection is looked at until it has logged in; from then on bytes go from socket to socket without being
looked at (in the plain case without any Python: the one transport's `write` is the other's `data_received`).

Orders and answers are lines of JSON: open, close, route, count; the router asks `login` and `token` back.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from haneul.engines.endpoints.sessions import MysqlSession, PostgresSession
from haneul.engines.endpoints.tls import context

BACKLOG = 512
MAX_SESSIONS = 5000


class Endpoint:
    """One listening port and where its connections go: the first target that answers, or each in turn."""

    def __init__(self, router: Router, order: dict[str, Any]) -> None:
        self.router = router
        self.name: str = order["name"]
        self.protocol: str = order["protocol"]
        self.sessions: set[Any] = set()
        self.servers: list[asyncio.AbstractServer] = []
        self.port = 0
        self.context: ssl.SSLContext | None = None
        self._turn = itertools.count()
        self.update(order)

    def update(self, order: dict[str, Any]) -> None:
        self.targets: list[str] = order["targets"]
        self.rotate: bool = order.get("rotate", False)
        self.iam: bool = order.get("iam", False)
        self.force_tls: bool = order.get("force_tls", False)
        if order.get("chain"):
            self.context = context(base64.b64decode(order["chain"]), base64.b64decode(order["key"]))
        if order.get("drop"):
            for session in [one for one in self.sessions if one.target not in self.targets]:
                session.abort()

    def candidates(self) -> list[str]:
        """The targets in the order to try them."""
        if not self.rotate or not self.targets:
            return self.targets
        first = next(self._turn) % len(self.targets)
        return self.targets[first:] + self.targets[:first]

    def session(self) -> asyncio.Protocol:
        kind = MysqlSession if self.protocol == "mysql" else PostgresSession
        return kind(self)

    async def listen(self, hosts: list[str], ports: list[int]) -> None:
        """Listen on the first of `ports` that is free on the first host, and there on the others where they exist.

        Raises OSError when none is free.
        """
        loop = asyncio.get_running_loop()
        for port in ports:
            try:
                first = await loop.create_server(self.session, hosts[0], port, backlog=BACKLOG)
            except OSError:
                continue
            self.servers.append(first)
            self.port = first.sockets[0].getsockname()[1]
            for host in hosts[1:]:
                with contextlib.suppress(OSError):
                    self.servers.append(await loop.create_server(self.session, host, self.port, backlog=BACKLOG))
            return
        raise OSError(f"none of {len(ports)} ports is free")

    def close(self) -> None:
        for server in self.servers:
            server.close()
        for session in list(self.sessions):
            session.abort()


class Router:
    """All endpoints, and the line to the cloud."""

    def __init__(self) -> None:
        self.endpoints: dict[str, Endpoint] = {}
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writer: asyncio.StreamWriter | None = None

    def keep(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @property
    def full(self) -> bool:
        return sum(len(endpoint.sessions) for endpoint in self.endpoints.values()) >= MAX_SESSIONS

    async def run(self) -> None:
        """Until the cloud hangs up."""
        reader, self._writer = await asyncio.open_connection(sock=socket.socket(fileno=os.dup(0)), limit=1 << 22)
        while line := await reader.readline():
            order = json.loads(line)
            if "answer" in order:
                future = self._asked.pop(order["answer"], None)
                if future is not None and not future.done():
                    future.set_result(order)
            else:
                self.keep(self._obey(order))

    async def ask(self, question: str, **members: Any) -> dict[str, Any]:
        """The cloud's answer, within 10 s. Raises TimeoutError."""
        number = next(self._numbers)
        future = self._asked[number] = asyncio.get_running_loop().create_future()
        self._tell({"ask": question, "number": number, **members})
        try:
            return await asyncio.wait_for(future, 10)
        finally:
            self._asked.pop(number, None)

    def _tell(self, line: dict[str, Any]) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps(line).encode() + b"\n")

    async def _obey(self, order: dict[str, Any]) -> None:
        handlers: dict[str, Callable[[dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]]] = {
            "open": self._open,
            "close": self._close,
            "route": self._route,
            "count": self._count,
        }
        try:
            answer = await handlers[order["order"]](order)
        except Exception as failure:
            answer = {"error": str(failure) or type(failure).__name__}
        self._tell({"answer": order["number"], **answer})

    async def _open(self, order: dict[str, Any]) -> dict[str, Any]:
        endpoint = self.endpoints.get(order["name"])
        if endpoint is None:
            endpoint = Endpoint(self, order)
            await endpoint.listen(order["hosts"], order["ports"])
            self.endpoints[endpoint.name] = endpoint
        else:
            endpoint.update(order)
        return {"port": endpoint.port}

    async def _close(self, order: dict[str, Any]) -> dict[str, Any]:
        endpoint = self.endpoints.pop(order["name"], None)
        if endpoint is not None:
            endpoint.close()
        return {}

    async def _route(self, order: dict[str, Any]) -> dict[str, Any]:
        endpoint = self.endpoints.get(order["name"])
        if endpoint is not None:
            endpoint.targets = order["targets"]
            if order.get("drop"):
                for session in [one for one in endpoint.sessions if one.target not in endpoint.targets]:
                    session.abort()
        return {}

    async def _count(self, order: dict[str, Any]) -> dict[str, Any]:
        return {"sessions": {name: len(endpoint.sessions) for name, endpoint in self.endpoints.items()}}


def main() -> None:
    import uvloop

    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(Router().run())
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
