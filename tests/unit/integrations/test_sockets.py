"""A WebSocket connection's life on a clock of the test's own: silence, age, pings, what is no UTF-8, goodbyes."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import pytest
from websockets.frames import Opcode
from websockets.protocol import CLIENT, OPEN, Protocol

from haneul.engines.integrations.sockets import IDLE, LIFE, MAX_BACKLOG, Socket, Sockets
from haneul.service import Scope


class Timer:
    """A timer that can be cancelled."""

    def __init__(self, at: float, work: Callable[[], None]) -> None:
        self.at = at
        self.work: Callable[[], None] | None = work

    def cancel(self) -> None:
        self.work = None

    def __lt__(self, other: Timer) -> bool:
        return self.at < other.at


class Loop:
    """An event loop's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, work: Callable[[], None]) -> Timer:
        timer = Timer(at, work)
        heapq.heappush(self.timers, timer)
        return timer

    def call_later(self, delay: float, work: Callable[[], None]) -> Timer:
        return self.call_at(self.now + delay, work)

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while self.timers and self.timers[0].at <= end:
            timer = heapq.heappop(self.timers)
            self.now = max(self.now, timer.at)
            if timer.work is not None:
                timer.work()
        self.now = end


class Line:
    """The client's end: everything that was written, until it is closed."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False
        self.backlog = 0

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause(self) -> None:
        pass

    resume = pause


class Pair:
    """A server's socket and a client's protocol, and what the listener was told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.loop = Loop()
        self.line = Line()
        self.sockets = Sockets()
        self.socket = Socket(
            self.sockets, self, self.loop, self.loop.time,  # type: ignore[arg-type]
            identity="id", scope=Scope("000000000000", "us-east-1"), api="api", stage="dev", client="", agent="",
        )  # fmt: skip
        self.client = Protocol(CLIENT, state=OPEN)
        self.socket.opened(self.line)

    def opened(self, socket: Socket) -> None:
        self.told.append(("opened",))

    def received(self, socket: Socket, data: bytes, is_text: bool) -> None:
        self.told.append((data, is_text))

    def closed(self, socket: Socket, code: int, reason: str) -> None:
        self.told.append((code, reason))

    def flush(self) -> None:
        """What the client has to say reaches the server; what the server wrote reaches the client."""
        self.socket.received(b"".join(self.client.data_to_send()))
        data, self.line.written = self.line.written, b""
        self.client.receive_data(data)


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_silence_ends_it(pair: Pair) -> None:
    """Ten minutes without a byte; a ping is enough to stay."""
    pair.loop.pass_time(IDLE - 1)
    pair.client.send_ping(b"x")
    pair.flush()
    assert [frame.opcode for frame in pair.client.events_received()] == [Opcode.PONG]
    pair.loop.pass_time(IDLE - 1)
    assert pair.socket.is_open
    pair.loop.pass_time(2)
    assert not pair.socket.is_open
    pair.client.receive_data(pair.line.written)
    assert pair.client.close_rcvd is not None
    assert pair.client.close_rcvd.code == 1001
    pair.loop.pass_time(10)
    assert pair.line.closed
    pair.socket.lost()
    assert pair.told[-1] == (1001, "Going away")
    assert pair.sockets.get("id") is None


def test_age_ends_it(pair: Pair) -> None:
    """Two hours, however much is said."""
    for _ in range(int(LIFE // 60) - 1):
        pair.loop.pass_time(60)
        assert pair.socket.send(b"tick")
    assert pair.socket.is_open
    pair.loop.pass_time(61)
    assert not pair.socket.is_open
    assert not pair.socket.send(b"late")


def test_the_client_says_goodbye(pair: Pair) -> None:
    """Its code and reason are told, once."""
    pair.client.send_close(4001, "bye")
    pair.flush()
    assert pair.line.closed
    pair.socket.lost()
    assert pair.told == [("opened",), (4001, "bye")]


def test_messages_in_pieces(pair: Pair) -> None:
    """Pieces are one message; binary is told apart."""
    pair.client.send_text(b"he", fin=False)
    pair.client.send_continuation(b"llo", fin=True)
    pair.client.send_binary(b"\xff")
    pair.flush()
    assert pair.told[1:] == [(b"hello", True), (b"\xff", False)]


def test_text_that_is_none(pair: Pair) -> None:
    """1007, and the message is nobody's."""
    pair.client.send_text(b"\xff\xfe")
    pair.flush()
    pair.socket.lost()
    assert pair.told == [("opened",), (1007, "Invalid UTF-8")]


def test_a_client_that_reads_nothing(pair: Pair) -> None:
    """The line is cut, not the cloud's memory used up."""
    pair.line.backlog = MAX_BACKLOG + 1
    pair.socket.send(b"x")
    assert pair.line.closed
    pair.socket.lost()
    assert pair.told[-1] == (1006, "")
