"""The two round trips with botocore: its requests read by us, our responses read by it."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from haneul.wire import checksums
from haneul.wire import compile as compiling
from haneul.wire.message import BufferedBody, Request
from haneul.wire.model import load
from haneul.wire.routes import router

from .corpus import plain
from .values import Maker, epochs


@cache
def _session() -> Any:
    return botocore.session.get_session()


@cache
def service_model(service: str) -> Any:
    return _session().get_service_model(service)


def request_of(service: str, operation: str, protocol: str, params: dict[str, Any]) -> Request:
    """The request that botocore sends."""
    made = create_serializer(protocol, include_validation=False).serialize_to_request(
        params, service_model(service).operation_model(operation)
    )
    prepare_request_dict(made, "http://localhost")
    prepared = create_request_object(made).prepare()
    url = urlsplit(prepared.url)
    headers = {
        name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in prepared.headers.items()
    }
    body = prepared.body or b""
    return Request(prepared.method, url.path, url.query, headers, body.encode() if isinstance(body, str) else body)


def check_request(service: str, operation: str, protocol: str, random: Random) -> None:
    model = load(service)
    spec = model.operations[operation]
    params = {} if spec.input is None else Maker(model, protocol, random, True).members(spec.input)
    request = request_of(service, operation, protocol, params)
    if spec.checksum_required:
        request.headers["x-amz-checksum-crc32"] = checksums.encode(checksums.digest("CRC32", request.body))
    labels: dict[str, str] = {}
    if protocol.startswith("rest"):
        found = router(model).match(request.method, request.path, request.query, request.headers)
        assert found is not None, f"no route for {request.method} {request.path}?{request.query}"
        assert found[0] == operation, f"{found[0]} instead of {operation}"
        labels = found[1]
    if spec.stream_in:
        request.stream = BufferedBody(request.body)
    parse = compiling._service(model, protocol, frozenset()).parser(
        spec
    )  # without the constraints, which are random here
    members = parse(request, labels)
    for name, value in members.items():
        if isinstance(value, BufferedBody):
            members[name] = value.buffered
    if spec.event_in:
        members.pop(spec.event_in, None)
    if spec.input is not None:
        sent = {name: value for name, value in params.items() if name in members or value not in (b"", "")}
        got = plain(model, spec.input, members)
        if "ContentLength" not in sent:
            got.pop("ContentLength", None)  # the client's own header
        for name in ("ContentType", "contentType"):
            if name not in sent:
                got.pop(name, None)
        got.pop("ChecksumCRC32", None)
        assert got == plain(model, spec.input, sent)


def check_response(service: str, operation: str, protocol: str, random: Random) -> None:
    model = load(service)
    spec = model.operations[operation]
    if spec.output is None or spec.event_out:
        return
    result = Maker(model, protocol, random, False).members(spec.output)
    made = compiling.codec(model, operation, protocol).serialize(epochs(result), "request-id")
    body = made.body
    response = {"status_code": made.status, "headers": HeadersDict(dict(made.headers)), "body": body, "context": {}}
    shape = service_model(service).operation_model(operation).output_shape
    parsed = create_parser(protocol).parse(response, shape)
    parsed.pop("ResponseMetadata", None)
    got = plain(model, spec.output, parsed)
    sent = plain(model, spec.output, result)
    payload = model.resolve(spec.output).get("payload")
    if payload not in sent and got.get(payload) == b"":
        got.pop(payload)
    for name, ref in model.resolve(spec.output)["members"].items():
        member = model.resolve(ref)
        if member.get("location") == "statusCode" and name not in sent:
            got.pop(name, None)
        if member.get("location") == "headers" and name in got:
            got[name] = {
                k: v for k, v in got[name].items() if not k.lower().endswith(("amzn-requestid", "content-type"))
            }
            if not got[name]:
                del got[name]
        if member.get("location") == "header" and name not in sent and name in got:
            del got[name]  # headers of every answer (Content-Type)
    assert got == sent
