"""Signature Version 4 in headers: AWS's published vectors, botocore's signatures, and every tampering refused."""

from __future__ import annotations

import calendar
import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haneul.auth.keys import derive
from haneul.auth.sigv4 import NOBODY, Verifier, credential_scope
from haneul.wire.errors import AwsError
from haneul.wire.message import Request
from tests.unit.auth.signing import KEY, NOW, USER, Names, bob, root, sign

URL = "http://localhost:4566/bucket/key"


def verifier(*, when: float = NOW, enforce: bool = True, directory: Names | None = None) -> Verifier:
    return Verifier(directory or Names(bob()), lambda: when, enforce)


def refused(request: Request, service: str = "s3", by: Verifier | None = None) -> AwsError:
    with pytest.raises(AwsError) as caught:
        (by or verifier()).verify(request, service)
    return caught.value


def test_the_published_key_derivation() -> None:
    """The signing key of the SigV4 test suite's documentation."""
    key = derive("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20120215", "us-east-1", "iam")
    assert key.hex() == "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"


EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
DAY = calendar.timegm((2013, 5, 24, 0, 0, 0))


def example(method: str, path: str, query: str, headers: dict[str, str], names: str, signature: str) -> Request:
    """One of the S3 API reference's examples of header authentication."""
    scope = f"{KEY}/20130524/us-east-1/s3/aws4_request"
    given = {"host": "examplebucket.s3.amazonaws.com", "x-amz-date": "20130524T000000Z", **headers}
    given["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope},SignedHeaders={names},Signature={signature}"
    return Request(method, path, query, given)


@pytest.mark.parametrize(
    "request_",
    [
        example(
            "GET",
            "/test.txt",
            "",
            {"range": "bytes=0-9", "x-amz-content-sha256": EMPTY},
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        example(
            "GET",
            "/",
            "lifecycle",
            {"x-amz-content-sha256": EMPTY},
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        example(
            "GET",
            "/",
            "max-keys=2&prefix=J",
            {"x-amz-content-sha256": EMPTY},
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_published_requests(request_: Request) -> None:
    """The signatures printed in the S3 API reference verify."""
    assert verifier(when=DAY).verify(request_, "s3").principal == USER


def test_the_published_put() -> None:
    """The reference's PUT: a body, an encoded key, a Date header among those signed."""
    request = example(
        "PUT",
        "/test%24file.text",
        "",
        {
            "date": "Fri, 24 May 2013 00:00:00 GMT",
            "x-amz-storage-class": "REDUCED_REDUNDANCY",
            "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        },
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    )
    request.body = b"Welcome to Amazon S3."
    assert verifier(when=DAY).verify(request, "s3").principal == USER


@pytest.mark.parametrize(
    ("method", "url", "service", "body"),
    [
        ("GET", URL, "s3", b""),
        ("PUT", "http://localhost:4566/b/a%20b/%C3%A9~(x)!%27%2Bz", "s3", b"hello"),
        ("GET", "http://localhost:4566/b/x//y/./z/../w", "s3", b""),
        ("GET", "http://localhost:4566/b?prefix=a%2Fb%20c&list-type=2&delimiter=%2F&x=&x=1&acl", "s3", b""),
        ("POST", "http://localhost:4566/", "dynamodb", b"{}"),
        ("GET", "http://localhost:4566/2015-03-31/functions/arn%3Aaws%3Alambda/x%2Fy//z/../w", "lambda", b""),
        ("GET", "http://localhost:4566/", "s3", b""),
        ("POST", "http://localhost:4566/?Action=x", "sqs", b"A=1"),
    ],
)
def test_what_botocore_signs_verifies(method: str, url: str, service: str, body: bytes) -> None:
    """The first time and, from what was remembered, the second."""
    by = verifier()
    headers = {"content-type": "text/plain", "x-amz-meta-spaces": "  a   b ", "x-amz-meta-unicode": "x"}
    request = sign(method, url, service=service, headers=headers, body=body)
    for _ in range(2):
        verified = by.verify(request, service)
        assert (verified.principal, verified.region, verified.service) == (USER, "us-east-1", service)
    assert credential_scope(request) == (KEY, "us-east-1", service)


def _header(name: str, value: str) -> Callable[[Request], None]:
    return lambda request: request.headers.__setitem__(name, value)


def _set(name: str, value: object) -> Callable[[Request], None]:
    return lambda request: setattr(request, name, value)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_set("method", "DELETE"), "SignatureDoesNotMatch"),
        (_set("path", "/bucket/other"), "SignatureDoesNotMatch"),
        (_set("query", "acl"), "SignatureDoesNotMatch"),
        (_set("body", b"other"), "XAmzContentSHA256Mismatch"),
        (_header("host", "elsewhere"), "SignatureDoesNotMatch"),
        (_header("x-amz-meta-a", "2"), "SignatureDoesNotMatch"),
        (_header("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), "SignatureDoesNotMatch"),
        (_header("x-amz-content-sha256", "nonsense"), "InvalidArgument"),
        (_header("x-amz-acl", "public-read"), "AccessDenied"),
        (_header("x-amz-date", "20260304T050608Z"), "SignatureDoesNotMatch"),
        (_header("x-amz-date", "20260305T050607Z"), "AuthorizationHeaderMalformed"),
        (_header("x-amz-date", "yesterday"), "AccessDenied"),
        (lambda request: request.headers.pop("x-amz-date"), "AccessDenied"),
        (lambda request: request.headers.pop("x-amz-content-sha256"), "InvalidRequest"),
        (lambda request: request.headers.pop("x-amz-meta-a"), "SignatureDoesNotMatch"),
        (lambda request: request.headers.pop("host"), "SignatureDoesNotMatch"),
    ],
)
def test_tampering(change: Callable[[Request], None], code: str) -> None:
    """Whatever is signed can't be changed, whatever must be signed can't be added; also once the key is known."""
    by = verifier()
    by.verify(sign("PUT", URL, headers={"x-amz-meta-a": "1"}, body=b"hello"), "s3")
    for one in (by, verifier()):
        request = sign("PUT", URL, headers={"x-amz-meta-a": "1"}, body=b"hello")
        change(request)
        assert refused(request, by=one).code == code


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 63), st.sampled_from("0123456789abcdefé "))
def test_no_other_signature_passes(at: int, character: str) -> None:
    """One digit off is another signature."""
    request = sign("GET", URL)
    text = request.headers["authorization"]
    at = len(text) - 64 + at
    changed = text[:at] + character + text[at + 1 :]
    request.headers["authorization"] = changed
    if changed != text:
        assert refused(request).code == "SignatureDoesNotMatch"


def test_what_a_mismatch_tells() -> None:
    """S3 shows what it signed, so that people can find the difference; the wrong secret is never shown."""
    error = refused(sign("GET", URL, secret="wrong"))
    assert error.status == 403
    assert error.members["AWSAccessKeyId"] == KEY
    assert str(error.members["CanonicalRequest"]).startswith("GET\n/bucket/key\n\n")
    assert str(error.members["StringToSign"]).startswith("AWS4-HMAC-SHA256\n20260304T050607Z\n20260304/us-east-1/s3/")


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("s3", "InvalidAccessKeyId", 403),
        ("sts", "InvalidClientTokenId", 403),
        ("sqs", "InvalidClientTokenId", 403),
        ("dynamodb", "UnrecognizedClientException", 400),
        ("lambda", "UnrecognizedClientException", 403),
        ("ec2", "AuthFailure", 401),
    ],
)
def test_unknown_and_disabled_keys(service: str, code: str, status: int) -> None:
    """Each protocol has its own word for a key that is nobody's, or no longer active."""
    headers = {"x-amz-target": "X.Y"} if service == "dynamodb" else {}
    for by in (verifier(directory=Names()), verifier(directory=Names(bob(active=False)))):
        error = refused(sign("POST", URL, service=service, headers=headers), service, by)
        assert (error.code, error.status) == (code, status)


@pytest.mark.parametrize("offset", [-901, 901])
@pytest.mark.parametrize(
    ("service", "code", "text"),
    [
        ("s3", "RequestTimeTooSkewed", "difference"),
        ("sts", "SignatureDoesNotMatch", "Signature"),
        ("dynamodb", "InvalidSignatureException", "Signature"),
    ],
)
def test_clock_skew(offset: int, service: str, code: str, text: str) -> None:
    """A quarter of an hour either way, and no second more."""
    headers = {"x-amz-target": "X.Y"} if service == "dynamodb" else {}
    request = sign("GET", URL, service=service, headers=headers, when=NOW + offset)
    error = refused(request, service)
    assert error.code == code and text in error.message
    if service == "sts":
        word = "is now earlier than" if offset < 0 else "is still later than"
        assert word in error.message
    verifier(when=NOW + offset // 901).verify(sign("GET", URL, service=service, headers=headers), service)


def test_session_tokens() -> None:
    """A temporary key needs its own token, until it ends; a long-term key has none."""
    session = bob(access_key="ASIAX", token="tok", expires=float(NOW + 60))
    by = verifier(directory=Names(session, bob()))
    assert by.verify(sign("GET", URL, key="ASIAX", token="tok"), "s3").principal == USER
    assert refused(sign("GET", URL, key="ASIAX"), by=by).code == "InvalidAccessKeyId"
    assert refused(sign("GET", URL, key="ASIAX", token="other"), by=by).code == "InvalidToken"
    assert refused(sign("GET", URL, token="tok"), by=by).code == "InvalidToken"
    late = Verifier(Names(session), lambda: NOW + 61, True)
    error = refused(sign("GET", URL, key="ASIAX", token="tok"), by=late)
    assert (error.code, error.status) == ("ExpiredToken", 400)
    error = refused(sign("GET", URL, service="sts", key="ASIAX", token="tok"), "sts", late)
    assert (error.code, error.status) == ("ExpiredToken", 403)


MALFORMED = "AuthorizationHeaderMalformed"


def claim(credential: str, names: str = "host") -> str:
    return f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature=x"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("AWS AKIA:c2lnbmF0dXJl", "InvalidRequest"),
        ("AWS HAHAHA", "InvalidArgument"),
        ("Basic dXNlcjpwYXNz", "InvalidArgument"),
        ("AWS4-HMAC-SHA256 Credential=x", MALFORMED),
        (claim("k/20260304/us-east-1/s3"), MALFORMED),
        (claim("/20260304/r/s3/aws4_request"), MALFORMED),
        (claim("k/2026-3-4/r/s3/aws4_request"), MALFORMED),
        (claim("k/20260304/r/s3/aws5"), MALFORMED),
        (claim(f"{KEY}/20260304/r/sqs/aws4_request"), MALFORMED),
        (claim(f"{KEY}/20260304/r/s3/aws4_request", "date"), "AccessDenied"),
        (claim(f"{KEY}/20260304/r/s3/aws4_request", "host;%s;{}"), "AccessDenied"),
    ],
)
def test_headers_that_cannot_be_read(text: str, code: str) -> None:
    """S3's words for what is wrong with an Authorization header; Version 2 is named as unsupported."""
    request = sign("GET", URL)
    request.headers["authorization"] = text
    assert refused(request).code == code
    assert refused(request, "sts").status in (400, 403)


def test_two_mechanisms() -> None:
    """A header and a presigned query at once are refused."""
    request = sign("GET", URL)
    request.query = "X-Amz-Algorithm=AWS4-HMAC-SHA256"
    assert refused(request).code == "InvalidArgument"


def test_the_scope_of_another_service() -> None:
    """A signature for one service is none for another."""
    error = refused(sign("POST", URL, service="sqs", headers={"x-amz-target": "X.Y"}), "dynamodb")
    assert error.code == "InvalidSignatureException"
    assert error.message == "Credential should be scoped to correct service: 'dynamodb'. "
    assert refused(sign("GET", URL, service="sqs")).code == MALFORMED


def test_nobody_signed() -> None:
    """A request without a signature is anonymous; whether that will do is the gate's question."""
    assert verifier().verify(Request("GET", "/b/k", "", {"host": "x"}), "s3") is NOBODY


def test_the_wrong_region() -> None:
    """Where the caller knows the region, a scope for another is refused as S3 does."""
    by = Verifier(
        Names(bob()), lambda: NOW, True, lambda request, region, service: None if region == "eu-west-1" else "eu-west-1"
    )
    by.verify(sign("GET", URL, region="eu-west-1"), "s3")
    error = refused(sign("GET", URL), by=by)
    assert error.code == "AuthorizationHeaderMalformed" and error.members["Region"] == "eu-west-1"
    error = refused(sign("GET", URL, presign=60), by=by)
    assert error.code == "AuthorizationQueryParametersError"


def test_dev_keys_stay_honest() -> None:
    """Mode dev takes any secret, but a key seen with a well-known secret is held to it."""
    by = verifier(directory=Names(bob(), is_open=True), enforce=False)
    assert by.verify(sign("GET", URL, key="somekey", secret="anything"), "s3").principal == root("000000000000")
    assert by.verify(sign("GET", URL, key="somekey", secret="other"), "s3").principal.kind == "root"
    by.verify(sign("GET", URL, key="somekey", secret="test"), "s3")
    by.verify(sign("GET", URL, key="111111111111", secret="111111111111", token="any"), "s3")
    for key in ("somekey", "111111111111"):
        error = refused(sign("GET", URL, key=key, secret="anything"), by=by)
        assert error.code == "SignatureDoesNotMatch" and "well-known secret" in error.message
    by.verify(sign("PUT", URL, key="somekey", secret="test", body=b"x"), "s3")
    assert refused(sign("GET", URL, secret="test"), by=by).code == "SignatureDoesNotMatch"
    assert refused(sign("GET", URL, token="stolen"), by=by).code == "InvalidToken"


def test_cloud_knows_no_dev_keys() -> None:
    """A key whose secret nobody knows is nobody's in mode cloud, even if a directory were to offer one."""
    by = verifier(directory=Names(is_open=True), enforce=True)
    for key, secret in (("test", "test"), ("111111111111", "111111111111")):
        assert refused(sign("GET", URL, key=key, secret=secret), by=by).code == "InvalidAccessKeyId"
    assert refused(sign("GET", URL, key="test", secret="test", token="x"), by=by).code == "InvalidToken"


def test_junk_signatures_are_not_remembered() -> None:
    """What has not proven itself takes no memory."""
    by = verifier()
    for number in range(20):
        refused(sign("GET", f"{URL}{number}", secret="wrong", region=f"us-east-{number}"), by=by)
    assert not by._claims


def test_another_secret_for_the_same_key() -> None:
    """A rotated secret counts at once, though the old one's key was remembered."""
    directory = Names(bob())
    by = verifier(directory=directory)
    by.verify(sign("GET", URL), "s3")
    directory.known[KEY] = bob(secret="rotated")
    assert refused(sign("GET", URL), by=by).code == "SignatureDoesNotMatch"
    assert by.verify(sign("GET", URL, secret="rotated"), "s3").principal == USER
    directory.known.clear()
    assert refused(sign("GET", URL, secret="rotated"), by=by).code == "InvalidAccessKeyId"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80), st.text(max_size=40), st.sampled_from(["s3", "sts", "dynamodb", "lambda", None]))
