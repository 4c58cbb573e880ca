"""Event streams: events of a modelled union as frames, for the members that are streams."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from haneul.wire import eventstream
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response
from haneul.wire.model import Model, OperationModel, Ref

DocumentWriter = Callable[[Ref, "frozenset[str] | None"], Callable[[Any], bytes]]
"""Compiles a writer of a structure (of some of its members) as a document of the protocol."""
DocumentReader = Callable[[Ref, "frozenset[str] | None"], Callable[[bytes], Any]]

CONTENT_TYPE = "application/vnd.amazon.eventstream"
Headers = list[tuple[str, str]]


def writer_of(
    model: Model, shape: Mapping[str, Any], document: DocumentWriter, kind: str
) -> Callable[[Any, Headers], AsyncIterator[bytes]]:
    """A writer of the stream: an async iterator of {"EventName": {...}} becomes one of frames."""
    events = {
        name: _event_writer(model, name, ref, document, kind)
        for name, ref in shape["members"].items()
        if not model.resolve(ref).get("exception")
    }
    exceptions = {model.error_code(ref["shape"]): name for name, ref in shape["members"].items()}

    async def frames(source: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[bytes]:
        try:
            async for event in source:
                for name, value in event.items():
                    yield events[name](value or {})
        except AwsError as error:
            yield _failure(error, exceptions, kind)

    def write(value: Any, headers: Headers) -> AsyncIterator[bytes]:
        headers.append(("Content-Type", CONTENT_TYPE))
        return frames(value)

    return write


def initial_response(payload: bytes, kind: str) -> bytes:
    """The frame that carries the other members where they have no headers to go to."""
    headers = {":event-type": "initial-response", ":content-type": kind, ":message-type": "event"}
    return eventstream.encode(headers, payload)


def _failure(error: AwsError, exceptions: Mapping[str, str], kind: str) -> bytes:
    name = exceptions.get(error.code)
    if name is None:
        return eventstream.encode(
            {":message-type": "error", ":error-code": error.code, ":error-message": error.message[:2048]}
        )
    text = error.message
    if "xml" in kind:
        from haneul.wire.xml import escape

        payload = f"<{name}><message>{escape(text)}</message></{name}>".encode("utf-8", "replace")
    elif "cbor" in kind:
        from haneul.wire import cbor

        payload = cbor.encode({"message": text, **error.members})
    else:
        from haneul.wire import json

        payload = json.encode({"message": text, **error.members})
    return eventstream.encode({":message-type": "exception", ":exception-type": name, ":content-type": kind}, payload)


def _event_writer(
    model: Model, name: str, ref: Ref, document: DocumentWriter, kind: str
) -> Callable[[Mapping[str, Any]], bytes]:
    members = model.shapes[ref["shape"]].get("members", {})
    shapes = {member: model.resolve(inner) for member, inner in members.items()}
    typed = [member for member, shape in shapes.items() if shape.get("eventheader")]
    payload = next((member for member, shape in shapes.items() if shape.get("eventpayload")), None)
    body = frozenset(shapes) - frozenset(typed)
    inner = None if payload is None else shapes[payload]["type"]
    content = {"blob": "application/octet-stream", "string": "text/plain"}.get(inner or "", kind)
    fixed = {":message-type": "event", ":event-type": name}
    if payload is not None or body:
        fixed[":content-type"] = content
    write: Callable[[Any], bytes] | None = None
    if inner == "structure":
        write = document(members[payload], None)
    elif payload is None and body:
        write = document(ref, body)

    def event(value: Mapping[str, Any]) -> bytes:
        headers: dict[str, object] = dict(fixed)
        for member in typed:
            item = value.get(member)
            if item is not None:
                headers[member] = eventstream.Millis(item * 1000) if shapes[member]["type"] == "timestamp" else item
        if payload is None:
            raw = b"" if write is None else write(value)
        else:
            item = value.get(payload)
            if item is None:
                raw = b""
            elif write is not None:
                raw = write(item)
            else:
                raw = item.encode() if isinstance(item, str) else bytes(item)
        return eventstream.encode(headers, raw)

    return event


def reader_of(
    model: Model, shape: Mapping[str, Any], name: str, document: DocumentReader
) -> Callable[[Request, dict[str, Any]], None]:
    """Puts an async iterator of {"EventName": {...}} into the member `name`."""
    events = {event: _event_reader(model, ref, document) for event, ref in shape["members"].items()}

    async def decode(request: Request) -> AsyncIterator[dict[str, Any]]:
        decoder = eventstream.Decoder()
        try:
            async for chunk in _chunks(request):
                for frame in decoder.feed(chunk):
                    inner = _unwrapped(frame)
                    if inner is None:
                        continue
                    read = events.get(str(inner.headers.get(":event-type")))
                    if read is not None:
                        yield {str(inner.headers[":event-type"]): read(inner)}
        except ValueError as error:
            raise AwsError("SerializationException", f"The event stream is not readable: {error}") from None
        if decoder.pending:
            raise AwsError("SerializationException", "The event stream ended in the middle of a message")

    def read(request: Request, out: dict[str, Any]) -> None:
        out[name] = decode(request)

    return read


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    if request.stream is None:
        yield request.body
        return
    async for chunk in request.stream:
        yield chunk


def _unwrapped(frame: eventstream.Frame) -> eventstream.Frame | None:
    """The event inside a signed frame; None for the empty one that ends a signed stream."""
    if ":chunk-signature" not in frame.headers:
        return frame
    inner = eventstream.Decoder().feed(frame.payload) if frame.payload else []
    return inner[0] if inner else None


def _event_reader(model: Model, ref: Ref, document: DocumentReader) -> Callable[[eventstream.Frame], dict[str, Any]]:
    members = model.shapes[ref["shape"]].get("members", {})
    shapes = {member: model.resolve(inner) for member, inner in members.items()}
    typed = {member: shape["type"] for member, shape in shapes.items() if shape.get("eventheader")}
    payload = next((member for member, shape in shapes.items() if shape.get("eventpayload")), None)
    body = frozenset(shapes) - frozenset(typed)
    inner = None if payload is None else shapes[payload]["type"]
    read: Callable[[bytes], Any] | None = None
    if inner == "structure":
        read = document(members[payload], None)
    elif payload is None and body:
        read = document(ref, body)

    def event(frame: eventstream.Frame) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for member, kind in typed.items():
            if member in frame.headers:
                value: Any = frame.headers[member]
                out[member] = value / 1000 if kind == "timestamp" else value
        if payload is None:
            if read is not None:
                out.update(read(frame.payload))
        elif read is not None:
            out[payload] = read(frame.payload)
        else:
            out[payload] = frame.payload.decode() if inner == "string" else frame.payload
        return out

    return event


def rpc_serializer(
    model: Model,
    operation: OperationModel,
    document: DocumentWriter,
    kind: str,
    mark: Callable[[Headers], None] = lambda _headers: None,
) -> Callable[[Mapping[str, Any], str], Response]:
    """json's and cbor's answer that is an event stream: the other members go ahead as an initial response."""
    assert operation.output is not None and operation.event_out is not None
    name = operation.event_out
    members = model.resolve(operation.output)["members"]
    initial = document(operation.output, frozenset(members) - {name})
    write = writer_of(model, model.resolve(members[name]), document, kind)

    async def both(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        yield first
        async for frame in rest:
            yield frame

    def serialize(output: Mapping[str, Any], request_id: str) -> Response:
        headers = [("x-amzn-RequestId", request_id)]
        mark(headers)
        frames = write(output[name], headers)
        return Response(200, headers, both(initial_response(initial(output), kind), frames))

    return serialize
