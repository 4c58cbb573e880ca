"""Log events read: of a stream, page by page; of a group, through a filter."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.logs import names
from haneul.services.logs.errors import errors, invalid, no_stream
from haneul.services.logs.filters import check_pattern
from haneul.services.logs.plane import journal
from haneul.services.logs.plane.filters import compile_filter
from haneul.services.logs.plane.journal import Event
from haneul.services.logs.state import GROUPS, STREAM_NAMES, STREAMS, Group
from haneul.state.store import Reader

PAGE = 10_000
PAGE_BYTES = 1_048_576
QUICK = 100
"""A page of so many events is read on the event loop, a larger one in a thread."""
SEEN = 100_000
"""Events looked at for one page of FilterLogEvents; a page may end before it is full."""


def _shown(event: Event) -> dict[str, Any]:
    return {"timestamp": event.time, "message": event.message, "ingestionTime": event.ingested}


@operation(resource=names.by_group)
def get_log_events(call: Call, request: Mapping[str, Any]) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    """GetLogEvents: the newest page unless startFromHead; tokens go on forward or backward for ever."""
    if (request.get("limit") or PAGE) <= QUICK:
        return _get(call, request)
    return asyncio.to_thread(_get, call, request)


def _get(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    limit = request.get("limit") or PAGE
    forward, after = _open(request.get("nextToken"), bool(request.get("startFromHead")))
    start, end = request.get("startTime") or 0, request.get("endTime")
    with call.read() as tx:
        group = names.find(tx, call.scope, names.wanted(request))
        stream = STREAMS.get(tx, call.scope, group.name, request["logStreamName"])
        if stream is None:
            raise no_stream()
        last = 1 << 62 if end is None else end
        found = journal.of_stream(tx, group.number, stream.number, start, last, after, reverse=not forward)
        events = _page(found, limit)
    if not forward:
        events.reverse()
    return {"events": [_shown(event) for event in events], **_tokens(events, request.get("nextToken"), after)}


def _page(found: Iterable[Event], limit: int) -> list[Event]:
    events: list[Event] = []
    size = 0
    for event in found:
        size += len(event.message) + 26
        if events and (len(events) >= limit or size > PAGE_BYTES):
            break
        events.append(event)
    return events


def _open(token: str | None, head: bool) -> tuple[bool, tuple[int, int] | None]:
    """(whether to go forward, from where) behind a token."""
    if not token:
        return head, None
    place = journal.open_position(token[2:].removesuffix("/s"))
    if token[:2] not in ("f/", "b/") or place is None:
        raise invalid("The specified nextToken is invalid.")
    return token[0] == "f", place


def _tokens(events: list[Event], given: str | None, after: tuple[int, int] | None) -> dict[str, str]:
    """Tokens on both sides of a page; of an empty one, the place where it would have been."""
    if events:
        first, last = events[0].id, events[-1].id
    else:
        first = last = journal.position(*(after or (0, 0)))
    return {"nextForwardToken": f"f/{last}/s", "nextBackwardToken": f"b/{first}/s"}


@operation(resource=names.by_group)
def filter_log_events(call: Call, request: Mapping[str, Any]) -> Awaitable[dict[str, Any]]:
    """FilterLogEvents of a group, in a thread: it may look at much."""
    pattern = request.get("filterPattern") or ""
    check_pattern(pattern)
    if request.get("logStreamNames") and request.get("logStreamNamePrefix"):
        raise invalid("Only one of logStreamNamePrefix or logStreamNames can be specified.")
    return asyncio.to_thread(_filter, call, request, pattern)


def _filter(call: Call, request: Mapping[str, Any], pattern: str) -> dict[str, Any]:
    match = compile_filter(pattern)
    limit = request.get("limit") or PAGE
    start, end = request.get("startTime") or 0, request.get("endTime")
    position = journal.open_position(names.open_token(request.get("nextToken"))) if request.get("nextToken") else None
    events: list[Event] = []
    seen = size = 0
    more: dict[str, Any] = {}
    with call.read() as tx:
        group = names.find(tx, call.scope, names.wanted(request))
        streams = _streams(tx, call, group, request)
        span = (start, 1 << 62 if end is None else end + 1)
        for event in journal.of_group(tx, group.number, *span, position):
            seen += 1
            if streams is not None and event.stream not in streams:
                continue
            if match(event.message) is not None:
                size += len(event.message) + 26
                if events and (len(events) >= limit or size > PAGE_BYTES):
                    more = {"nextToken": tokens.seal_page(events[-1].id)}
                    break
                events.append(event)
            if seen >= SEEN:
                more = {"nextToken": tokens.seal_page(event.id)}
                break
        known = streams if streams is not None else {}
        shown = [
            {"logStreamName": _name(tx, call, known, event.stream), **_shown(event), "eventId": event.id}
            for event in events
        ]
    return {"events": shown, "searchedLogStreams": [], **more}


def _streams(tx: Reader, call: Call, group: Group, request: Mapping[str, Any]) -> dict[int, str] | None:
    """The streams that a request asks for, by number; None means all of them."""
    chosen, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix")
    if not chosen and not prefix:
        return None
    if prefix:
        rows = [row for row in STREAMS.scan(tx, call.scope, group.name) if row.name.startswith(prefix)]
        return {row.number: row.name for row in rows}
    found = {}
    for name in chosen or ():
        row = STREAMS.get(tx, call.scope, group.name, name)
        if row is None:
            raise no_stream()
        found[row.number] = row.name
    return found


def _name(tx: Reader, call: Call, known: dict[int, str], number: int) -> str:
    name = known.get(number)
    if name is None:
        row = STREAM_NAMES.get(tx, call.scope, number)
        name = known[number] = row.name if row is not None else ""
    return name


def pointer(group: Group, event: Event) -> str:
    """What names one record of Insights."""
    return tokens.seal_page(group.name, event.time, event.sequence)


def _of_record(call: Call, request: Mapping[str, Any]) -> str:
    place = tokens.open_page(request.get("logRecordPointer") or "")
    return f"{names.group_arn(call.scope, str(place[0]) if place else '*')}:*"


@operation(resource=_of_record)
def get_log_record(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetLogRecord: every field of one record that Insights found."""
    from haneul.services.logs.records import fields_of

    place = tokens.open_page(request["logRecordPointer"])
    if place is None or len(place) != 3:
        raise invalid("The specified logRecordPointer is invalid.")
    name, time, sequence = str(place[0]), int(place[1]), int(place[2])
    with call.read() as tx:
        group = GROUPS.get(tx, call.scope, name)
        event = None if group is None else journal.get(tx, group.number, time, sequence)
        if group is None or event is None:
            raise errors.ResourceNotFoundException("The specified log record does not exist.")
        record = fields_of(call.scope, group, _name(tx, call, {}, event.stream), event)
    return {"logRecord": {key: value if isinstance(value, str) else json.dumps(value) for key, value in record.items()}}


@operation(resource=names.by_group)
def get_log_group_fields(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetLogGroupFields: which fields the newest events have, and how many of them."""
    from haneul.services.logs.records import fields_of

    counts: dict[str, int] = {}
    total = 0
    with call.read() as tx:
        group = names.find(tx, call.scope, names.wanted(request))
        for event in journal.of_group(tx, group.number, reverse=True):
            total += 1
            for name in fields_of(call.scope, group, "", event):
                counts[name] = counts.get(name, 0) + 1
            if total >= 1000:
                break
    fields = [{"name": name, "percent": 100 * count // total} for name, count in counts.items() if name != "@ptr"]
    return {"logGroupFields": fields}
