"""The queues in use: each with its row, the index of its messages, and those who wait for one.

The store is the truth; a queue's index is made from it at first use and dropped whenever a write fails. At most
WINDOW messages of a queue are indexed; those behind them wait in the store until there is room.
One lock serialises the event loop with steps and deliveries that run in threads.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from haneul.converge import wake
from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.sqs.errors import no_queue
from haneul.services.sqs.plane import journal
from haneul.services.sqs.plane.index import HELD, Entry, FifoIndex, Index, StandardIndex
from haneul.services.sqs.plane.journal import Message
from haneul.services.sqs.state import QUEUES, Queue
from haneul.services.sqs.tally import EVERY, Tally

if TYPE_CHECKING:
    from haneul.cloud import Cloud
    from haneul.state.store import Reader, Writer

WINDOW, FIFO_WINDOW = 20_000, 120_000
DEDUPLICATION = 300_000
_NUMBER = b"q/n"
_SWEEP = 1000


class Live:
    """A queue in use."""

    def __init__(self, scope: Scope, row: Queue) -> None:
        self.scope = scope
        self.row = row
        self.number = row.number
        self.fifo = row.fifo
        self.window = FIFO_WINDOW if row.fifo else WINDOW
        self.index: Index = FifoIndex() if row.fifo else StandardIndex()
        self.unloaded = 0
        """Messages in the store behind `horizon`, that the index doesn't know."""
        self.horizon = 0
        self.waiters: deque[asyncio.Future[None]] = deque()
        self.tally: Tally = Tally()
        self.told = False
        """Its metrics' timer runs."""
        self.attempts: dict[str, tuple[int, list[tuple[int, int]]]] = {}
        """ReceiveRequestAttemptId -> (until, [(sequence, nonce)])."""
        self._duplicates: deque[tuple[int, bytes]] = deque()

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{self.scope.region}:{self.scope.account}:{self.row.name}"

    def setting(self, name: str, default: int) -> int:
        value = self.row.attributes.get(name)
        return default if value is None else int(value)

    def load(self, tx: Reader, now: int) -> None:
        """Make the index anew from the store."""
        self.index = FifoIndex() if self.fifo else StandardIndex()
        self.unloaded = self.horizon = 0
        if self.fifo:
            found = sorted((item.until, key) for key, item in journal.duplicates(tx, self.number))
            self._duplicates = deque(found)
        self._extend(tx, now, count_rest=True)

    def _extend(self, tx: Reader, now: int, *, count_rest: bool = False) -> None:
        """Index messages behind the horizon until the window is full."""
        heads: list[journal.Head] = []
        rest = 0
        room = self.window - (len(self.index.entries) - self.index.held)
        for head in journal.heads(tx, self.number, self.horizon):
            if len(heads) < room:
                heads.append(head)
            elif count_rest:
                rest += 1
            else:
                break
        if heads:
            hidden = journal.hidden(tx, self.number, heads[0].sequence, heads[-1].sequence)
            for head in heads:
                entry = Entry(head.sequence, head.sent, head.due, head.group)
                if (seen := hidden.get(head.sequence)) is not None:
                    entry.due, entry.count, entry.first, entry.nonce = seen
                self.index.add(entry, now)
            self.horizon = heads[-1].sequence
        self.unloaded = rest if count_rest else max(0, self.unloaded - len(heads))

    def refill(self, tx: Reader, now: int) -> None:
        if self.unloaded and len(self.index.entries) - self.index.held < self.window // 2:
            self._extend(tx, now)

    def put(self, tx: Writer, sequence: int, message: Message, now: int) -> None:
        """Store a message and let the index know."""
        journal.put(tx, self.number, sequence, message)
        if self.unloaded or len(self.index.entries) - self.index.held >= 2 * self.window:
            self.unloaded += 1
            return
        self.horizon = sequence
        self.index.add(Entry(sequence, message.sent, message.due, message.group), now)

    def drop(self, tx: Writer, sequence: int) -> bool:
        """Delete a message; False when it wasn't there."""
        entry = self.index.entries.get(sequence)
        if entry is not None:
            self.index.remove(entry)
            journal.delete(tx, self.number, sequence, received=entry.count > 0)
            return True
        if self.unloaded and sequence > self.horizon and journal.exists(tx, self.number, sequence):
            self.unloaded -= 1
            journal.delete(tx, self.number, sequence)
            return True
        return False

    def held(self, sequence: int) -> Entry | None:
        entry = self.index.entries.get(sequence)
        return entry if entry is not None and entry.state == HELD else None

    def sweep(self, tx: Writer, now: int) -> bool:
        """Delete messages older than the retention period, some at a time; True when there may be more."""
        self.index.tick(now)
        limit = now - self.setting("MessageRetentionPeriod", 345_600) * 1000
        stale: list[Entry] = []
        for entry in self.index.entries.values():
            if entry.sent > limit or len(stale) >= _SWEEP:
                break
            stale.append(entry)
        for entry in stale:
            self.drop(tx, entry.sequence)
        while self._duplicates and self._duplicates[0][0] <= now:
            tx.delete(self._duplicates.popleft()[1])
        return len(stale) >= _SWEEP

    def expired(self, now: int) -> bool:
        """The oldest indexed message is past its time."""
        entries = self.index.entries
        if not entries:
            return False
        oldest = next(iter(entries.values()))
        return oldest.sent <= now - self.setting("MessageRetentionPeriod", 345_600) * 1000

    def remember(self, tx: Writer, key: bytes, sequence: int, message: str, now: int) -> None:
        """Note a deduplication id for five minutes."""
        until = now + DEDUPLICATION
        journal.put_duplicate(tx, key, journal.Duplicate(until, sequence, message))
        self._duplicates.append((until, key))
        while self._duplicates and self._duplicates[0][0] <= now:
            stale = self._duplicates.popleft()[1]
            found = journal.get_duplicate(tx, stale)
            if found is not None and found.until <= now:
                tx.delete(stale)

    def counts(self, now: int) -> tuple[int, int, int]:
        """Visible, in flight, delayed."""
        index = self.index
        index.tick(now)
        return len(index.entries) - index.held - index.delayed + self.unloaded, index.held, index.delayed

    def notify(self, messages: int = 1) -> None:
        """Wake as many waiting receivers as there are new messages."""
        waiters = self.waiters
        while waiters and messages > 0:
            waiter = waiters.popleft()
            if waiter.done():
                continue
            messages -= 1
            loop = waiter.get_loop()
            try:
                inside = asyncio.get_running_loop() is loop
            except RuntimeError:
                inside = False
            if inside:
                _fire(waiter)
            else:
                loop.call_soon_threadsafe(_fire, waiter)


