"""An engine that kills the process after so many of its calls: how crash tests reach every moment of a step.

A file `kill-after` with a number in the engine's folder asks for it; nobody but tests puts one there.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_COUNTED = ("ensure", "remove", "attach", "detach", "power_off", "shutdown", "ask_shutdown", "reboot", "login",
            "archived_until", "execute")  # fmt: skip


class Fragile:
    """Wraps an engine; what changes something is counted, and the last call's effect is there before the end."""

    def __init__(self, engine: Any, flag: Path) -> None:
        self._engine = engine
        self._flag = flag
        self._left = int(flag.read_text())
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._engine, name)
        return self._counted(found) if name.startswith(_COUNTED) else found

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            try:
                return function(*arguments, **options)
            finally:
                with self._lock:
                    self._left -= 1
                    if self._left == 0:
                        self._flag.unlink()
                        os.kill(os.getpid(), signal.SIGKILL)

        return call


def wrapped(engine: Any, folder: Path) -> Any:
    """The engine itself, unless `folder` holds the flag."""
    flag = folder / "kill-after"
    return Fragile(engine, flag) if flag.exists() else engine
