"""What this cloud's process knows of instances that run: whether they answer, and what they had used when last asked.

In memory alone: another process finds it out again. An instance that isn't here has not been seen by this process.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from haneul.service import Scope


@dataclass(frozen=True)
class Figures:
    """At one moment: seconds of CPU, bytes of disks and of interfaces, counted from the machine's start."""

    at: float
    cpu: float
    read: int
    written: int
    received: int
    sent: int


@dataclass
class Vital:
    """reachable: None until it first answered. failing: since when it doesn't any more, 0 when it does."""

    scope: Scope
    reachable: bool | None = None
    failing: float = 0.0
    figures: Figures | None = None


class Vitals:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Vital] = {}

    def seen(self, scope: Scope, instance: str) -> None:
        """Its machine runs."""
        with self._lock:
            self._known.setdefault(instance, Vital(scope))

    def has(self, instance: str) -> bool:
        return instance in self._known

    def of(self, instance: str) -> Vital | None:
        return self._known.get(instance)

    def rebooted(self, instance: str) -> None:
        """It has to answer anew."""
        found = self._known.get(instance)
        if found is not None:
            found.reachable, found.failing = None, 0.0

    def forget(self, instance: str) -> None:
        with self._lock:
            self._known.pop(instance, None)
