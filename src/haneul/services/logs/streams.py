"""Log streams: create, describe, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.logs import names
from haneul.services.logs.errors import errors, invalid, no_stream
from haneul.services.logs.plane import journal
from haneul.services.logs.state import STREAM_NAMES, STREAMS, Stream, StreamName

TOKEN = "49039859636024155586" + "0" * 36


@operation(resource=names.by_group)
def create_log_stream(call: Call, request: Mapping[str, Any]) -> None:
    """CreateLogStream."""
    name = request["logStreamName"]
    with call.write() as tx:
        group = names.find(tx, call.scope, request["logGroupName"])
        if STREAMS.get(tx, call.scope, group.name, name) is not None:
            raise errors.ResourceAlreadyExistsException("The specified log stream already exists")
        number = names.number(tx)
        stream = Stream(group=group.name, name=name, number=number, created=names.millis(call))
        STREAMS.put(tx, call.scope, stream)
        STREAM_NAMES.put(tx, call.scope, StreamName(number=number, name=name))


def _describe(scope: Scope, stream: Stream) -> dict[str, Any]:
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created,
        "firstEventTimestamp": stream.first,
        "lastEventTimestamp": stream.last,
        "lastIngestionTime": stream.ingested,
        "uploadSequenceToken": TOKEN if stream.ingested is not None else None,
        "arn": f"{names.group_arn(scope, stream.group)}:log-stream:{stream.name}",
        "storedBytes": 0,
    }


@operation(resource=names.by_group)
def describe_log_streams(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeLogStreams, by name or by the time of the last event."""
    prefix, by_time = request.get("logStreamNamePrefix") or "", request.get("orderBy") == "LastEventTime"
    if prefix and by_time:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    limit = request.get("limit") or 50
    with call.read() as tx:
        group = names.find(tx, call.scope, names.wanted(request))
        rows = [s for s in STREAMS.scan(tx, call.scope, group.name) if s.name.startswith(prefix)]
    if by_time:
        rows.sort(key=lambda stream: (stream.last or 0, stream.name))
    if request.get("descending"):
        rows.reverse()
    after = names.open_token(request.get("nextToken"))
    start = next((at + 1 for at, stream in enumerate(rows) if stream.name == after), 0) if after else 0
    page = rows[start : start + limit]
    more = {"nextToken": tokens.seal_page(page[-1].name)} if start + limit < len(rows) else {}
    return {"logStreams": [_describe(call.scope, stream) for stream in page], **more}


@operation(resource=names.by_group)
def delete_log_stream(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteLogStream, with its events."""
    with call.write() as tx:
        group = names.find(tx, call.scope, request["logGroupName"])
        stream = STREAMS.get(tx, call.scope, group.name, request["logStreamName"])
        if stream is None:
            raise no_stream()
        STREAMS.delete(tx, call.scope, group.name, stream.name)
        STREAM_NAMES.delete(tx, call.scope, stream.number)
        while journal.delete_stream(tx, group.number, stream.number):
            pass
