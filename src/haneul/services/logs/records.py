"""Log events as Insights sees them: the fields that each kind of log is known to have, and those of JSON messages."""

from __future__ import annotations

import json
import re
from typing import Any

from haneul.kit import tokens
from haneul.service import Scope
from haneul.services.logs.plane.journal import Event
from haneul.services.logs.state import Group

MOST_FIELDS = 200
_REPORT = re.compile(
    r"REPORT RequestId: (?P<id>\S+)\s+Duration: (?P<duration>[\d.]+) ms\s+Billed Duration: (?P<billed>[\d.]+) ms\s+"
    r"Memory Size: (?P<size>\d+) MB\s+Max Memory Used: (?P<used>\d+) MB(?:\s+Init Duration: (?P<init>[\d.]+) ms)?"
)
_REQUEST = re.compile(r"(?:START|END|REPORT) RequestId: (\S+)")


def fields_of(scope: Scope, group: Group, stream: str, event: Event) -> dict[str, Any]:
    """Every field of an event."""
    record: dict[str, Any] = {
        "@timestamp": event.time,
        "@ingestionTime": event.ingested,
        "@message": event.message,
        "@logStream": stream,
        "@log": f"{scope.account}:{group.name}",
        "@ptr": tokens.seal_page(group.name, event.time, event.sequence),
    }
    message = event.message
    start = message.find("{")
    if start >= 0 and message.rstrip().endswith("}"):
        try:
            document = json.loads(message[start:])
        except ValueError:
            document = None
        if isinstance(document, dict):
            _flatten(record, "", document)
    if group.name.startswith("/aws/lambda/"):
        _function(record, message)
    return record


def _flatten(record: dict[str, Any], prefix: str, value: Any) -> None:
    if len(record) >= MOST_FIELDS:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            _flatten(record, f"{prefix}.{name}" if prefix else str(name), inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _flatten(record, f"{prefix}.{number}", inner)
    elif value is not None:
        record[prefix] = value


def _function(record: dict[str, Any], message: str) -> None:
    """Fields of a function's own lines."""
    found = _REQUEST.match(message)
    if found is None:
        return
    record["@requestId"] = found.group(1)
    record["@type"] = message.split(" ", 1)[0]
    if (report := _REPORT.match(message)) is not None:
        record["@duration"] = float(report["duration"])
        record["@billedDuration"] = float(report["billed"])
        record["@memorySize"] = float(report["size"]) * 1e6
        record["@maxMemoryUsed"] = float(report["used"]) * 1e6
        if report["init"]:
            record["@initDuration"] = float(report["init"])
