"""The cloud's side of the router: endpoints by name, opened, rerouted and closed; the router's questions answered.

The router is a process of its own, so that neither it nor the gateway ever waits for the other's interpreter. It is
started with the first endpoint, and started again with all of them if it dies.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import logging
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from subprocess import Popen
from typing import Any

from haneul.engines import daemons
from haneul.engines.errors import EngineError

log = logging.getLogger("haneul.endpoints")
POOL = (*range(4510, 4560), *range(14510, 15510))
"""Ports tried, in this order, when the wanted one is taken; below the kernel's range for outgoing connections."""

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Endpoints:
    """Every endpoint of the cloud's database servers."""

    def __init__(
        self, folder: Path, pair: Callable[[], tuple[bytes, bytes]], answer: Answer, hosts: Sequence[str]
    ) -> None:
        self._log = folder / "router.log"
        self._pair = pair
        self._answer = answer
        self._hosts = list(hosts)
        self._lock = threading.RLock()
        self._open: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1)
        self._asked: dict[int, Future[dict[str, Any]]] = {}
        self._process: Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._encoded: tuple[str, str] | None = None
        self._helpers = ThreadPoolExecutor(4, "haneul-endpoints")
        self._closed = False

    def ensure_open(
        self,
        name: str,
        *,
        ports: Sequence[int],
        targets: Sequence[str],
        protocol: str = "postgres",
        rotate: bool = False,
        iam: bool = False,
        force_tls: bool = False,
        hosts: Sequence[str] | None = None,
    ) -> int:
        """The endpoint listens (on the first of `ports` that is free, else on one of the pool) and leads to `targets`,
        the paths of Unix sockets; its port. Raises EngineError."""
        order = {
            "name": name,
            "protocol": protocol,
            "targets": list(targets),
            "rotate": rotate,
            "iam": iam,
            "force_tls": force_tls,
            "hosts": list(hosts or self._hosts),
        }
        with self._lock:
            known = self._open.get(name)
            if known is not None and {key: known.get(key) for key in order} == order:
                return int(known["port"])
            wanted = [known["port"]] if known is not None else [port for port in ports if port]
            taken = {other["port"] for other in self._open.values() if other["hosts"] == order["hosts"]}
            order["ports"] = [port for port in [*wanted, *POOL] if port not in taken or port in wanted[:1]]
            port = int(self._order("open", **order)["port"])
            self._open[name] = order | {"port": port}
            return port

    def ensure_closed(self, name: str) -> None:
        with self._lock:
            if self._open.pop(name, None) is not None and self._process is not None:
                self._order("close", name=name)

    def reroute(self, name: str, targets: Sequence[str], *, drop: bool) -> None:
        """New connections go to `targets`; with `drop`, those to others end now."""
        with self._lock:
            known = self._open.get(name)
            if known is not None:
                known["targets"] = list(targets)
                self._order("route", name=name, targets=list(targets), drop=drop)

    def sessions(self) -> dict[str, int]:
        """How many connections each endpoint has."""
        with self._lock:
            if self._process is None:
                return {}
            return dict(self._order("count")["sessions"])

    def close(self) -> None:
        self._closed = True
        with self._lock:
            process, channel = self._process, self._channel
            self._process = self._channel = None
        if channel is not None:
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)
            channel.close()
        if process is not None and not daemons.wait(process.pid, 5):
            process.kill()
        if process is not None:
            process.wait(5)
        self._helpers.shutdown(wait=False, cancel_futures=True)

    def _order(self, order: str, **members: Any) -> dict[str, Any]:
        with self._lock:
            self._ensure_router()
            if order == "open":
                members |= self._certificate()
            answer = self._send(order, members)
        if "error" in answer:
            raise EngineError(f"endpoint: {answer['error']}")
        return answer

    def _send(self, order: str, members: dict[str, Any]) -> dict[str, Any]:
        assert self._channel is not None
        number = next(self._numbers)
        future: Future[dict[str, Any]] = Future()
        self._asked[number] = future
        try:
            self._channel.sendall(json.dumps({"order": order, "number": number, **members}).encode() + b"\n")
            return future.result(timeout=15)
        except (OSError, FutureTimeout):
            raise EngineError("the router does not answer") from None
        finally:
            self._asked.pop(number, None)

    def _certificate(self) -> dict[str, str]:
        if self._encoded is None:
            chain, key = self._pair()
            self._encoded = (base64.b64encode(chain).decode(), base64.b64encode(key).decode())
        return {"chain": self._encoded[0], "key": self._encoded[1]}

    def _ensure_router(self) -> None:
        """The router runs, with every endpoint that was open."""
        if self._closed:
            raise EngineError("the cloud is going down")
        if self._process is not None and self._process.poll() is None:
            return
        self._log.parent.mkdir(parents=True, exist_ok=True)
        ours, theirs = socket.socketpair()
        argv = [sys.executable, "-m", "haneul.engines.endpoints.router"]
        source = str(Path(__file__).parents[3])
        self._process = daemons.start(
            argv, "self", self._log, death="SIGKILL", environment={"PYTHONPATH": source}, stdin=theirs.fileno()
        )
        theirs.close()
        self._channel = ours
        threading.Thread(target=self._listen, args=(ours,), name="haneul-router", daemon=True).start()
        for name, known in self._open.items():
            order = {key: value for key, value in known.items() if key != "port"} | self._certificate()
            order["ports"] = [known["port"], *POOL]
            answer = self._send("open", order)
            if answer.get("port") != known["port"]:
                log.warning("endpoint %s moved from port %s to %s", name, known["port"], answer.get("port"))
                known["port"] = answer.get("port", 0)

    def _listen(self, channel: socket.socket) -> None:
        """Take the router's answers and questions until it hangs up; then bring it back."""
        with contextlib.suppress(OSError), channel.makefile("rb") as lines:
            for raw in lines:
                line = json.loads(raw)
                if "ask" in line:
                    self._helpers.submit(self._reply, channel, line)
                    continue
                future = self._asked.get(line["answer"])
                if future is not None and not future.done():
                    future.set_result(line)
        for future in list(self._asked.values()):
            if not future.done():
                future.set_exception(OSError("the router ended"))
        if not self._closed:
            log.warning("the router ended; starting it again")
            with contextlib.suppress(EngineError), self._lock:
                if self._process is not None:
                    self._process.wait(5)
                self._ensure_router()

    def _reply(self, channel: socket.socket, line: dict[str, Any]) -> None:
        try:
            answer = self._answer(line)
        except Exception:
            log.exception("the router's question %s failed", line.get("ask"))
            answer = {}
        with contextlib.suppress(OSError):
            channel.sendall(json.dumps({"answer": line["number"], **answer}).encode() + b"\n")