def _fire(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Broker:
    """Every queue in use, by scope and name."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.lock = threading.RLock()
        self._queues: dict[tuple[str, str, str], Live] = {}
        self._newest = 0

    def now(self) -> int:
        return int(self.cloud.clock.now() * 1000)

    def sequence(self) -> int:
        """The next message's sequence: nanoseconds, and never the same twice."""
        self._newest = max(self._newest + 1, int(self.cloud.clock.now() * 1e9))
        return self._newest

    def number(self, tx: Writer) -> int:
        """A number for a new queue."""
        value = tx.get(_NUMBER)
        number = (int.from_bytes(value, "big") if value else 0) + 1
        tx.put(_NUMBER, number.to_bytes(8, "big"))
        return number

    def get(self, scope: Scope, name: str) -> Live | None:
        live = self._queues.get((scope.account, scope.region, name))
        return live if live is not None else self._load(scope, name)

    def _load(self, scope: Scope, name: str) -> Live | None:
        with self.lock, self.cloud.store.read() as tx:
            row = QUEUES.get(tx, scope, name)
            if row is None:
                return None
            live = Live(scope, row)
            live.load(tx, self.now())
            for entry in reversed(live.index.entries):
                self._newest = max(self._newest, entry)
                break
            self._queues[scope.account, scope.region, name] = live
        return live

    def find(self, call: Call, url: str) -> Live:
        """The queue behind a URL (or a bare name). Raises QueueDoesNotExist."""
        scope, name = locate(call, url)
        live = self.get(scope, name)
        if live is None:
            raise no_queue()
        return live

    def by_arn(self, arn: str) -> Live | None:
        parts = arn.split(":")
        if len(parts) != 6 or parts[2] != "sqs":
            return None
        return self.get(Scope(parts[4], parts[3]), parts[5])

    def forget(self, live: Live) -> None:
        """Drop what memory knows of a queue; whoever waits on it looks again."""
        self._queues.pop((live.scope.account, live.scope.region, live.row.name), None)
        live.notify(len(live.waiters))

    def change(self, call: Call, *lives: Live) -> Change:
        """A transaction that changes messages of these queues: their indexes are dropped if it fails."""
        return Change(self, call, lives)

    def close(self) -> None:
        for live in self._queues.values():
            live.notify(len(live.waiters))


class Change:
    """A transaction under way, with the broker's lock held."""

    __slots__ = ("_broker", "_call", "_context", "_lives")

    def __init__(self, broker: Broker, call: Call, lives: tuple[Live, ...]) -> None:
        self._broker = broker
        self._call = call
        self._lives = lives

    def __enter__(self) -> Writer:
        self._broker.lock.acquire()
        try:
            self._context = self._call.write()
            tx = self._context.__enter__()
        except BaseException:
            self._broker.lock.release()
            raise
        for live in self._lives:
            if not live.told:
                self._tell_later(tx, live)
        return tx

    def _tell_later(self, tx: Writer, live: Live) -> None:
        try:
            wake(tx, "sqs.sweep", live.scope, (live.row.name,), self._call.now() + EVERY)
            live.told = True
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        done = False
        try:
            self._context.__exit__(kind, error, trace)
            done = kind is None
        finally:
            if not done:
                for live in self._lives:
                    self._broker.forget(live)
            self._broker.lock.release()


def open_broker(cloud: Cloud) -> Broker:
    return Broker(cloud)


def broker(call: Call) -> Broker:
    found: Broker = call.cloud.planes["sqs"]
    return found


def locate(call: Call, url: str) -> tuple[Scope, str]:
    """Whose queue a URL names: .../account/name, or LocalStack's .../queue/region/account/name; a bare name is the
    caller's own. The host may name the region (sqs.eu-west-1.localhost...)."""
    return _located(url, call.scope)


@lru_cache(4096)
def _located(url: str, scope: Scope) -> tuple[Scope, str]:
    if "/" not in url:
        return scope, url
    parts = urlsplit(url)
    path = parts.path.strip("/").split("/")
    region = scope.region
    if len(path) == 4 and path[0] == "queue":
        region, path = path[1], path[2:]
    if len(path) != 2:
        return scope, path[-1]
    host = parts.hostname or ""
    if host.startswith("sqs.") and (label := host.split(".")[1]) != region and label.count("-") >= 2:
        region = label
    elif ".queue." in host:
        region = host.split(".queue.")[0]
    return Scope(path[0], region), path[1]


def receipt(live: Live, entry: Entry) -> str:
    """An opaque handle for one receive of a message."""
    return tokens.seal_page(live.number, entry.sequence, entry.nonce)


def open_receipt(live: Live, handle: str) -> tuple[int, int] | None:
    """(sequence, nonce) behind a handle; None when it isn't one of this queue."""
    position = tokens.open_page(handle)
    if position is None or len(position) != 3 or position[0] != live.number:
        return None
    sequence, nonce = position[1:]
    return (sequence, nonce) if isinstance(sequence, int) and isinstance(nonce, int) else None
