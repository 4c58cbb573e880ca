"""What engines raise: the rooms translate it into AWS's words, converge retries it."""

from __future__ import annotations


class EngineError(Exception):
    """Something that is not ours said no, or did not answer; the message is for people."""


class EngineMissing(EngineError):
    """The engine isn't on this machine; the message names the command that puts it there."""

    def __init__(self, what: str, command: str) -> None:
        super().__init__(f"{what} is not installed on this machine: run `{command}`")
        self.command = command


class EngineBusy(EngineError):
    """Not now: the guest (or somebody else) still uses it; asking again later may do."""
