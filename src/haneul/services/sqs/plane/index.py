"""Which messages may be received now: an index in memory, made from the store and never written to it.

A message is ready, delayed (never shown yet) or held (in flight). Whatever comes back with time lies in one
heap; what a heap item says counts only while its entry still says the same.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterator

READY, DELAYED, HELD, GONE = range(4)


class Entry:
    """A message that the index knows: its sequence, group, times (ms), state, and how often it was received."""

    __slots__ = ("count", "due", "first", "group", "nonce", "queued", "sent", "sequence", "state")

    def __init__(
        self, sequence: int, sent: int, due: int, group: str = "", count: int = 0, first: int = 0, nonce: int = 0
    ) -> None:
        self.sequence = sequence
        self.sent = sent
        self.due = due
        self.group = group
        self.count = count
        self.first = first
        self.nonce = nonce
        self.state = GONE
        self.queued = False
        """In its group's heap (FIFO)."""


class Index:
    """What both kinds of queues share: entries by sequence, and the heap of those that wait for a moment."""

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.delayed = 0
        self.held = 0
        self._heap: list[tuple[int, int]] = []

    def add(self, entry: Entry, now: int) -> None:
        self.entries[entry.sequence] = entry
        if entry.due > now:
            self._wait(entry, HELD if entry.count else DELAYED)
        else:
            entry.state = READY
            self._ready(entry)

    def tick(self, now: int) -> None:
        """Make ready whatever is due."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            due, sequence = heapq.heappop(heap)
            entry = self.entries.get(sequence)
            if entry is not None and entry.due == due and entry.state in (DELAYED, HELD):
                self._leave(entry)
                entry.state = READY
                self._ready(entry)

    def next_due(self) -> int | None:
        """When the next waiting message becomes ready (ms)."""
        heap = self._heap
        while heap:
            due, sequence = heap[0]
            entry = self.entries.get(sequence)
            if entry is not None and entry.due == due and entry.state in (DELAYED, HELD):
                return due
            heapq.heappop(heap)
        return None

    def hold(self, entry: Entry, until: int) -> None:
        """Hide an entry that was taken, or move the moment at which a held one comes back."""
        if entry.state in (DELAYED, HELD):
            self._leave(entry)
        entry.due = until
        self._wait(entry, HELD)

    def show(self, entry: Entry, now: int) -> None:
        """Make a held or taken entry ready at once."""
        if entry.state in (DELAYED, HELD):
            self._leave(entry)
        entry.due = now
        entry.state = READY
        self._ready(entry)

    def remove(self, entry: Entry) -> None:
        self.entries.pop(entry.sequence, None)
        if entry.state in (DELAYED, HELD):
            self._leave(entry)
        elif entry.state == READY:
            self._unready(entry)
        entry.state = GONE

    def take(self, limit: int) -> list[Entry]:
        """Up to `limit` ready entries, out of the ready ones: `hold`, `show` or `remove` each of them next."""
        raise NotImplementedError

    def ready(self) -> Iterator[Entry]:
        return (entry for entry in self.entries.values() if entry.state == READY)

    def _wait(self, entry: Entry, state: int) -> None:
        entry.state = state
        if state == HELD:
            self.held += 1
            self._locked(entry)
        else:
            self.delayed += 1
        heap = self._heap
        if len(heap) > 1000 + 2 * len(self.entries):
            self._heap = heap = [
                (other.due, other.sequence) for other in self.entries.values() if other.state in (DELAYED, HELD)
            ]
            heapq.heapify(heap)
        heapq.heappush(heap, (entry.due, entry.sequence))

    def _leave(self, entry: Entry) -> None:
        if entry.state == HELD:
            self.held -= 1
            self._unlocked(entry)
        else:
            self.delayed -= 1
        entry.state = GONE

    def _ready(self, entry: Entry) -> None:
        raise NotImplementedError

    def _unready(self, entry: Entry) -> None:
        """A ready entry is removed; one that is skipped later needs nothing."""

    def _locked(self, entry: Entry) -> None:
        """An entry is in flight now."""

    def _unlocked(self, entry: Entry) -> None:
        """An entry is in flight no longer."""


class StandardIndex(Index):
    """Any ready message may come next; those that come back go first."""

    def __init__(self) -> None:
        super().__init__()
        self._queue: deque[Entry] = deque()

    def take(self, limit: int) -> list[Entry]:
        taken: list[Entry] = []
        queue = self._queue
        while queue and len(taken) < limit:
            entry = queue.popleft()
            if entry.state == READY:
                entry.state = GONE
                taken.append(entry)
        return taken

    def _ready(self, entry: Entry) -> None:
        if entry.count:
            self._queue.appendleft(entry)
        else:
            self._queue.append(entry)


class _Group:
    """`queue`: entries that are not in flight, a heap by sequence, so that what comes back takes its old place."""

    __slots__ = ("flying", "queue")

    def __init__(self) -> None:
        self.queue: list[tuple[int, Entry]] = []
        self.flying = 0


class FifoIndex(Index):
    """Messages of a group come in order, and none while another of the group is in flight."""

    def __init__(self) -> None:
        super().__init__()
        self._groups: dict[str, _Group] = {}
        self._open: OrderedDict[str, _Group] = OrderedDict()
        """Groups whose first message may be taken, the one that waits longest first."""

    def add(self, entry: Entry, now: int) -> None:
        super().add(entry, now)
        if entry.state == DELAYED:
            self._queue(entry)

    def take(self, limit: int) -> list[Entry]:
        taken: list[Entry] = []
        for group in self._open.values():
            while len(taken) < limit and (head := self._head(group)) is not None and head.state == READY:
                heapq.heappop(group.queue)
                head.queued = False
                head.state = GONE
                taken.append(head)
            if len(taken) >= limit:
                break
        for entry in taken:
            self._open.pop(entry.group, None)
        return taken

    def remove(self, entry: Entry) -> None:
        super().remove(entry)
        self._reopen(entry.group)

    def _group(self, name: str) -> _Group:
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = _Group()
        return group

    def _head(self, group: _Group) -> Entry | None:
        queue = group.queue
        while queue and queue[0][0] not in self.entries:
            heapq.heappop(queue)
        return queue[0][1] if queue else None

    def _queue(self, entry: Entry) -> None:
        if not entry.queued:
            entry.queued = True
            heapq.heappush(self._group(entry.group).queue, (entry.sequence, entry))

    def _ready(self, entry: Entry) -> None:
        self._queue(entry)
        self._reopen(entry.group)

    def _locked(self, entry: Entry) -> None:
        self._group(entry.group).flying += 1
        self._open.pop(entry.group, None)

    def _unlocked(self, entry: Entry) -> None:
        self._group(entry.group).flying -= 1

    def _reopen(self, name: str) -> None:
        group = self._groups.get(name)
        if group is None:
            return
        head = self._head(group)
        if head is None:
            self._open.pop(name, None)
            if not group.flying:
                del self._groups[name]
        elif not group.flying and head.state == READY:
            self._open.setdefault(name, group)
