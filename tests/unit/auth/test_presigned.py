"""Presigned URLs of Versions 4 and 2: what botocore makes passes, until it expires or is changed."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from haneul.auth.sigv4 import Verifier, credential_scope
from haneul.wire.errors import AwsError
from haneul.wire.message import Request
from tests.unit.auth.signing import KEY, NOW, SECRET, USER, Names, bob, sign

URL = "http://localhost:4566/bucket/a%20key"


def verifier(when: float = NOW) -> Verifier:
    return Verifier(Names(bob(), bob(access_key="ASIAX", token="tok")), lambda: when, True, bucket_of=_bucket)


def _bucket(request: Request) -> str:
    return request.headers["host"].removesuffix("localhost:4566").rstrip(".")


def refused(request: Request, service: str = "s3", when: float = NOW) -> AwsError:
    with pytest.raises(AwsError) as caught:
        verifier(when).verify(request, service)
    return caught.value


@pytest.mark.parametrize("service", ["s3", "sts"])
@pytest.mark.parametrize("query", ["", "?versionId=a%2Fb&response-content-type=text%2Fplain"])
def test_within_its_time(service: str, query: str) -> None:
    """From a quarter of an hour before its date to its last second."""
    request = sign("GET", URL + query, service=service, presign=60)
    assert credential_scope(request) == (KEY, "us-east-1", service)
    for when in (NOW - 900, NOW, NOW + 60):
        verified = verifier(when).verify(sign("GET", URL + query, service=service, presign=60), service)
        assert verified.principal == USER and verified.presigned
        assert verified.payload == ("UNSIGNED-PAYLOAD" if service == "s3" else _EMPTY)


_EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_after_and_before_its_time() -> None:
    """S3 says that it has expired, and when."""
    error = refused(sign("GET", URL, presign=60), when=NOW + 61)
    assert (error.code, error.message, error.status) == ("AccessDenied", "Request has expired", 403)
    assert error.members == {
        "X-Amz-Expires": "60",
        "Expires": "2026-03-04T05:07:07Z",
        "ServerTime": "2026-03-04T05:07:08Z",
    }
    assert refused(sign("GET", URL, presign=60), when=NOW - 901).message == "Request is not yet valid"
    assert "Signature expired" in refused(sign("GET", URL, service="sts", presign=60), "sts", NOW + 61).message


def test_session_token_in_the_query() -> None:
    """A temporary key's URL carries its token."""
    verifier().verify(sign("GET", URL, presign=60, key="ASIAX", token="tok"), "s3")
    assert refused(sign("GET", URL, presign=60, key="ASIAX", token="other")).code == "InvalidToken"
    assert refused(sign("GET", URL, presign=60, key="ASIAX")).code == "InvalidAccessKeyId"


def _query(old: str, new: str) -> Callable[[Request], None]:
    def change(request: Request) -> None:
        assert old in request.query
        request.query = request.query.replace(old, new)

    return change


QUERY_ERROR = "AuthorizationQueryParametersError"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_query("X-Amz-Expires=60", "X-Amz-Expires=61"), "SignatureDoesNotMatch"),
        (_query("X-Amz-Expires=60", "X-Amz-Expires=604801"), QUERY_ERROR),
        (_query("X-Amz-Expires=60", "X-Amz-Expires=-1"), QUERY_ERROR),
        (_query("X-Amz-Expires=60", "X-Amz-Expires=soon"), QUERY_ERROR),
        (_query("&X-Amz-Expires=60", ""), QUERY_ERROR),
        (_query("X-Amz-Date=20260304T050607Z", "X-Amz-Date=2026"), QUERY_ERROR),
        (_query("X-Amz-Date=20260304T", "X-Amz-Date=20260305T"), QUERY_ERROR),
        (_query("AWS4-HMAC-SHA256", "AWS5-HMAC"), QUERY_ERROR),
        (_query("%2Fs3%2F", "%2Fsqs%2F"), QUERY_ERROR),
        (_query("aws4_request", "aws5_request"), QUERY_ERROR),
        (_query(KEY, "AKIANOBODY"), "InvalidAccessKeyId"),
        (_query("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=date"), "AccessDenied"),
        (lambda r: setattr(r, "query", r.query + "&x-amz-acl=public-read"), "SignatureDoesNotMatch"),
        (lambda r: setattr(r, "method", "PUT"), "SignatureDoesNotMatch"),
        (lambda r: setattr(r, "path", "/bucket/other"), "SignatureDoesNotMatch"),
        (lambda r: r.headers.update({"x-amz-acl": "public-read"}), "AccessDenied"),
        (lambda r: r.headers.update({"host": "elsewhere"}), "SignatureDoesNotMatch"),
    ],
)
def test_tampering(change: Callable[[Request], None], code: str) -> None:
    """A URL is good for what it was made for and nothing else."""
    request = sign("GET", URL, presign=60)
    change(request)
    assert refused(request).code == code


