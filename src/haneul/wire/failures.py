"""Errors on their way out: each protocol's own shape, with the members that the model gives an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from zlib import crc32

from haneul.wire import json, rest
from haneul.wire.errors import AwsError
from haneul.wire.message import Response
from haneul.wire.model import Model
from haneul.wire.quirks import Quirks, quirks
from haneul.wire.xml import escape
from haneul.wire.xmlwriter import XmlWriters

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def response(model: Model, protocol: str, error: AwsError, request_id: str, resource: str, head: bool) -> Response:
    habits = quirks(model.name, protocol)
    shape = model.error_shape(error.code)
    s3 = habits.style == "s3"
    headers = [("x-amz-request-id", request_id)] if s3 else [("x-amzn-RequestId", request_id)]
    if s3:
        headers.append(("x-amz-id-2", rest.host_id(request_id)))
    headers += error.headers.items()
    if shape is not None and error.members and protocol.startswith("rest"):
        located = _outputs(model, shape).writers
        for name, value in error.members.items():
            if name in located and value is not None:
                located[name](value, headers)
    if error.status == 304:
        return Response(304, headers)
    make = {"ec2": _ec2, "query": _query, "rest-xml": _s3 if s3 else _query}.get(protocol)
    if make is not None:
        code = error.code if shape is None else _query_code(model, shape)
        headers.append(("Content-Type", "application/xml" if protocol == "rest-xml" else "text/xml;charset=UTF-8"))
        body = "" if head else make(model, protocol, error, code, request_id, resource)
        return Response(error.status, headers, body.encode("utf-8", "replace"))
    return _json(model, protocol, habits, error, shape, headers, head)


@cache
def _outputs(model: Model, shape: str) -> rest.Outputs:
    """How an error's members leave in headers."""
    return rest.Outputs(model, {"shape": shape})


# XML


def _s3(model: Model, protocol: str, error: AwsError, code: str, request_id: str, resource: str) -> str:
    extra = "".join(
        f"<{name}>{escape(value)}</{name}>"
        for name, value in error.members.items()
        if value is not None and name not in {"Resource", "RequestId", "HostId"}
    )
    where = error.members.get("Resource", resource)
    return (
        f"{_DECLARATION}<Error><Code>{escape(code)}</Code><Message>{escape(error.message)}</Message>{extra}"
        + (f"<Resource>{escape(where)}</Resource>" if where else "")
        + f"<RequestId>{request_id}</RequestId><HostId>{rest.host_id(request_id)}</HostId></Error>"
    )


def _ec2(model: Model, protocol: str, error: AwsError, code: str, request_id: str, resource: str) -> str:
    parts = [f"{_DECLARATION}<Response><Errors><Error><Code>{escape(code)}</Code>"]
    parts.append(f"<Message>{escape(error.message)}</Message>")
    shape = model.error_shape(error.code)
    if shape is not None and error.members:
        _members(model, protocol, shape)(error.members, parts.append)
    parts.append(f"</Error></Errors><RequestID>{request_id}</RequestID></Response>")
    return "".join(parts)


def _query(model: Model, protocol: str, error: AwsError, code: str, request_id: str, resource: str) -> str:
    shape = model.error_shape(error.code)
    side = "Receiver" if error.status >= 500 else "Sender"
    opening = f'<ErrorResponse xmlns="{model.xml_namespace}">' if model.xml_namespace else "<ErrorResponse>"
    if protocol == "rest-xml":
        opening = _DECLARATION + opening
    # An error without words has no Message at all, as IAM's ReportNotPresent.
    message = f"<Message>{escape(error.message)}</Message>" if error.message else ""
    parts = [opening, f"<Error><Type>{side}</Type><Code>{escape(code)}</Code>{message}"]
    if shape is not None and error.members:
        _members(model, protocol, shape)(error.members, parts.append)
    parts.append(f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>")
    return "".join(parts)


@cache
def _members(model: Model, protocol: str, shape: str) -> Callable[[Mapping[str, Any], Callable[[str], Any]], None]:
    named = [name for name in rest.output_members(model, {"shape": shape}) if name.lower() != "message"]
    return XmlWriters(model, quirks(model.name, protocol)).members({"shape": shape}, named)


# JSON and CBOR


def _json(
    model: Model,
    protocol: str,
    habits: Quirks,
    error: AwsError,
    shape: str | None,
    headers: list[tuple[str, str]],
    head: bool,
) -> Response:
    name = error.code if shape is None else shape
    members: dict[str, Any] = {}
    key = "message"
    if shape is not None:
        modelled = model.shapes[shape]["members"]
        key = next((member for member in modelled if member.lower() == "message"), "message")
        members = _writer(model, protocol, shape)(error.members)
    if model.query_compatible:
        code = name if shape is None else _query_code(model, shape)
        headers.append(("x-amzn-query-error", f"{code};{'Receiver' if error.status >= 500 else 'Sender'}"))
    if error.message:
        members[key] = error.message
    if protocol == "rest-json":
        name = error.code if shape is None else model.error_code(shape)
        headers.append(("x-amzn-ErrorType", name))
        if habits.type_in_body:
            members = {"code": name, "type": "Server" if error.status >= 500 else "Client", **members}
        headers.append(("Content-Type", "application/json"))
        return Response(error.status, headers, b"" if head else json.encode(members))
    if protocol == "smithy-rpc-v2-cbor":
        from haneul.wire import cbor

        headers += [("smithy-protocol", "rpc-v2-cbor"), ("Content-Type", "application/cbor")]
        return Response(error.status, headers, cbor.encode({"__type": _typed(name, habits), **members}))
    body = json.encode({"__type": _typed(name, habits), **members})
    headers.append(("Content-Type", f"application/x-amz-json-{model.json_version}"))
    if habits.crc32:
        headers.append(("x-amz-crc32", str(crc32(body))))
    return Response(error.status, headers, body)


def _typed(name: str, habits: Quirks) -> str:
    return dict(habits.namespaces).get(name, habits.error_namespace) + name


def _query_code(model: Model, shape: str) -> str:
    from haneul.wire.quirks import QUERY_CODES

    return QUERY_CODES.get(model.name, {}).get(shape) or model.error_code(shape)


@cache
def _writer(model: Model, protocol: str, shape: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    names = frozenset(name for name in rest.output_members(model, {"shape": shape}) if name.lower() != "message")
    return json.Writers(model, quirks(model.name, protocol).opaque).members({"shape": shape}, names)
