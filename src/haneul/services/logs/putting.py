"""Log events on their way in: stored, then told to metric filters, subscribers and live tails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from haneul.service import Call, operation
from haneul.services.logs import names
from haneul.services.logs.errors import invalid, no_stream
from haneul.services.logs.metrics import count_metrics
from haneul.services.logs.plane import journal
from haneul.services.logs.plane.journal import Event
from haneul.services.logs.state import GROUPS, METRIC_FILTERS, STREAMS, SUBSCRIPTIONS
from haneul.services.logs.streams import TOKEN
from haneul.services.logs.subscriptions import forward
from haneul.services.logs.tails import tails

BATCH_LIMIT, OVERHEAD = 1_048_576, 26
DAY = 86_400_000
OLDEST, NEWEST = 14 * DAY, 2 * 3_600_000


@operation(resource=names.by_group)
def put_log_events(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutLogEvents: on disk when it is answered. Events too old, too new or expired are told and left out."""
    given: Sequence[Mapping[str, Any]] = request["logEvents"]
    _check(given)
    now = names.millis(call)
    with call.write() as tx:
        group = names.find(tx, call.scope, request["logGroupName"])
        stream = STREAMS.get(tx, call.scope, group.name, request["logStreamName"])
        if stream is None:
            raise no_stream()
        kept, rejected = _sift(given, now, group.retention)
        events: list[Event] = []
        for entry in kept:
            event = Event(entry["timestamp"], tails(call).sequence(), stream.number, now, entry["message"])
            journal.put(tx, group.number, event)
            events.append(event)
        if events:
            size = sum(len(event.message.encode()) + OVERHEAD for event in events)
            stream.first = min(events[0].time, stream.first if stream.first is not None else events[0].time)
            stream.last = max(events[-1].time, stream.last or 0)
            stream.ingested = now
            STREAMS.put(tx, call.scope, stream)
            group.stored += size
            GROUPS.put(tx, call.scope, group)
            call.meter("DataProcessing-Bytes", size)
        filters = list(METRIC_FILTERS.scan(tx, call.scope, group.name))
        for subscription in SUBSCRIPTIONS.scan(tx, call.scope, group.name):
            forward(tx, call, group, stream, subscription, events)
    if events:
        count_metrics(call, filters, events)
        tails(call).publish(call.scope, group, stream.name, events)
    result: dict[str, Any] = {"nextSequenceToken": TOKEN}
    if rejected:
        result["rejectedLogEventsInfo"] = rejected
    return result


def _check(given: Sequence[Mapping[str, Any]]) -> None:
    size = sum(len(entry["message"].encode()) + OVERHEAD for entry in given)
    if size > BATCH_LIMIT:
        raise invalid(f"Upload too large: {size} bytes exceeds limit of {BATCH_LIMIT}")
    times = [entry["timestamp"] for entry in given]
    if any(later < earlier for earlier, later in pairwise(times)):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
    if times[-1] - times[0] > DAY:
        raise invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")


def _sift(
    given: Sequence[Mapping[str, Any]], now: int, retention: int | None
) -> tuple[Sequence[Mapping[str, Any]], dict[str, int]]:
    """The events that are taken, and where those that aren't begin and end."""
    rejected: dict[str, int] = {}
    start, end = 0, len(given)
    old = sum(1 for entry in given if entry["timestamp"] < now - OLDEST)
    expired = sum(1 for entry in given if retention and entry["timestamp"] < now - retention * DAY)
    if old:
        rejected["tooOldLogEventEndIndex"] = old
    if expired > old:
        rejected["expiredLogEventEndIndex"] = expired
    start = max(old, expired)
    new = sum(1 for entry in given if entry["timestamp"] > now + NEWEST)
    if new:
        end = len(given) - new
        rejected["tooNewLogEventStartIndex"] = end
    return given[start:end], rejected
