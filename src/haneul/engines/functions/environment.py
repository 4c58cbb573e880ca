"""One execution environment: a sandboxed process from its fork to its end, and the invocations it is given."""

from __future__ import annotations

import array
import asyncio
import contextlib
import datetime
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haneul.engines.errors import EngineError
from haneul.engines.functions.port import Outcome, Plan, Work
from haneul.engines.functions.runtimeapi import Connection, Forward
from haneul.kit import tokens

if TYPE_CHECKING:
    from haneul.engines.functions.local import LocalEngine

INIT_WITHIN = 10.0
MAX_LOG = 256 << 10
MB = 1 << 20
Answer = Callable[[int, list[tuple[str, str]], bytes], None]


def instant(now: float) -> str:
    when = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


class Environment:
    """A process, its Runtime API, and what it writes."""

    def __init__(self, house: LocalEngine, plan: Plan) -> None:
        self.id = tokens.random_hex(32)
        self.plan = plan
        self.used = time.monotonic()
        self.stale = False
        self.cgroups: list[Path] = []
        self.ended = False
        self._house = house
        self._loop = asyncio.get_running_loop()
        self._servers: list[asyncio.Server] = []
        self._next: Answer | None = None
        self._work: Work | None = None
        self._result: asyncio.Future[Outcome] | None = None
        self.started: asyncio.Future[None] = self._loop.create_future()
        self._up: asyncio.Future[None] = self._loop.create_future()
        self.over: asyncio.Future[None] = self._loop.create_future()
        self._init_error: bytes | None = None
        self._status: int | None = None
        self._rss = 0
        self._init: float | None = None
        self._born = time.monotonic()
        self._lines: list[tuple[float, str]] = []
        self._partial = b""
        self._logged = 0
        self._channel, self._theirs = socket.socketpair()
        self._channel.setblocking(False)
        self._output, self._their_output = os.pipe()
        os.set_blocking(self._output, False)
        self._text = b""

    # The process

    async def start(self, control: socket.socket, spec: dict[str, Any]) -> None:
        """Have the environment forked; returns when it runs. Raises EngineError when it can't be made."""
        data = json.dumps(spec).encode()
        self._channel.setblocking(True)
        rights = array.array("i", [self._theirs.fileno(), self._their_output])
        try:
            control.sendmsg([b"fork"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            self._theirs.close()
            os.close(self._their_output)
            self._channel.settimeout(10)
            self._channel.sendall(len(data).to_bytes(4, "big") + data)
        except OSError as error:
            self._close_all()
            raise EngineError(f"the forker is gone: {error}") from None
        self._channel.setblocking(False)
        self._loop.add_reader(self._channel.fileno(), self._told)
        self._loop.add_reader(self._output, self._read_output)
        await asyncio.wait_for(asyncio.shield(self._up), 20)

    def _told(self) -> None:
        try:
            data, ancillary, _, _ = self._channel.recvmsg(65536, socket.CMSG_LEN(16))
        except BlockingIOError:
            return
        except OSError:
            data, ancillary = b"", []
        descriptors = array.array("i")
        for _, _, blob in ancillary:
            descriptors.frombytes(blob[: len(blob) // 4 * 4])
        if not data:
            self._finish()
            return
        self._text += data
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "error" in message:
                if not self._up.done():
                    self._up.set_exception(EngineError(str(message["error"])))
            elif "ready" in message:
                self._loop.create_task(self._serve(list(descriptors)))
            else:
                self._status, self._rss = message["status"], message["memory"]

    async def _serve(self, descriptors: list[int]) -> None:
        """Answer on the sockets that were made inside: the Runtime API, and the way to the cloud."""
        try:
            for at, descriptor in enumerate(descriptors):
                sock = socket.socket(fileno=descriptor)
                sock.setblocking(False)
                factory: Callable[[], asyncio.Protocol] = (
                    (lambda: Connection(self)) if at == 0 else (lambda: Forward(self._house.port))
                )
                self._servers.append(await self._loop.create_server(factory, sock=sock))
            if not self._up.done():
                self._up.set_result(None)
        except OSError as error:
            if not self._up.done():
                self._up.set_exception(EngineError(str(error)))

    async def listen(self) -> int:
        """Where no network of its own can be had: the Runtime API on the machine's loopback."""
        server = await self._loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def kill(self) -> None:
        """End it: the keeper kills everything inside when its channel closes."""
        self.stale = True
        if not self.ended:
            with contextlib.suppress(OSError):
                self._channel.shutdown(socket.SHUT_WR)

    def _finish(self) -> None:
        if self.ended:
            return
        self._read_output()
        self.ended = True
        killed = self._house.groups.killed(self.cgroups)
        memory = self._memory()
        self._close_all()
        if not self._up.done():
            if self._status is None:
                self._up.set_exception(EngineError("the environment ended before it ran"))
            else:
                self._up.set_result(None)
        if not self.started.done():
            self.started.set_result(None)
        if self._result is not None and not self._result.done() and self._work is not None:
            self._result.set_result(self._crashed(self._work, killed, memory))
        if not self.over.done():
            self.over.set_result(None)
        self._house.ended(self)

    def _close_all(self) -> None:
        for descriptor in (self._channel.fileno(), self._output):
            if descriptor >= 0:
                self._loop.remove_reader(descriptor)
        self._channel.close()
        self._theirs.close()
        if self._output >= 0:
            os.close(self._output)
            self._output = -1
        for server in self._servers:
            server.close()

    def _crashed(self, work: Work, killed: bool, memory: int) -> Outcome:
        if self._init_error is not None:
            return Outcome(self._init_error, "Unhandled", memory=memory)
        status = self._status if self._status is not None else signal.SIGKILL
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            cause = "signal: killed" if number == signal.SIGKILL else f"signal: {signal.strsignal(number)}".lower()
        elif os.WEXITSTATUS(status) == 0:
            cause = ""
        else:
            cause = f"exit status {os.WEXITSTATUS(status)}"
        kind = "Runtime.OutOfMemory" if killed and cause == "signal: killed" else "Runtime.ExitError"
        said = f"Runtime exited with error: {cause}" if cause else "Runtime exited without providing a reason"
        told = {"errorType": kind, "errorMessage": f"RequestId: {work.request_id} Error: {said}"}
        self._line(f"RequestId: {work.request_id} Error: {said}\n{kind}\n")
        return Outcome(json.dumps(told).encode(), "Unhandled", memory=memory)

    def _memory(self) -> int:
        return self._house.groups.peak(self.cgroups) or self._rss or self._resident()

    def _resident(self) -> int:
        return 32 * MB

    # What it writes

    def _read_output(self) -> None:
        while self._output >= 0:
            try:
                data = os.read(self._output, 65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._loop.remove_reader(self._output)
                return
            lines = (self._partial + data).split(b"\n")
            self._partial = lines.pop()
            for line in lines:
                self._line(line.decode(errors="replace") + "\n")
            if len(self._partial) > MAX_LOG:
                self._line(self._partial.decode(errors="replace"))
                self._partial = b""

    def _line(self, text: str) -> None:
        self._lines.append((time.time(), text))
        self._logged += len(text)
        while self._logged > MAX_LOG * 4 and len(self._lines) > 1:
            self._logged -= len(self._lines.pop(0)[1])

    def _take_lines(self) -> list[tuple[float, str]]:
        self._read_output()
        if self._partial:
            self._line(self._partial.decode(errors="replace"))
            self._partial = b""
        lines, self._lines, self._logged = self._lines, [], 0
        return lines

    # The Runtime API's party

    def next(self, answer: Answer) -> None:
        if self._init is None:
            self._init = time.monotonic() - self._born
        self._next = answer
        if not self.started.done():
            self.started.set_result(None)
        self._hand()

    def _hand(self) -> None:
        work, answer = self._work, self._next
        if work is None or answer is None or self._result is None or self._result.done():
            return  # answered already, though `invoke` has not yet cleared it away: never twice
        self._next = None
        self._handed = time.monotonic()
        deadline = int((time.time() + self.plan.timeout) * 1000)
        headers = [
            ("Lambda-Runtime-Aws-Request-Id", work.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(deadline)),
            ("Lambda-Runtime-Invoked-Function-Arn", work.arn),
            ("Lambda-Runtime-Trace-Id", work.trace),
        ]
        if work.client_context:
            headers.append(("Lambda-Runtime-Client-Context", work.client_context))
        answer(200, headers, work.payload)

    def _current(self, request_id: str) -> asyncio.Future[Outcome] | None:
        if self._work is None or self._work.request_id != request_id or self._result is None or self._result.done():
            return None
        return self._result

    def respond(self, request_id: str, headers: dict[str, str], body: bytes) -> bool:
        result = self._current(request_id)
        if result is None:
            return False
        kind = headers.get("lambda-runtime-function-error-type") if "trailer" in headers else None
        result.set_result(Outcome(body, "Unhandled" if kind else None, content_type=headers.get("content-type", "")))
        return True

    def fail(self, request_id: str, headers: dict[str, str], body: bytes) -> bool:
        result = self._current(request_id)
        if result is None:
            return False
        result.set_result(Outcome(body, "Unhandled"))
        return True

    def fail_init(self, headers: dict[str, str], body: bytes) -> None:
        self._init_error = body

    def piece(self, request_id: str, headers: dict[str, str], data: bytes) -> None:
        if self._current(request_id) is not None and self._work is not None and self._work.pieces is not None:
            self._work.pieces(data, headers.get("content-type", ""))

    # Invocations

    async def invoke(self, work: Work) -> Outcome:
        """Give it one invocation and wait for its end; afterwards it is idle, or `ended`."""
        first = self._init is None
        self._work = work
        self._result = self._loop.create_future()
        self._handed = time.monotonic()
        before = time.time()
        if self.ended:
            self._result.set_result(self._crashed(work, False, 0))
        if first:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.started), INIT_WITHIN + self.plan.timeout)
            self._handed = time.monotonic()
        self._hand()
        done, _ = await asyncio.wait([self._result], timeout=self.plan.timeout)
        seconds = time.monotonic() - self._handed
        late = ""
        if done:
            outcome = self._result.result()
        else:
            seconds = self.plan.timeout
            said = f"Task timed out after {self.plan.timeout:.2f} seconds"
            told = {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {work.request_id} Error: {said}"}
            outcome = Outcome(json.dumps(told).encode(), "Unhandled")
            self._result.cancel()
            late = f"{instant(time.time())} {work.request_id} {said}\n\n"
        self._work = self._result = None
        self._complete(outcome, work, seconds, first, before, late)
        if late:
            self.kill()
        self.used = time.monotonic()
        return outcome

    def _complete(self, outcome: Outcome, work: Work, seconds: float, first: bool, before: float, late: str) -> None:
        """The figures and the platform's lines around those of the handler."""
        outcome.seconds = seconds
        outcome.init = self._init if first else None
        outcome.billed = max(1, -int(-(seconds * 1000) // 1))
        outcome.memory = min(outcome.memory or self._memory(), self.plan.memory * MB)
        outcome.environment = self.id
        lines = self._take_lines()
        now = time.time()
        report = (
            f"REPORT RequestId: {work.request_id}\tDuration: {seconds * 1000:.2f} ms\t"
            f"Billed Duration: {outcome.billed} ms\tMemory Size: {self.plan.memory} MB\t"
            f"Max Memory Used: {-(-outcome.memory // MB)} MB\t"
        )
        if outcome.init is not None:
            report += f"Init Duration: {outcome.init * 1000:.2f} ms\t"
        if late:
            lines.append((now, late))
            report += "Status: timeout"
        head = [(before, f"START RequestId: {work.request_id} Version: {self.plan.version}\n")]
        tail = [(now, f"END RequestId: {work.request_id}\n"), (now, report + "\n")]
        outcome.lines = head + lines + tail
