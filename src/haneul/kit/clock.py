"""Time as a dependency: the one home of the wall clock, and the one that tests turn by hand.

Every instant in Haneul is a float of seconds since the Unix epoch (UTC).
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time. `now` is epoch seconds; `monotonic` only measures spans."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's clock, optionally sped up: at `rate` 60 a minute here is an hour in the cloud.

    The rate is for what AWS makes people wait for (archive retrievals, lifecycle days); it never
    touches signature dates, which must agree with the client's own clock.
    """

    def __init__(self, rate: float = 1.0) -> None:
        self._rate = rate
        self._origin = time.time()

    def now(self) -> float:
        if self._rate == 1.0:
            return time.time()
        return self._origin + (time.time() - self._origin) * self._rate

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until a test advances it."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds
