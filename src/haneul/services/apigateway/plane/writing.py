"""Logs and metrics on their way: access logs in the stage's own format, execution logs, counts for CloudWatch."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import logging
import re
from typing import TYPE_CHECKING, Any

from haneul.service import Scope
from haneul.services.apigateway.plane.exchange import Exchange
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.cloud import Cloud

log = logging.getLogger("haneul.apigateway")
_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_.\-]+)")
MAX_LINES = 10_000
Place = tuple[Scope, str, str]


class Writer:
    """Lines wait here a moment and go to `logs` in batches."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lines: dict[Place, list[tuple[float, str]]] = {}
        self._made: set[Place] = set()
        self._task: asyncio.Task[None] | None = None

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def note(self, exchange: Exchange) -> None:
        """Write what the stage wants written of this request."""
        settings = exchange.stage.get("accessLogSettings") or {}
        arn, form = settings.get("destinationArn") or "", settings.get("format") or ""
        if form and ":logs:" in arn:
            group = arn.split(":log-group:", 1)[-1].removesuffix(":*")
            self._add(exchange, group, [access_line(exchange, form)])
        if exchange.lines:
            group = f"API-Gateway-Execution-Logs_{exchange.api}/{exchange.stage_name}"
            self._add(exchange, group, [f"({exchange.request_id}) {line}" for line in exchange.lines])

    def _add(self, exchange: Exchange, group: str, lines: list[str]) -> None:
        stream = hashlib.md5(f"{exchange.api}/{exchange.stage_name}".encode()).hexdigest()
        kept = self._lines.setdefault((exchange.scope, group, stream), [])
        now = exchange.call.now()
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
        call = self._cloud.call_as("apigateway", scope)
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


def access_line(exchange: Exchange, form: str) -> str:
    """One line of the access log; what isn't known is "-"."""
    context = exchange.context()

    def fill(found: re.Match[str]) -> str:
        path, value = found.group(1), context
        tail = path[len(path.rstrip(".-")) :]
        for part in path.rstrip(".-").split("."):
            value = value.get(part) if isinstance(value, dict) else None  # type: ignore[assignment]
        return ("-" if value in (None, "", {}) else str(value)) + tail

    return _VARIABLE.sub(fill, form).replace("\n", "")
