"""One operation in one protocol, compiled at first use: bytes to members and members to bytes. Never walks a model."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from haneul.wire.constraints import Constraints
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response
from haneul.wire.model import Model
from haneul.wire.quirks import Quirks, quirks
from haneul.wire.xmlwriter import XmlWriters

Parse = Callable[[Request, Mapping[str, str]], dict[str, Any]]
MAX_INFLATED = 64 << 20
Serialize = Callable[[Mapping[str, Any], str], Response]


class Codec:
    """How an operation's members cross the wire.

    parse: (request, labels of the path) -> members by AWS's names, validated. Raises AwsError.
    serialize: (output members, request id) -> response.
    validate: the model's constraints alone, for members that came without a wire. Raises AwsError.
    stream_in: the input member that is a streaming blob. stream_out: the output has one.
    """

    __slots__ = ("operation", "parse", "serialize", "stream_in", "stream_out", "validate")

    def __init__(
        self, operation: str, parse: Parse, serialize: Serialize, validate: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self.operation = operation
        self.parse = parse
        self.serialize = serialize
        self.validate = validate
        self.stream_in: str | None = None
        self.stream_out = False


class _Service:
    """What the operations of one service in one protocol share: compiled shapes."""

    def __init__(self, model: Model, protocol: str, opaque: frozenset[str]) -> None:
        self.model = model
        self.quirks: Quirks = quirks(model.name, protocol)
        self.constraints = Constraints(model, self.quirks, opaque)
        self.parser: Callable[[Any], Parse]
        self.serializer: Callable[[Any], Serialize]
        model_quirks = self.quirks
        if protocol in {"query", "ec2"}:
            from haneul.wire import query

            forms = query.QueryReaders(model, protocol == "ec2", self.quirks.open)
            elements = XmlWriters(model, model_quirks)
            self.parser = lambda operation: query.parser(forms, operation, model_quirks)
            self.serializer = lambda operation: query.serializer(model, elements, operation, protocol == "ec2")
        elif protocol == "rest-xml":
            from haneul.wire import restxml

            nodes = restxml.XmlReaders(model)
            writers = XmlWriters(model, model_quirks)
            self.parser = lambda operation: restxml.parser(model, nodes, operation, model_quirks)
            self.serializer = lambda operation: restxml.serializer(model, writers, operation, model_quirks)
        elif protocol == "json":
            from haneul.wire import json

            values, texts = json.Readers(model, opaque), json.Writers(model, opaque)
            self.parser = lambda operation: json.parser(values, operation, model_quirks)
            self.serializer = lambda operation: json.serializer(model, texts, operation, model_quirks)
        elif protocol == "rest-json":
            from haneul.wire import json, restjson

            values, texts = json.Readers(model, opaque), json.Writers(model, opaque)
            self.parser = lambda operation: restjson.parser(model, values, operation, model_quirks)
            self.serializer = lambda operation: restjson.serializer(model, texts, operation, model_quirks)
        elif protocol == "smithy-rpc-v2-cbor":
            from haneul.wire import cbor

            values, texts = cbor.readers(model, opaque), cbor.writers(model, opaque)
            self.parser = lambda operation: cbor.parser(model, values, operation, model_quirks)
            self.serializer = lambda operation: cbor.serializer(model, texts, operation, model_quirks)
        else:
            raise KeyError(f"no such protocol: {protocol}")


@cache
def _service(model: Model, protocol: str, opaque: frozenset[str]) -> _Service:
    return _Service(model, protocol, opaque)


@cache
def codec(model: Model, operation: str, protocol: str, opaque: frozenset[str] = frozenset()) -> Codec:
    """The codec of an operation; the same one for the same arguments. `opaque` shapes pass as they are."""
    old_sqs = model.name == "sqs" and protocol == "query"
    if old_sqs:
        from haneul.wire import sqsforms

        model = sqsforms.former(model)
    service = _service(model, protocol, opaque)
    spec = model.operations[operation]
    parse = service.parser(spec)
    if old_sqs:
        parse = _for_queues(parse)
    check = None if spec.input is None else service.constraints.check(spec.input)
    malformed = service.quirks.malformed

    def validate(members: Mapping[str, Any]) -> None:
        if check is not None and spec.input is not None and not check(members):
            raise service.constraints.explain(spec.input, members)

    if spec.compressed:
        parse = _inflated(parse, malformed)

    def parse_and_validate(request: Request, labels: Mapping[str, str]) -> dict[str, Any]:
        try:
            members = parse(request, labels)
            if check is not None and not check(members):
                validate(members)
        except RecursionError:
            raise AwsError(malformed, "The request is nested too deeply") from None
        return members

    made = Codec(operation, parse_and_validate, service.serializer(spec), validate)
    made.stream_in = spec.stream_in
    made.stream_out = spec.stream_out is not None
    return made


def _for_queues(parse: Parse) -> Parse:
    from haneul.wire import sqsforms

    return lambda request, labels: parse(sqsforms.with_queue(request), labels)


def _inflated(parse: Parse, malformed: str) -> Parse:
    """For operations whose clients may compress: undoes a Content-Encoding that ends in gzip. Bounded."""

    def inflated(request: Request, labels: Mapping[str, str]) -> dict[str, Any]:
        encoding = request.headers.get("content-encoding", "")
        if encoding.rpartition(",")[2].strip().lower() != "gzip":
            return parse(request, labels)
        unzip = zlib.decompressobj(31)
        try:
            body = unzip.decompress(request.body, MAX_INFLATED)
        except zlib.error:
            raise AwsError(malformed, "The request body is not valid gzip") from None
        if not unzip.eof:
            raise AwsError(malformed, "The compressed request body is torn or too large")
        headers = {**request.headers, "content-encoding": encoding.rpartition(",")[0].strip()}
        if not headers["content-encoding"]:
            del headers["content-encoding"]
        return parse(Request(request.method, request.path, request.query, headers, body), labels)

    return inflated


def error_response(
    model: Model, protocol: str, error: AwsError, request_id: str, resource: str = "", head: bool = False
) -> Response:
    """An error in its protocol's own shape. `head`: the request was a HEAD, so nothing but headers."""
    from haneul.wire import failures

    return failures.response(model, protocol, error, request_id, resource, head)
