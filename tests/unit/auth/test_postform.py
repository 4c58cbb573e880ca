"""Browser forms: what boto3 prepares is accepted, and each condition of a policy holds."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from haneul.auth.keys import derive
from haneul.auth.postform import PostForm, read_form, verify_form
from haneul.auth.postpolicy import check
from haneul.auth.principals import ANONYMOUS
from haneul.auth.sigv4 import Verifier
from haneul.wire.errors import AwsError
from haneul.wire.message import Request
from tests.unit.auth.signing import KEY, NOW, SECRET, USER, Names, Pieces, bob

BOUNDARY = "----x9"


def form_request(
    fields: dict[str, str], file: bytes | None = b"hello", pieces: int = 0, file_name: str = "a.txt", tail: bytes = b""
) -> Request:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields.items()
    ]
    if file is not None:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
        parts.append(head.encode() + b"Content-Type: text/plain\r\n\r\n" + file + b"\r\n")
    body = b"".join(parts) + tail + f"--{BOUNDARY}--\r\n".encode()
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    return Request("POST", "/bucket", "", headers, b"" if pieces else body, Pieces(body, pieces) if pieces else None)


def posted(request: Request, bucket: str = "bucket", when: float = NOW) -> tuple[PostForm, Any, bytes]:
    """The form, who signed it, and its file."""

    async def read() -> tuple[PostForm, Any, bytes]:
        form = await read_form(request)
        signer = verify_form(Verifier(Names(bob()), lambda: when, True), form, bucket)
        return form, signer, await form.file.read(1 << 20)

    return asyncio.run(read())


def refused(request: Request, **more: Any) -> AwsError:
    with pytest.raises(AwsError) as caught:
        posted(request, **more)
    return caught.value


def signed(wanted: list[Any], fields: dict[str, str], **document: Any) -> dict[str, str]:
    """A form's fields under a policy with these conditions beside those on the signature's own fields."""
    own = {
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{KEY}/20260304/us-east-1/s3/aws4_request",
        "x-amz-date": "20260304T050607Z",
    }
    whole: dict[str, Any] = {
        "expiration": "2026-03-04T06:00:00.000Z",
        "conditions": [*wanted, *({k: v} for k, v in own.items())],
    } | document
    policy = base64.b64encode(json.dumps(whole).encode()).decode()
    key = derive(SECRET, "20260304", "us-east-1", "s3")
    signature = hmac.new(key, policy.encode(), "sha256").hexdigest()
    return {**fields, **own, "policy": policy, "x-amz-signature": signature}


BASIC: list[Any] = [{"bucket": "bucket"}, ["starts-with", "$key", "up/"]]


def test_a_form_in_any_pieces() -> None:
    """Fields, file name and file come through whatever the cuts; what stands behind the file is ignored."""
    fields = signed(BASIC, {"Key": "up/${filename}"})
    tail = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="submit"\r\n\r\nUpload\r\n'.encode()
    for pieces in (0, 1, 7, 4096):
        form, signer, file = posted(form_request(fields, pieces=pieces, file_name="C:\\dir\\a.txt", tail=tail))
        assert (form.key, signer, file) == ("up/a.txt", USER, b"hello")


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_file(file: bytes, pieces: int) -> None:
    """Bytes that look like boundaries are the file's own until the real one."""
    for content in (file, b"\r\n--" + file + b"\r\n", b"\r\n--" + BOUNDARY[:-1].encode() + file):
        if BOUNDARY.encode() not in content:
            assert posted(form_request({"key": "k"}, content, pieces))[2] == content


def test_a_form_without_policy_is_anonymous() -> None:
    """The bucket's own word decides then; a signature without its policy is a mistake."""
    assert posted(form_request({"key": "k"}))[1] is ANONYMOUS
    assert refused(form_request({"key": "k", "x-amz-signature": "x"})).members["ArgumentName"] == "policy"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_what_boto3_prepares(version: str) -> None:
    """generate_presigned_post, by Version 4 and by the Version 2 that it still uses by default."""
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://localhost:4566",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        config=Config(signature_version=version),
    )
    made = client.generate_presigned_post(
        "bucket",
        "up/${filename}",
        Fields={"acl": "private", "Content-Type": "text/plain"},
        Conditions=[{"acl": "private"}, ["starts-with", "$Content-Type", "text/"], ["content-length-range", 1, 10]],
    )
    expiry = json.loads(base64.b64decode(made["fields"]["policy"]))["expiration"]
    now = datetime.fromisoformat(expiry).timestamp() - 3600
    form, signer, file = posted(form_request(made["fields"]), when=now)
    assert (form.key, signer, file) == ("up/a.txt", USER, b"hello")
    assert refused(form_request(made["fields"]), when=now + 3601).message.endswith("Policy expired.")
    assert refused(form_request(made["fields"], b"x" * 11), when=now).code == "EntityTooLarge"
    assert refused(form_request(made["fields"], b""), when=now).code == "EntityTooSmall"
    name = "x-amz-signature" if version == "s3v4" else "signature"
    assert refused(form_request(made["fields"] | {name: "AAAA"}), when=now).code == "SignatureDoesNotMatch"


KEY_FAILS = 'Policy Condition failed: ["starts-with", "$key", "up/"]'
BUCKET_FAILS = 'Policy Condition failed: ["eq", "$bucket", "other"]'
ACL_FAILS = 'Policy Condition failed: ["eq", "$acl", "private"]'
ONE_PROPERTY = "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."
UP = {"key": "up/x"}


