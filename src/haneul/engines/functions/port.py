"""What an engine for functions is asked and answers: where code runs, how one invocation ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Plan:
    """How environments of one version of a function are made. `key` changes with anything that matters to them.

    memory, tmp: MB. opt: a folder with what stands below /opt. `version` is told in the log.
    """

    key: str
    name: str
    runtime: str
    handler: str
    code: Path
    opt: Path | None = None
    version: str = "$LATEST"
    environment: Mapping[str, str] = field(default_factory=dict)
    memory: int = 128
    tmp: int = 512
    timeout: float = 3.0


@dataclass(slots=True)
class Work:
    """One invocation. `pieces` is called with each part of a streamed response, and with its content type."""

    request_id: str
    payload: bytes
    arn: str
    client_context: str = ""
    trace: str = ""
    pieces: Callable[[bytes, str], None] | None = None


@dataclass(slots=True)
class Outcome:
    """How an invocation ended. error: None, or the kind ("Unhandled"); seconds are real ones, memory is in bytes.

    log: what the environment wrote meanwhile, with the lines of the platform, the newest 256 KB.
    """

    payload: bytes
    error: str | None = None
    seconds: float = 0.0
    billed: int = 0
    init: float | None = None
    memory: int = 0
    content_type: str = ""
    lines: list[tuple[float, str]] = field(default_factory=list)
    environment: str = ""


class Busy(Exception):
    """No environment can be had now: the machine's memory for functions is taken."""


class FunctionEngine(Protocol):
    """Runs functions. All on the cloud's event loop."""

    def runtimes(self) -> frozenset[str]:
        """The runtimes that are on this machine."""
        ...

    async def invoke(self, plan: Plan, work: Work) -> Outcome: ...

    async def warm(self, plan: Plan, count: int) -> None:
        """Keep at least `count` environments ready (provisioned concurrency); 0 lets go."""
        ...

    def forget(self, name: str) -> None:
        """End the idle environments of this function; those at work end when they are done."""
        ...

    def close(self) -> None: ...
