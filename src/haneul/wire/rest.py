"""What rest-json and rest-xml share: members in the path, the query string, headers and the status."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from haneul.wire import scalars
from haneul.wire.errors import AwsError
from haneul.wire.message import BufferedBody, Request, Response
from haneul.wire.model import Model, OperationModel, Ref
from haneul.wire.quirks import Quirks
from haneul.wire.scalars import Convert, Unreadable

Bind = Callable[[Request, Mapping[str, str]], dict[str, Any]]
Headers = list[tuple[str, str]]
_IN_HEAD = frozenset({"header", "headers", "statusCode"})
_LOCATIONS = _IN_HEAD | {"uri", "querystring"}


class Payload(NamedTuple):
    """The member that is the whole body; kind is "stream", "events", "blob", "string" or "value"."""

    name: str
    shape: Mapping[str, Any]
    kind: str


def payload(model: Model, ref: Ref | None) -> Payload | None:
    if ref is None:
        return None
    shape = model.resolve(ref)
    name = shape.get("payload")
    if name is None:
        return None
    member = model.resolve(shape["members"][name])
    if member.get("eventstream"):
        return Payload(name, member, "events")
    if member["type"] == "blob":
        return Payload(name, member, "stream" if member.get("streaming") else "blob")
    return Payload(name, member, "string" if member["type"] == "string" else "value")


def body_members(model: Model, ref: Ref | None, elsewhere: frozenset[str] = _LOCATIONS) -> frozenset[str]:
    """Members that travel in the body of a shape without a payload."""
    members = {} if ref is None else model.resolve(ref)["members"]
    return frozenset(name for name, member in members.items() if model.resolve(member).get("location") not in elsewhere)


def output_members(model: Model, ref: Ref | None) -> frozenset[str]:
    """The same of a response, which has neither a path nor a query string."""
    return body_members(model, ref, _IN_HEAD)


# Requests


def binder(model: Model, operation: OperationModel, quirks: Quirks) -> Bind:
    """Reads every member that isn't in the body."""
    labels: list[tuple[str, str, Convert]] = []
    headers: dict[str, tuple[str, Convert]] = {}
    prefixes: list[tuple[str, str]] = []
    query: dict[str, tuple[str, Convert, bool]] = {}
    rest: tuple[str, bool] | None = None
    literals = {piece.partition("=")[0] for piece in operation.uri.partition("?")[2].split("&")} | {"x-id"}
    members = {} if operation.input is None else model.resolve(operation.input)["members"]
    for name, ref in members.items():
        shape = model.resolve(ref)
        wire, location = shape.get("locationName", name), shape.get("location")
        if location == "uri":
            labels.append((wire, name, scalars.reader(shape)))
        elif location == "header":
            headers[wire.lower()] = (name, _header_reader(model, shape))
        elif location == "headers":
            prefixes.append((shape.get("locationName", "").lower(), name))
        elif location == "querystring" and shape["type"] == "map":
            rest = (name, model.resolve(shape["value"])["type"] == "list")
        elif location == "querystring":
            many = shape["type"] == "list"
            query[wire] = (name, scalars.reader(model.resolve(shape["member"]) if many else shape), many)

    def bind(request: Request, found: Mapping[str, str]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        name = ""
        try:
            for label, name, read in labels:
                if label in found:
                    out[name] = read(found[label])
            if headers or prefixes:
                received = request.headers
                for key in received:
                    entry = headers.get(key)
                    if entry is not None:
                        name = entry[0]
                        out[name] = entry[1](received[key])
                for prefix, name in prefixes:
                    size = len(prefix)
                    found_map = {key[size:]: received[key] for key in received if key.startswith(prefix)}
                    if found_map:
                        out[name] = found_map
            if request.query and (query or rest is not None):
                name = _query(request.query, query, rest, literals, out)
        except Unreadable as error:
            raise unreadable(error.within(name), quirks) from None
        except UnicodeDecodeError:
            raise AwsError("InvalidURI", "Couldn't parse the specified URI.", 400) from None
        return out

    return bind


def _query(
    text: str,
    query: Mapping[str, tuple[str, Convert, bool]],
    rest: tuple[str, bool] | None,
    literals: set[str],
    out: dict[str, Any],
) -> str:
    others: dict[str, Any] = {}
    name = ""
    for key, value in scalars.form(text):
        entry = query.get(key)
        if entry is not None:
            name, read, many = entry
            try:
                if many:
                    out.setdefault(name, []).append(read(value))
                elif name not in out:
                    out[name] = read(value)
            except Unreadable as error:
                raise error.within(name) from None
        elif rest is not None and key not in literals and not key.startswith("X-Amz-"):
            if rest[1]:
                others.setdefault(key, []).append(value)
            else:
                others.setdefault(key, value)
    if rest is not None and others:
        out[rest[0]] = others
    return ""


def _header_reader(model: Model, shape: Mapping[str, Any]) -> Convert:
    if shape.get("jsonvalue"):
        return _json_value
    if shape["type"] != "list":
        return scalars.reader(shape)
    member = model.resolve(shape["member"])
    read = scalars.reader(member)
    dates = member["type"] == "timestamp" and member.get("timestampFormat", "rfc822") == "rfc822"
    return lambda value: [read(item) for item in split_list(value, dates)]


def _json_value(text: str) -> Any:
    try:
        return orjson.loads(binascii.a2b_base64(text.encode()))
    except ValueError:
        raise Unreadable("expected base64 of a JSON value", text) from None


def split_list(text: str, dates: bool = False) -> list[str]:
    """The items of a comma-separated header; quoted ones may hold commas, HTTP dates hold one each."""
    items: list[str] = []
    at, size = 0, len(text)
    while at < size:
        while at < size and text[at] in " \t,":
            at += 1
        if at >= size:
            break
        if text[at] == '"':
            at, item = _quoted(text, at + 1)
        else:
            end = text.find(",", at)
            if dates and end != -1:
                end = text.find(",", end + 1)
            end = size if end == -1 else end
            item, at = text[at:end].strip(), end
        items.append(item)
    return items


def _quoted(text: str, at: int) -> tuple[int, str]:
    out = []
    while at < len(text) and text[at] != '"':
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        out.append(text[at])
        at += 1
    return at + 1, "".join(out)


def unreadable(error: Unreadable, quirks: Quirks) -> AwsError:
    if quirks.style == "s3":
        name = error.path.partition(".")[0]
        shown = error.value if isinstance(error.value, str) else ""
        told = (
            f"Provided {_kebab(name)} not an integer or within integer range"
            if "integer" in error.reason
            else f"Invalid {name}"
        )
        return AwsError("InvalidArgument", told, ArgumentName=_kebab(name), ArgumentValue=shown[:1024])
    return AwsError(quirks.malformed, f"Invalid value at '{error.path}': {error.reason}")


def _kebab(name: str) -> str:
    out = "".join(f"-{c.lower()}" if c.isupper() else c for c in name)
    return out.lstrip("-")


# Responses


class Outputs:
    """How an operation's output members leave the body: a writer per member that is in a header or the status."""

    def __init__(self, model: Model, ref: Ref | None) -> None:
        self.writers: dict[str, Callable[[Any, Headers], None]] = {}
        self.status: str | None = None
        members = {} if ref is None else model.resolve(ref)["members"]
        for name, member in members.items():
            shape = model.resolve(member)
            location, wire = shape.get("location"), shape.get("locationName", name)
            if location == "header":
                self.writers[name] = _header_writer(model, shape, wire)
            elif location == "headers":
                self.writers[name] = _prefix_writer(shape.get("locationName", ""))
            elif location == "statusCode":
                self.status = name


def header_safe(value: str) -> str:
    """A header's value that cannot end its line: control characters become spaces."""
    if value.isprintable():
        return value
    return "".join(" " if c < " " or c == "\x7f" else c for c in value)


def _header_writer(model: Model, shape: Mapping[str, Any], wire: str) -> Callable[[Any, Headers], None]:
    text = _header_text(model, shape)
    if text is str:

        def write_string(value: Any, headers: Headers) -> None:
            value = value if type(value) is str else str(value)
            headers.append((wire, value if value.isprintable() else header_safe(value)))

        return write_string

    def write(value: Any, headers: Headers) -> None:
        headers.append((wire, header_safe(text(value))))

    return write


def _header_text(model: Model, shape: Mapping[str, Any]) -> Callable[[Any], str]:
    if shape.get("jsonvalue"):
        return lambda value: scalars.base64_text(orjson.dumps(value))
    if shape["type"] == "list":
        member = model.resolve(shape["member"])
        item = scalars.writer(member, "rfc822")
        if member["type"] != "string":
            return lambda value: ", ".join(item(part) for part in value if part is not None)
        return lambda value: ", ".join(_quote(str(part)) for part in value if part is not None)
    return scalars.writer(shape, "rfc822")


def _quote(text: str) -> str:
    if '"' in text or "," in text:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def _prefix_writer(prefix: str) -> Callable[[Any, Headers], None]:
    def write(value: Any, headers: Headers) -> None:
        for key, item in value.items():
            if item is not None:
                headers.append((prefix + header_safe(key), header_safe(str(item))))

    return write


BodyWriter = tuple[str | None, Callable[[Any, Headers], Any]]
"""The member that is the body (None: the members together), and what makes it bytes."""


def request_id_headers(s3: bool) -> Callable[[str], Headers]:
    """The headers every answer starts with."""
    if not s3:
        return lambda request_id: [("x-amzn-RequestId", request_id)]
    return lambda request_id: [("x-amz-request-id", request_id), ("x-amz-id-2", host_id(request_id))]


def host_id(request_id: str) -> str:
    """S3's second name of a request, for x-amz-id-2 and HostId."""
    return f"{request_id}{request_id[::-1]}haneul"


def raw_reader(payload: Payload, quirks: Quirks) -> Callable[[Request, dict[str, Any]], None]:
    """Puts a body that is one blob or text into its member."""
    name, text = payload.name, payload.kind == "string"
    if payload.kind == "stream":

        def stream(request: Request, out: dict[str, Any]) -> None:
            out[name] = request.stream if request.stream is not None else BufferedBody(request.body)

        return stream

    def whole(request: Request, out: dict[str, Any]) -> None:
        if request.body:
            try:
                out[name] = request.body.decode() if text else request.body
            except UnicodeDecodeError:
                raise AwsError(quirks.malformed, "The body is not valid UTF-8") from None

    return whole


def raw_writer(kind: str) -> Callable[[Any, Headers], Any]:
    """Makes a blob or text the body, of media type `kind` unless a member tells another."""

    def raw(value: Any, headers: Headers) -> Any:
        for name, _ in headers:
            if name == "Content-Type" or name.lower() == "content-type":
                break
        else:
            headers.append(("Content-Type", kind))
        return value.encode("utf-8", "replace") if isinstance(value, str) else value

    return raw


def serializer(
    operation: OperationModel, outputs: Outputs, body: BodyWriter | None, identity: Callable[[str], Headers]
) -> Callable[[Mapping[str, Any], str], Response]:
    located, status_member, status = outputs.writers, outputs.status, operation.status
    body_name, write_body = (None, None) if body is None else body

    def serialize(output: Mapping[str, Any], request_id: str) -> Response:
        headers = identity(request_id)
        for name, value in output.items():
            if value is not None:
                write = located.get(name)
                if write is not None:
                    write(value, headers)
        content: Any = b""
        if write_body is not None:
            value = output if body_name is None else output.get(body_name)
            if value is not None:
                content = write_body(value, headers)
        code = status
        if status_member is not None:
            code = output.get(status_member) or status
        return Response(code, headers, content)

    return serialize