@pytest.mark.parametrize(
    ("conditions", "fields", "message"),
    [
        (BASIC, {"key": "down/x"}, KEY_FAILS),
        ([{"bucket": "other"}, {"key": "k"}], {"key": "k"}, BUCKET_FAILS),
        ([{"key": "k"}], {"key": "k"}, "Extra input fields: bucket"),
        (BASIC, UP | {"x-amz-meta-a": "1"}, "Extra input fields: x-amz-meta-a"),
        ([*BASIC, ["eq", "$acl", "private"]], UP, ACL_FAILS),
    ],
)
def test_conditions_that_fail(conditions: list[Any], fields: dict[str, str], message: str) -> None:
    """A condition that fails is shown as it was written; a field that no condition covers is refused."""
    error = refused(form_request(signed(conditions, fields)))
    assert (error.code, error.status, error.message) == ("AccessDenied", 403, f"Invalid according to Policy: {message}")


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({}, ONE_PROPERTY),
        ({"key": 1}, "Invalid Simple-Condition: value must be a string."),
        (["content-length-range", 0], ""),
        (["content-length-range", -1, 0], ""),
        (["ends-with", "$key", "x"], ""),
        (["eq", "key", "x"], ""),
        ([], ""),
        (3, ""),
    ],
)
def test_conditions_that_are_none(condition: Any, message: str) -> None:
    """A policy that can't be read is refused whatever the form holds."""
    error = refused(form_request(signed([*BASIC, condition], UP)))
    assert (error.code, error.status) == ("InvalidPolicyDocument", 400)
    assert not message or error.message == f"Invalid Policy: {message}"


def test_names_and_operators_in_any_case() -> None:
    """S3 compares the names of fields and operators without case, values with."""
    conditions = [{"bUcKeT": "bucket"}, ["StArTs-WiTh", "$KeY", "up/"], ["content-length-range", "0", "100"]]
    assert posted(form_request(signed(conditions, {"KEY": "up/x", "x-ignore-me": "1"})))[1] == USER


@pytest.mark.parametrize(
    "document",
    [
        {"expiration": None},
        {"expiration": "tomorrow"},
        {"expiration": "2026-03-04 06:00:00"},
        {"conditions": None},
        {"conditions": {}},
        {"conditions": ["x"]},
    ],
)
def test_documents_that_are_none(document: dict[str, Any]) -> None:
    """Expiration and conditions are required, under exactly these names."""
    assert refused(form_request(signed(BASIC, {"key": "up/x"}, **document))).code == "InvalidPolicyDocument"


def test_expired() -> None:
    """A policy ends when it says."""
    error = refused(form_request(signed(BASIC, {"key": "up/x"}, expiration="2026-03-04T05:06:07Z")))
    assert (error.code, error.message) == ("AccessDenied", "Invalid according to Policy: Policy expired.")


@pytest.mark.parametrize("name", ["x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"])
def test_each_signature_field_is_needed(name: str) -> None:
    """S3 names the field that it misses."""
    fields = signed(BASIC, {"key": "up/x"})
    del fields[name]
    error = refused(form_request(fields))
    assert error.code == "InvalidArgument" and str(error.members["ArgumentName"]).lower() == name


MULTIPART = "multipart/form-data; boundary=x"


def _without_file() -> Request:
    return form_request({"key": "k"}, None)


def _cut() -> Request:
    request = form_request({"key": "k"})
    request.body = request.body[:-20]
    return request


def _head(value: str) -> Callable[[], Request]:
    def make() -> Request:
        request = form_request({"key": "k"})
        request.headers["content-type"] = value
        return request

    return make


@pytest.mark.parametrize(
    ("make", "code", "status"),
    [
        (_without_file, "InvalidArgument", 400),
        (_cut, "MalformedPOSTRequest", 400),
        (lambda: form_request({"key": "k", "x": "y" * 30_000}), "MaxPostPreDataLengthExceededError", 400),
        (lambda: form_request({str(n): "y" for n in range(600)}), "MaxPostPreDataLengthExceededError", 400),
        (_head("application/x-www-form-urlencoded"), "PreconditionFailed", 412),
        (_head("multipart/form-data"), "MalformedPOSTRequest", 400),
        (_head("multipart/form-data; boundary=other"), "MalformedPOSTRequest", 400),
        (lambda: Request("POST", "/b", "", {"content-type": MULTIPART}), "MalformedPOSTRequest", 400),
    ],
)
def test_bodies_that_are_no_forms(make: Callable[[], Request], code: str, status: int) -> None:
    """Bounded and refused with S3's codes."""
    error = refused(make())
    assert (error.code, error.status) == (code, status)


def test_key_is_needed() -> None:
    """A form without a key is refused by name."""
    form = asyncio.run(read_form(form_request({"acl": "private"})))
    with pytest.raises(AwsError, match="must contain a field named 'key'"):
        _ = form.key


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_junk_policies(text: str, fields: dict[str, str]) -> None:
    """Whatever is posted as a policy, the answer is an error of AWS's."""
    for policy in (
        text,
        base64.b64encode(text.encode()).decode(),
        base64.b64encode(json.dumps([text, fields]).encode()).decode(),
    ):
        with pytest.raises(AwsError):
            check(policy, fields, NOW)