def test_parameters_become_headers() -> None:
    """SDKs move x-amz- headers into the query to have them signed; S3 acts on them."""
    request = sign("PUT", URL + "?x-amz-meta-a=1&x-amz-acl=private", presign=60)
    verifier().verify(request, "s3")
    assert request.headers["x-amz-meta-a"] == "1" and request.headers["x-amz-acl"] == "private"
    assert "x-amz-credential" not in request.headers


def url_of(operation: str, style: str = "path", **params: object) -> Request:
    """What boto3 presigns by default, which is Version 2, as the gateway receives it at once."""
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://localhost:4566",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        config=Config(s3={"addressing_style": style}),
    )
    url = urlsplit(client.generate_presigned_url(operation, Params={"Bucket": "bucket", **params}))
    assert "AWSAccessKeyId" in url.query
    method = {"get": "GET", "put": "PUT", "list": "GET", "delete": "DELETE"}[operation.partition("_")[0]]
    return Request(method, url.path, url.query, {"host": url.netloc})


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_version_2_as_boto3_makes_it(style: str) -> None:
    """boto3 presigns by Version 2 unless told otherwise, in either addressing style."""
    now = _expiry(url_of("get_object", Key="k")) - 3600
    cases = [
        url_of("get_object", style, Key="a b/é", VersionId="v/1", ResponseContentType="text/plain; charset=x"),
        url_of("list_objects_v2", style, Prefix="a/b"),
        url_of("get_bucket_acl", style),
        url_of("delete_object", style, Key="k"),
    ]
    for request in cases:
        verified = verifier(now).verify(request, "s3")
        assert verified.principal == USER and verified.presigned
    assert credential_scope(cases[0]) == (KEY, "", "s3")


def _expiry(request: Request) -> int:
    return int(request.query.rpartition("Expires=")[2])


def test_version_2_signs_headers_and_time() -> None:
    """The headers named in the making are needed; others of x-amz- may not come along; and it ends."""
    request = url_of("put_object", Key="k", ContentType="x/y", Metadata={"a": "b"})
    now = _expiry(request) - 60
    request.headers["content-type"] = "x/y"
    verifier(now).verify(request, "s3")
    assert request.headers["x-amz-meta-a"] == "b"
    for name, value in (("content-type", "z"), ("x-amz-acl", "public-read"), ("x-amz-meta-a", "c")):
        changed = url_of("put_object", Key="k", ContentType="x/y", Metadata={"a": "b"})
        changed.headers["content-type"] = "x/y"
        changed.headers[name] = value
        assert refused(changed, when=now).code == "SignatureDoesNotMatch"
    late = refused(url_of("get_object", Key="k"), when=now + 3660)
    assert (late.code, late.message) == ("AccessDenied", "Request has expired")
    other = url_of("get_object", Key="k")
    other.path = "/bucket/other"
    assert refused(other, when=now).code == "SignatureDoesNotMatch"
    missing = url_of("get_object", Key="k")
    missing.query = missing.query.rpartition("&Expires")[0]
    assert refused(missing, when=now).code == "AccessDenied"


def test_version_2_in_a_header_is_refused() -> None:
    """Every client that sends a header signs by Version 4; S3 says so."""
    request = Request("GET", "/b/k", "", {"host": "x", "authorization": f"AWS {KEY}:c2lnbmF0dXJl"})
    assert "Please use AWS4-HMAC-SHA256" in refused(request).message
