"""Live tails: who follows which groups, and what came since they last looked."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from haneul.service import Call, Scope
from haneul.services.logs.names import group_arn
from haneul.services.logs.plane.journal import Event
from haneul.services.logs.state import Group

if TYPE_CHECKING:
    from haneul.cloud import Cloud

MOST = 500
"""Events of an update; what comes faster is sampled, as AWS does."""


class Tail:
    """One who follows."""

    def __init__(self, scope: Scope, groups: set[str], wants: Callable[[str, str], bool]) -> None:
        self.scope = scope
        self.groups = groups
        self.wants = wants
        self.events: deque[dict[str, Any]] = deque(maxlen=MOST)
        self.dropped = False
        self.wake = asyncio.Event()


class Tails:
    """Everybody who follows, and the sequence that tells events of one instant apart."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._newest = 0
        self.open: set[Tail] = set()
        self.closing = False

    def sequence(self) -> int:
        self._newest = max(self._newest + 1, int(self._cloud.clock.now() * 1e9))
        return self._newest

    def publish(self, scope: Scope, group: Group, stream: str, events: Sequence[Event]) -> None:
        for tail in self.open:
            if tail.scope != scope or group.name not in tail.groups:
                continue
            for event in events:
                if tail.wants(stream, event.message):
                    tail.dropped = tail.dropped or len(tail.events) == MOST
                    tail.events.append(
                        {
                            "logStreamName": stream,
                            "logGroupIdentifier": group_arn(scope, group.name),
                            "message": event.message,
                            "timestamp": event.time,
                            "ingestionTime": event.ingested,
                        }
                    )

    def close(self) -> None:
        self.closing = True


def open_tails(cloud: Cloud) -> Tails:
    return Tails(cloud)


def tails(call: Call) -> Tails:
    found: Tails = call.cloud.planes["logs"]
    return found
