"""botocore's protocol corpus run backwards: requests it expects are our input, results it expects our output."""

from __future__ import annotations

import asyncio
import base64
import copy
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import HeadersDict
from botocore.eventstream import EventStream
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import PROTOCOL_PARSERS

from haneul.wire.compile import codec, error_response
from haneul.wire.errors import AwsError
from haneul.wire.message import BufferedBody, Request
from haneul.wire.routes import router

from .corpus import Case, cases, plain

_EMPTY = "an empty list, map or structure leaves no trace in this request"
_GZIP = "the corpus gives no body: what the compressed bytes are is the client's choice"
_UNION = "botocore itself cannot read a union without a member"
_NAMES = "botocore reads the items of a flattened list by the name of the items alone"
_DATES = "botocore splits lists in headers at every comma"
_TWICE = "the caller gave the same parameters as members and in the map; each is read once"

UNREADABLE = {
    "ec2:Ec2EmptyQueryLists": _EMPTY,
    "query:QueryEmptyQueryMaps": _EMPTY,
    "rest-json:RestJsonHttpPrefixHeadersAreNotPresent": _EMPTY,
    "rest-json:RestJsonOmitsEmptyListQueryValues": _EMPTY,
    "rest-xml:HttpPrefixHeadersAreNotPresent": _EMPTY,
    "legacy-rest-json:26:1": _EMPTY,
    "legacy-rest-xml:26:1": _EMPTY,
    "rest-json:RestJsonHttpWithEmptyStructurePayload": "an empty object is sent for a payload that isn't there",
    "rest-json:RestJsonHttpWithHeadersButNoPayload": "an empty object is sent for a payload that isn't there",
    "legacy-rest-json:13:1": "an empty object is sent for a payload that isn't there",
    "legacy-rest-json:25:2": "an empty object is sent for a payload that isn't there",
    "legacy-rest-json:25:4": "an empty object is sent for a payload that isn't there",
    "legacy-rest-json:25:7": "the client adds a content type of its own, which is a member here",
    "rest-json:RestJsonHostWithPath": "the path begins with the endpoint's own, which is the client's configuration",
    "rest-json:RestJsonHttpChecksumRequired": "the MD5 is that of other white space than the corpus shows",
    "rest-json:MediaTypeHeaderInputBase64": "the corpus gives the JSON text; members hold the value",
    "rest-json:RestJsonAllQueryStringTypes": _TWICE,
    "rest-json:RestJsonQueryStringEscaping": _TWICE,
    "rest-json:RestJsonSupportsNaNFloatQueryValues": _TWICE,
    "rest-json:RestJsonSupportsInfinityFloatQueryValues": _TWICE,
    "rest-json:RestJsonSupportsNegativeInfinityFloatQueryValues": _TWICE,
    "rest-json:RestJsonZeroAndFalseQueryValues": _TWICE,
    "rest-json:RestJsonQueryPrecedence": "a member takes the place of the same parameter in the map before it is sent",
    "rest-xml:RestXmlQueryPrecedence": "a member takes the place of the same parameter in the map before it is sent",
}
UNWRITABLE = {
    "legacy-rest-json:17:2": _UNION,
    "legacy-rest-xml:16:2": _UNION,
    "rest-json:RestJsonHttpPayloadWithUnsetUnion": _UNION,
    "rest-xml:RestXmlHttpPayloadWithUnsetUnion": _UNION,
    "ec2:Ec2XmlLists": _NAMES,
    "query:QueryXmlLists": _NAMES,
    "rest-xml:XmlLists": _NAMES,
    "rest-json:RestJsonInputAndOutputWithQuotedStringHeaders": _DATES,
    "rest-json:RestJsonInputAndOutputWithTimestampHeaders": _DATES,
    "rest-xml:InputAndOutputWithTimestampHeaders": _DATES,
    "rest-xml:BodyWithXmlName": "botocore names a member after its structure's root name",
}


def _reason(case: Case, known: dict[str, str]) -> str | None:
    """Why a case cannot pass, by its name in the corpus or, in the older one, its place."""
    name, _, identifier = case.identity.split(":")
    if "Encoding_" in identifier:
        return _GZIP
    return known.get(case.identity) or known.get(f"{name}:{identifier}")


def _request(case: Case, protocol: str) -> Request:
    wanted = case.raw["serialized"]
    body = wanted.get("body", "")
    raw = base64.b64decode(body) if protocol == "smithy-rpc-v2-cbor" else body.encode()
    url = urlsplit(wanted.get("uri", "/"))
    headers = {name.lower(): value for name, value in wanted.get("headers", {}).items()}
    return Request(
        wanted.get("method", case.model.operations[case.operation].method), url.path, url.query, headers, raw
    )


def _ids(case: Case) -> str:
    return case.identity


