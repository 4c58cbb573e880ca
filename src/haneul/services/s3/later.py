"""What is gathered for a while before it is written: access logs and request metrics. On the event loop only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from haneul.cloud import Cloud


class Later:
    """Calls `function` once, some seconds after it was first asked to; and again when it is asked again."""

    def __init__(self, cloud: Cloud, seconds: float, function: Callable[[], None]) -> None:
        self._cloud = cloud
        self._seconds = seconds
        self._function = function
        self._timer: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        if self._timer is None:
            self._timer = self._cloud.loop.call_later(self._seconds, self._due)

    def close(self) -> None:
        """Call it now; the cloud is stopping."""
        if self._timer is not None:
            self._timer.cancel()
        self._function()

    def _due(self) -> None:
        self._timer = None
        self._function()
