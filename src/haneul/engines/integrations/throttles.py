"""Token buckets: how many requests may pass in a second, and how many at once."""

from __future__ import annotations

from collections.abc import Hashable

MAX_BUCKETS = 20_000


class Bucket:
    """Tokens that come back at a steady rate."""

    __slots__ = ("at", "burst", "rate", "tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self.tokens = burst
        self.at = now

    def take(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Buckets:
    """Buckets by what they limit."""

    def __init__(self) -> None:
        self._buckets: dict[Hashable, Bucket] = {}

    def take(self, key: Hashable, rate: float, burst: float, now: float) -> bool:
        """Whether one more may pass, at `rate` a second and `burst` at once."""
        bucket = self._buckets.get(key)
        if bucket is None or bucket.rate != rate or bucket.burst != burst:
            if len(self._buckets) >= MAX_BUCKETS:
                self._buckets.clear()
            bucket = self._buckets[key] = Bucket(rate, burst, now)
        return bucket.take(now)