@pytest.mark.parametrize("case", cases("input"), ids=_ids)
def test_expected_requests_are_read_as_their_parameters(case: Case) -> None:
    """What botocore must send for some parameters is read as those parameters."""
    reason = _reason(case, UNREADABLE)
    if reason is not None:
        pytest.skip(reason)
    protocol = case.model.protocol
    request = _request(case, protocol)
    labels: dict[str, str] = {}
    if protocol.startswith("rest"):
        found = router(case.model).match(request.method, request.path, request.query, request.headers)
        assert found is not None and found[0] == case.operation
        labels = found[1]
    compiled = codec(case.model, case.operation, protocol)
    if compiled.stream_in:
        request.stream = BufferedBody(request.body)
    members = compiled.parse(request, labels)
    for name, value in members.items():
        if isinstance(value, BufferedBody):
            members[name] = value.buffered
    spec = case.model.operations[case.operation].input
    expected = {} if spec is None else plain(case.model, spec, case.raw.get("params", {}))
    actual = {} if spec is None else plain(case.model, spec, members)
    for name, member in ({} if spec is None else case.model.resolve(spec)["members"]).items():
        if member.get("idempotencyToken") and name not in expected:
            actual.pop(name, None)  # the SDK's own invention
    assert actual == expected


def _result(case: Case) -> dict[str, Any]:
    """The expected members with the types that rooms use."""
    spec = case.model.operations[case.operation].output
    return {} if spec is None else _floats(plain(case.model, spec, case.raw["result"]))


def _floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _floats(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_floats(item) for item in value]
    return float(value) if value == "NaN" else value


async def _collected(stream: Any) -> bytes:
    return b"".join([piece async for piece in stream])


async def _events(events: list[dict[str, Any]]) -> Any:
    for event in events:
        yield event


class _Raw:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self) -> Any:
        yield self._data


def _read_back(case: Case, response: Any, shape: Any, operation: OperationModel) -> Any:
    body = response.body
    if operation.has_event_stream_output:
        body = _Raw(asyncio.run(_collected(body)))
    return PROTOCOL_PARSERS[case.model.protocol]().parse(
        {
            "status_code": response.status,
            "headers": HeadersDict(dict(response.headers)),
            "body": body,
            "context": {"operation_name": case.operation},
        },
        shape,
    )


@pytest.mark.parametrize("case", [c for c in cases("output") if "result" in c.raw], ids=_ids)
def test_expected_results_are_written_so_that_botocore_reads_them(case: Case) -> None:
    """What botocore must read from a response is what it reads from ours."""
    reason = _reason(case, UNWRITABLE)
    if reason is not None:
        pytest.skip(reason)
    model = case.model
    service = ServiceModel(
        {
            "metadata": {"apiVersion": "x", "endpointPrefix": "x", "protocol": model.protocol},
            "operations": {},
            "shapes": copy.deepcopy(model.shapes),
        }
    )
    spec = model.operations[case.operation]
    operation = OperationModel({"name": case.operation, "http": {}, **case.raw["given"]}, service)
    if spec.output is not None and "resultWrapper" in spec.output and operation.output_shape is not None:
        operation.output_shape.serialization["resultWrapper"] = spec.output["resultWrapper"]
    output = _result(case)
    if spec.event_out:
        output[spec.event_out] = _events(case.raw["result"][spec.event_out])
    response = codec(model, case.operation, model.protocol).serialize(output, "request-id")
    parsed = _read_back(case, response, operation.output_shape, operation)
    parsed.pop("ResponseMetadata", None)
    for name, value in parsed.items():
        if isinstance(value, EventStream):
            parsed[name] = list(value)
    ref = spec.output
    if ref is None:
        assert parsed == {}
        return
    members = model.resolve(ref)["members"]
    for name, member in members.items():
        if member.get("location") == "headers" and name in parsed:  # a prefix as short as "" takes our own headers in
            ours = [key for key in parsed[name] if key.lower().endswith("amzn-requestid")]
            parsed[name] = {key: value for key, value in parsed[name].items() if key not in ours}
    expected = plain(model, ref, case.raw["result"])
    payload = model.resolve(ref).get("payload")
    if payload not in expected and parsed.get(payload) in {"", b""}:
        del parsed[payload]  # botocore gives an empty payload for none
    assert plain(model, ref, parsed) == expected


@pytest.mark.parametrize("case", [c for c in cases("output") if "error" in c.raw], ids=_ids)
def test_expected_errors_are_written_so_that_botocore_reads_them(case: Case) -> None:
    """Codes, messages and members of errors arrive as botocore must read them."""
    model = case.model
    code = case.raw.get("errorCode") or str(case.raw["response"]["status_code"])
    shape = model.error_shape(code)
    members = {} if shape is None else plain(model, {"shape": shape}, case.raw["error"])
    error = AwsError(code, case.raw.get("errorMessage", ""), case.raw["response"]["status_code"])
    error.members = {name: value for name, value in members.items() if name.lower() != "message"}
    response = error_response(model, model.protocol, error, "request-id")
    service = ServiceModel(
        {
            "metadata": {"apiVersion": "x", "endpointPrefix": "x", "protocol": model.protocol},
            "operations": {},
            "shapes": copy.deepcopy(model.shapes),
        }
    )
    operation = OperationModel({"name": case.operation, "http": {}, **case.raw["given"]}, service)
    parsed = _read_back(case, response, operation.output_shape, operation)
    assert parsed["Error"]["Code"] == code
    assert (parsed["Error"].get("Message") or "") == error.message
    assert parsed["ResponseMetadata"]["RequestId"] == "request-id"
    if shape is not None:
        modelled = _read_back(case, response, service.shape_for(shape), operation)
        assert plain(model, {"shape": shape}, modelled) == members