def test_junk_is_refused_not_raised(text: str, query: str, service: str | None) -> None:
    """Whatever a header or query holds, the answer is an error of AWS's or nobody."""
    for prefix in (
        "",
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 Credential=",
        claim(f"{KEY}/20260304/r/s3/aws4_request"),
    ):
        headers = {"host": "x", "authorization": prefix + text, "x-amz-date": "20260304T050607Z"}
        with pytest.raises(AwsError):
            verifier().verify(Request("GET", "/", query, headers), service)
    for prefix in ("X-Amz-Algorithm=", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=", "AWSAccessKeyId="):
        try:
            assert verifier().verify(Request("GET", "/", prefix + query, {"host": "x"}), service) is NOBODY
        except AwsError as error:
            assert error.status in (400, 403)


def test_a_streamed_body_without_a_digest_is_checked_at_its_end() -> None:
    """Outside S3 the digest may be nowhere but in the signature; it is compared once the body is known."""
    request = sign("POST", URL, service="glacier", body=b"archive")
    request.stream, request.body = object(), b""  # type: ignore[assignment]
    verified = verifier().verify(request, "glacier")
    assert verified.payload == "" and verified.deferred is not None
    verified.deferred(hashlib.sha256(b"archive").hexdigest())
    with pytest.raises(AwsError):
        verified.deferred("x")
