"""StartLiveTail: an event stream of what comes in, once a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.logs import names
from haneul.services.logs.errors import errors, invalid
from haneul.services.logs.filters import check_pattern
from haneul.services.logs.plane.filters import compile_filter
from haneul.services.logs.tails import Tail, tails

SESSION = 3 * 3600.0
MOST_TAILS = 50


@operation(
    resource=lambda call, request: [
        names.group_arn(call.scope, names.name_of(one)) for one in request.get("logGroupIdentifiers") or ()
    ]
)
def start_live_tail(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StartLiveTail of up to ten groups, for up to three hours."""
    pattern = request.get("logEventFilterPattern") or ""
    check_pattern(pattern)
    match = compile_filter(pattern)
    streams, prefixes = request.get("logStreamNames"), request.get("logStreamNamePrefixes")
    if streams and prefixes:
        raise invalid("Only one of logStreamNames or logStreamNamePrefixes can be specified.")
    if (streams or prefixes) and len(request["logGroupIdentifiers"]) > 1:
        raise invalid("logStreamNames and logStreamNamePrefixes can only be used with a single log group.")
    groups = set()
    with call.read() as tx:
        for identifier in request["logGroupIdentifiers"]:
            groups.add(names.find(tx, call.scope, names.name_of(identifier)).name)
    if len(tails(call).open) >= MOST_TAILS:
        raise errors.LimitExceededException("Too many live tail sessions.")

    def wants(stream: str, message: str) -> bool:
        if streams and stream not in streams:
            return False
        if prefixes and not stream.startswith(tuple(prefixes)):
            return False
        return match(message) is not None

    tail = Tail(call.scope, groups, wants)
    tails(call).open.add(tail)
    return {"responseStream": _follow(call, tail, request)}


async def _follow(call: Call, tail: Tail, request: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
    house = tails(call)
    try:
        yield {
            "sessionStart": {
                "requestId": call.request_id,
                "sessionId": tokens.uuid(),
                "logGroupIdentifiers": request["logGroupIdentifiers"],
                "logStreamNames": request.get("logStreamNames") or [],
                "logStreamNamePrefixes": request.get("logStreamNamePrefixes") or [],
                "logEventFilterPattern": request.get("logEventFilterPattern") or "",
            }
        }
        loop = asyncio.get_running_loop()
        end = loop.time() + SESSION
        while loop.time() < end and not house.closing:
            await asyncio.sleep(1.0)
            results = [tail.events.popleft() for _ in range(len(tail.events))]
            sampled, tail.dropped = tail.dropped, False
            yield {"sessionUpdate": {"sessionMetadata": {"sampled": sampled}, "sessionResults": results}}
    finally:
        house.open.discard(tail)
