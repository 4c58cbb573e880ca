"""Lines of access and execution logs on their way to CloudWatch Logs, in batches."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from haneul.service import Scope
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.cloud import Cloud

log = logging.getLogger("haneul.integrations")
_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_.\-]+)")
MAX_LINES = 10_000
Place = tuple[Scope, str, str]


class LogWriter:
    """Lines wait here a moment. service: the model of the room that writes them."""

    def __init__(self, cloud: Cloud, service: str) -> None:
        self._cloud = cloud
        self._service = service
        self._lines: dict[Place, list[tuple[float, str]]] = {}
        self._made: set[Place] = set()
        self._task: asyncio.Task[None] | None = None

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def add(self, scope: Scope, group: str, source: str, now: float, lines: list[str]) -> None:
        """Write lines into a group's stream for `source` (an API and stage)."""
        stream = hashlib.md5(source.encode()).hexdigest()
        kept = self._lines.setdefault((scope, group, stream), [])
        kept.extend((now, line) for line in lines)
        del kept[:-MAX_LINES]
        if self._task is None or self._task.done():
            self._task = self._cloud.loop.create_task(self._ship())

    async def _ship(self) -> None:
        while self._lines:
            await asyncio.sleep(0.02)
            batch, self._lines = self._lines, {}
            for place, lines in batch.items():
                try:
                    await self._put(place, lines)
                except Exception as error:
                    log.warning("logs of %s: %s", place[1], error)

    async def _put(self, place: Place, lines: list[tuple[float, str]]) -> None:
        scope, group, stream = place
        call = self._cloud.call_as(self._service, scope)
        if place not in self._made:
            for operation, request in (
                ("CreateLogGroup", {"logGroupName": group}),
                ("CreateLogStream", {"logGroupName": group, "logStreamName": stream}),
            ):
                try:
                    await _done(call.invoke("logs", operation, request))
                except AwsError as error:
                    if error.code != "ResourceAlreadyExistsException":
                        raise
            if len(self._made) > 4096:
                self._made.clear()
            self._made.add(place)
        entries: list[dict[str, Any]] = [
            {"timestamp": int(when * 1000), "message": text[:250_000]} for when, text in lines if text
        ]
        for start in range(0, len(entries), 500):
            batch = {"logGroupName": group, "logStreamName": stream, "logEvents": entries[start : start + 500]}
            try:
                await _done(call.invoke("logs", "PutLogEvents", batch))
            except AwsError as error:
                self._made.discard(place)
                if error.code != "ResourceNotFoundException":
                    raise


async def _done(answer: Any) -> Any:
    return await answer if inspect.isawaitable(answer) else answer


def group_of(arn: str) -> str:
    """The log group that a destination means, "" for none."""
    return arn.split(":log-group:", 1)[-1].removesuffix(":*") if ":logs:" in arn else ""


def access_line(context: Mapping[str, Any], form: str) -> str:
    """One line of an access log, from $context; what isn't known is "-"."""

    def fill(found: re.Match[str]) -> str:
        path = found.group(1)
        name = path.rstrip(".-")
        value: Any = context
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return ("-" if value in (None, "", {}) else str(value)) + path[len(name) :]

    return _VARIABLE.sub(fill, form).replace("\n", "")
