"""What the room keeps while the cloud runs: instance types as EC2 told them, the files written last, and the key that
signs tickets for files. A file costs seconds to write and megabytes to keep, so only who was given its URL gets it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable

from haneul.cloud import Cloud
from haneul.kit import tokens

TICKET_SECONDS = 3600
_KEPT = 4


class Desk:
    """The room's plane."""

    def __init__(self) -> None:
        self.types: dict[str, dict[str, str]] = {}
        self._key = tokens.secret(32).encode()
        self._files: dict[str, bytes] = {}
        self._writing = asyncio.Lock()

    def ticket_for(self, path: str, now: float) -> str:
        """What lets its bearer fetch a path for an hour."""
        until = str(int(now) + TICKET_SECONDS)
        return f"{until}.{self._proof(path, until)}"

    def lets(self, path: str, ticket: str, now: float) -> bool:
        """Whether a ticket is for this path and still good."""
        until, _, proof = ticket.partition(".")
        if not (until.isascii() and until.isdigit()) or len(until) > 15 or now > int(until):
            return False
        return hmac.compare_digest(proof.encode(), self._proof(path, until).encode())

    async def file(self, path: str, write: Callable[[], bytes]) -> bytes:
        """The file at a path, written in a thread, one at a time; the last few are kept."""
        async with self._writing:
            body = self._files.pop(path, None)
            if body is None:
                body = await asyncio.to_thread(write)
            self._files[path] = body
            while len(self._files) > _KEPT:
                del self._files[next(iter(self._files))]
            return body

    def _proof(self, path: str, until: str) -> str:
        return hmac.new(self._key, f"{path} {until}".encode(), hashlib.sha256).hexdigest()


def open_desk(cloud: Cloud) -> Desk:
    """For the identity card's `start`."""
    return Desk()
