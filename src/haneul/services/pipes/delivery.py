"""A batch on its way through the pipe: filtered, enriched, sent."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

from haneul.events import targets
from haneul.events.targets import Manner
from haneul.kit.instants import iso8601
from haneul.service import Call
from haneul.services.pipes.pipes import arn_of
from haneul.services.pipes.records import fill, passes
from haneul.services.pipes.state import Pipe
from haneul.wire.errors import AwsError

_WHOLE = frozenset({"lambda", "states"})
"""Targets that get a batch as one list."""


class Failed(Exception):
    """The target or the enrichment didn't take the batch."""


async def carry(call: Call, pipe: Pipe, records: list[dict[str, Any]]) -> None:
    """Bring the records that pass to the target. Raises Failed."""
    settings = pipe.settings
    filters = ((settings.get("SourceParameters") or {}).get("FilterCriteria") or {}).get("Filters") or []
    batch: list[Any] = [record for record in records if passes(filters, record)]
    if not batch:
        return
    names = {
        "aws.pipes.pipe-arn": arn_of(call.scope, pipe.name),
        "aws.pipes.pipe-name": pipe.name,
        "aws.pipes.source-arn": settings["Source"],
        "aws.pipes.target-arn": settings["Target"],
        "aws.pipes.enrichment-arn": settings.get("Enrichment") or "",
        "aws.pipes.event.ingestion-time": iso8601(call.now()),
    }
    try:
        if settings.get("Enrichment"):
            batch = await _enrich(call, settings, batch, names)
        if batch:
            await _send(call, settings, batch, names)
    except AwsError as error:
        raise Failed(f"{error.code}: {error.message}") from None


async def _enrich(call: Call, settings: Mapping[str, Any], batch: list[Any], names: Mapping[str, str]) -> list[Any]:
    template = (settings.get("EnrichmentParameters") or {}).get("InputTemplate")
    shaped = [fill(template, record, names) for record in batch]
    answer = await _call(call, settings["Enrichment"], f"[{','.join(shaped)}]", Manner(wait=True))
    text = await _payload(answer)
    if not text:
        return []
    try:
        enriched = json.loads(text)
    except ValueError:
        return [text]
    if enriched in (None, "", {}, []):
        return []
    return enriched if isinstance(enriched, list) else [enriched]


async def _call(call: Call, arn: str, text: str, manner: Manner) -> Any:
    answer = targets.deliver(call, arn, text, manner)
    if inspect.isawaitable(answer):
        answer = await answer
    if isinstance(answer, Mapping) and answer.get("FunctionError"):
        raise Failed(f"{arn} raised an error")
    return answer


async def _payload(answer: Any) -> str:
    """What a function or a workflow answered."""
    if not isinstance(answer, Mapping):
        return ""
    if "output" in answer:
        return str(answer["output"] or "")
    payload = answer.get("Payload")
    if payload is not None and hasattr(payload, "__aiter__"):
        payload = b"".join([piece async for piece in payload])
    elif isinstance(payload, list | tuple):
        payload = b"".join(piece for piece in payload if isinstance(piece, bytes))
    return payload.decode() if isinstance(payload, bytes) else str(payload or "")


async def _send(call: Call, settings: Mapping[str, Any], batch: list[Any], names: Mapping[str, str]) -> None:
    given = settings.get("TargetParameters") or {}
    arn = settings["Target"]
    shaped = [fill(given.get("InputTemplate"), record, names) for record in batch]
    invocation = (given.get("LambdaFunctionParameters") or {}).get("InvocationType")
    bus = given.get("EventBridgeEventBusParameters") or {}
    queue = given.get("SqsQueueParameters") or {}
    manner = Manner(
        group=queue.get("MessageGroupId"),
        deduplication=queue.get("MessageDeduplicationId"),
        key=(given.get("KinesisStreamParameters") or {}).get("PartitionKey"),
        source=bus.get("Source") or f"Pipe {names['aws.pipes.pipe-name']}",
        kind=bus.get("DetailType") or "Event from aws:pipes",
        ecs=_ecs(given.get("EcsTaskParameters")),
        cause=f"pipes/{names['aws.pipes.pipe-name']}",
        wait=arn.split(":")[2] == "lambda" and invocation != "FIRE_AND_FORGET",
    )
    if arn.split(":")[2] in _WHOLE:
        await _call(call, arn, f"[{','.join(shaped)}]", manner)
        return
    for text in shaped:
        await _call(call, arn, text, manner)


def _ecs(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if given is None else dict(given)
