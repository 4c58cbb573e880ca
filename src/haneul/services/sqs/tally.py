"""What happened to a queue since its metrics were last told."""

from __future__ import annotations

EVERY = 60.0


class Tally:
    """Counts, and the sizes of what was sent."""

    __slots__ = ("deleted", "empty", "largest", "received", "sent", "size", "smallest")

    def __init__(self) -> None:
        self.sent = self.size = self.largest = self.received = self.empty = self.deleted = 0
        self.smallest = 1 << 30

    def count_sent(self, size: int) -> None:
        self.sent += 1
        self.size += size
        self.largest = max(self.largest, size)
        self.smallest = min(self.smallest, size)

    @property
    def anything(self) -> bool:
        return bool(self.sent or self.received or self.empty or self.deleted)
