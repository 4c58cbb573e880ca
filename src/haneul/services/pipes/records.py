"""Records of sources as filters, templates and targets see them. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from haneul.kit.patterns import compile_pattern

_PLACE = re.compile(r"<([^<>]+)>")
_STEP = re.compile(r"\.?([A-Za-z0-9_\-@]+)|\[(\d+)\]|\['([^']+)'\]")
_PARSED = ("body", "data")
"""Members whose text is read as JSON when it is JSON."""


def of_queue(message: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """A message of SQS."""
    attributes = {}
    for name, value in (message.get("MessageAttributes") or {}).items():
        held: dict[str, Any] = {"dataType": value["DataType"], "stringListValues": [], "binaryListValues": []}
        if "StringValue" in value:
            held["stringValue"] = value["StringValue"]
        if "BinaryValue" in value:
            held["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
        attributes[name] = held
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes") or {},
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": arn.split(":")[3],
    }
    if message.get("MD5OfMessageAttributes"):
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def of_table(record: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """A record of a DynamoDB stream."""
    return {**_plain(record), "eventSourceARN": arn}


def of_stream(record: Mapping[str, Any], arn: str, shard: str) -> dict[str, Any]:
    """A record of a Kinesis stream."""
    return {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": record["PartitionKey"],
        "sequenceNumber": record["SequenceNumber"],
        "data": base64.b64encode(record["Data"]).decode(),
        "approximateArrivalTimestamp": record.get("ApproximateArrivalTimestamp"),
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "awsRegion": arn.split(":")[3],
        "eventSourceARN": arn,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def opened(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with its body or data read as JSON, as filters and templates look at it."""
    seen = dict(record)
    for name in _PARSED:
        text = seen.get(name)
        if not isinstance(text, str):
            continue
        if name == "data":
            try:
                text = base64.b64decode(text).decode()
            except (ValueError, UnicodeDecodeError):
                continue
        try:
            seen[name] = json.loads(text)
        except ValueError:
            seen[name] = text
    return seen


def passes(filters: list[Mapping[str, Any]], record: Mapping[str, Any]) -> bool:
    """One of the filters lets the record through; without any, all pass."""
    if not filters:
        return True
    seen = opened(record)
    return any(compile_pattern(json.loads(chosen["Pattern"]))(seen) for chosen in filters)


def fill(template: str | None, record: Any, names: Mapping[str, str]) -> str:
    """A record as a template shapes it: <$.path> is JSON outside of quotes, bare text inside; without one, as it is."""
    if not template:
        return json.dumps(record) if not isinstance(record, str) else record
    seen = opened(record) if isinstance(record, Mapping) else record
    pieces: list[str] = []
    position, quoted = 0, False
    for found in _PLACE.finditer(template):
        literal = template[position : found.start()]
        quoted = quoted != (literal.replace('\\"', "").count('"') % 2 == 1)
        pieces.append(literal)
        name = found.group(1)
        if name.startswith("$"):
            pieces.append(_shown(_find(seen, name), quoted))
        elif name in names:
            pieces.append(names[name] if quoted else json.dumps(names[name]))
        elif name == "aws.pipes.event.json":
            pieces.append(json.dumps(record))
        else:
            pieces.append(found.group(0))
        position = found.end()
    return "".join([*pieces, template[position:]])


def _find(value: Any, path: str) -> Any:
    for found in _STEP.finditer(path, 1):
        name = next(group for group in found.groups() if group is not None)
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _shown(value: Any, quoted: bool) -> str:
    if not quoted:
        return json.dumps(value)
    if value is None:
        return ""
    if isinstance(value, str):
        return json.dumps(value)[1:-1]
    return json.dumps(json.dumps(value))[1:-1] if isinstance(value, dict | list) else json.dumps(value)
