"""The rest-json protocol (Lambda, Glacier, API Gateway): JSON bodies beside members in path, query and headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from haneul.wire import checksums, json, rest, streams
from haneul.wire.message import Request, Response
from haneul.wire.model import Model, OperationModel
from haneul.wire.quirks import Quirks
from haneul.wire.scalars import Convert, Unreadable

Fill = Callable[[Request, dict[str, Any]], None]


def parser(
    model: Model, values: json.Readers, operation: OperationModel, quirks: Quirks
) -> Callable[[Request, Mapping[str, str]], dict[str, Any]]:
    bind = rest.binder(model, operation, quirks)
    body = _body_reader(model, values, operation, quirks)
    checked = checksums.verifier(operation, model.name)

    def parse(request: Request, labels: Mapping[str, str]) -> dict[str, Any]:
        out = bind(request, labels)
        if checked is not None and request.stream is None:
            checked(request.headers, request.body)
        if body is not None:
            body(request, out)
        return out

    return parse


def _body_reader(model: Model, values: json.Readers, operation: OperationModel, quirks: Quirks) -> Fill | None:
    payload = rest.payload(model, operation.input)
    if payload is None:
        members = rest.body_members(model, operation.input)
        if operation.input is None or not members:
            return None
        return _document(values.members(operation.input, members), None, quirks)
    if payload.kind == "events":
        return streams.reader_of(model, payload.shape, payload.name, json.event_reader(values))
    if payload.kind == "value":
        return _document(values.reader(payload.shape), payload.name, quirks)
    return rest.raw_reader(payload, quirks)


def _document(read: Convert, name: str | None, quirks: Quirks) -> Fill:
    def document(request: Request, out: dict[str, Any]) -> None:
        if not request.body:
            return
        try:
            value = read(orjson.loads(request.body))
        except Unreadable as error:
            raise json.unreadable(error, quirks) from None
        except ValueError:
            raise json.not_json(quirks) from None
        if name is None:
            out.update(value)
        else:
            out[name] = value

    return document


def serializer(
    model: Model, texts: json.Writers, operation: OperationModel, quirks: Quirks
) -> Callable[[Mapping[str, Any], str], Response]:
    outputs = rest.Outputs(model, operation.output)
    body = _body_writer(model, texts, operation)
    return rest.serializer(operation, outputs, body, rest.request_id_headers(False))


def _body_writer(model: Model, texts: json.Writers, operation: OperationModel) -> rest.BodyWriter | None:
    payload = rest.payload(model, operation.output)
    if operation.output is None:
        return None
    if payload is None:
        members = rest.output_members(model, operation.output)
        return (None, _encoded(texts.members(operation.output, members))) if members else None
    if payload.kind == "events":
        return payload.name, streams.writer_of(model, payload.shape, json.event_writer(texts), "application/json")
    if payload.kind == "value":
        return payload.name, _encoded(texts.writer(payload.shape))
    return payload.name, rest.raw_writer("text/plain" if payload.kind == "string" else "application/octet-stream")


def _encoded(write: Convert | None) -> Callable[[Any, rest.Headers], bytes]:
    def encoded(value: Any, headers: rest.Headers) -> bytes:
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
        return json.encode(value if write is None else write(value))

    return encoded
