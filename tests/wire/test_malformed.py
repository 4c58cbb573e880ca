"""Whatever bytes arrive, a request is read or refused with an AwsError: never another exception, never a hang."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haneul.wire import cbor, eventstream, xml
from haneul.wire.compile import codec, error_response
from haneul.wire.errors import AwsError
from haneul.wire.message import Request
from haneul.wire.model import load
from haneul.wire.routes import router

QUICK = settings(max_examples=150, deadline=None, database=None)
CASES = [
    ("iam", "CreatePolicy", "query"),
    ("ec2", "RunInstances", "ec2"),
    ("dynamodb", "CreateTable", "json"),
    ("lambda", "CreateFunction", "rest-json"),
    ("s3", "PutBucketLifecycleConfiguration", "rest-xml"),
    ("cloudwatch", "PutMetricData", "smithy-rpc-v2-cbor"),
]


def _read(case: tuple[str, str, str], body: bytes, query: str = "", headers: dict[str, str] | None = None) -> Any:
    service, operation, protocol = case
    model = load(service)
    request = Request("POST", "/", query, headers or {}, body)
    try:
        return codec(model, operation, protocol).parse(request, {"Bucket": "b"})
    except AwsError as error:
        assert 400 <= error.status < 500
        error_response(model, protocol, error, "id")
        return error


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["TableName", "KeySchema", "FunctionName", "MetricData", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("case", CASES)
@QUICK
@given(body=st.binary(max_size=200), query=st.text(max_size=20))
def test_any_bytes(case: tuple[str, str, str], body: bytes, query: str) -> None:
    """Random bytes."""
    _read(case, body, query)


@QUICK
@given(value=_JSON)
def test_any_json_and_cbor(value: Any) -> None:
    """Well-formed documents of the wrong shape."""
    from haneul.wire import json

    for case in CASES:
        if case[2] in {"json", "rest-json"}:
            _read(case, json.encode(value))
        if case[2].endswith("cbor"):
            _read(case, cbor.encode(value))


@QUICK
@given(
    st.lists(
        st.tuples(
            st.lists(
                st.sampled_from(["Tags", "member", "1", "2", "Key", "", "entry", "Filter", "-1", "9" * 20]), max_size=5
            ),
            st.text(max_size=4),
        ),
        max_size=6,
    )
)
def test_any_form(pairs: list[tuple[list[str], str]]) -> None:
    """Forms whose names contradict each other."""
    body = "&".join(f"{'.'.join(parts)}={value}" for parts, value in pairs).encode("utf-8", "replace")
    _read(CASES[0], body)
    _read(CASES[1], body)


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><LifecycleConfiguration>&b;</LifecycleConfiguration>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><LifecycleConfiguration/>',
        b"<LifecycleConfiguration>" + b"<Rule>" * 5000 + b"</Rule>" * 5000 + b"</LifecycleConfiguration>",
        b"<LifecycleConfiguration>" + b"<a/>" * 500_000 + b"</LifecycleConfiguration>",
        b"<LifecycleConfiguration><Rule>",
        b"<Wrong/>",
        b"not xml",
        b"\xff\xfe<\x00a\x00",
    ],
    ids=["bomb", "external", "deep", "wide", "torn", "root", "text", "half-utf16"],
)
def test_xml_that_is_refused(body: bytes) -> None:
    """Bombs, external entities, depth and torn documents are MalformedXML, and cheap."""
    from haneul.wire import checksums

    headers = {"x-amz-checksum-crc32": checksums.encode(checksums.digest("CRC32", body))}
    started = time.perf_counter()
    error = _read(CASES[4], body, headers=headers)
    assert isinstance(error, AwsError) and error.code == "MalformedXML"
    assert time.perf_counter() - started < 5


def test_nesting_without_end() -> None:
    """Nesting deeper than the interpreter's stack is an error of the client."""
    deep = 3000
    assert isinstance(
        _read(("lambda", "CreateFunction", "rest-json"), b'{"Tags":' + b"[" * deep + b"]" * deep + b"}"), AwsError
    )
    item = b'{"Item":{"a":' + b'{"L":[' * 900 + b"]}" * 900 + b'},"TableName":"abc"}'
    answer = _read(("dynamodb", "PutItem", "json"), item)
    assert isinstance(answer, dict) or answer.code == "SerializationException"
    assert isinstance(_read(CASES[5], b"\xa1\x63abc" * 1 + b"\x81" * 5000), AwsError)


@QUICK
@given(st.binary(max_size=100))
def test_decoders_raise_their_own_error(data: bytes) -> None:
    """The decoders below the protocols keep their promises too."""
    for decode, error in ((cbor.decode, cbor.CborError), (xml.parse, xml.XmlError)):
        try:
            decode(data)
        except error:
            pass
    try:
        eventstream.Decoder().feed(data)
    except eventstream.FrameError:
        pass


@QUICK
@given(st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "BREW"]), st.text(max_size=30), st.text(max_size=30))
def test_any_path_is_routed_or_not(method: str, path: str, query: str) -> None:
    """Routing never fails otherwise than by InvalidURI."""
    for service in ("s3", "lambda", "route53", "glacier"):
        try:
            router(load(service)).match(method, "/" + path, query, {})
        except AwsError as error:
            assert error.code == "InvalidURI"
