"""aws-chunked uploads with signed chunks and trailers, as the Java and Go SDKs send them, against a running cloud."""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.running import RunningCloud

KEY = SECRET = "test"
EMPTY = hashlib.sha256(b"").hexdigest()
PLAIN = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
TRAILING = PLAIN + "-TRAILER"


class Signer(S3SigV4Auth):
    """Signs the head of a chunked upload; its signature seeds the chain of the chunks'."""

    def payload(self, request: Any) -> str:
        return str(request.headers["x-payload"])


def upload(
    url: str, chunks: list[bytes], trailer: bool, spoil: Callable[[bytes], bytes] | None = None
) -> requests.Response:
    """PUT the chunks, signed; `spoil` changes the encoded body on its way."""
    whole = b"".join(chunks)
    headers = {
        "x-payload": TRAILING if trailer else PLAIN,
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(len(whole)),
    }
    if trailer:
        headers["x-amz-trailer"] = "x-amz-checksum-crc32"
    request = AWSRequest("PUT", url, headers=headers)
    Signer(Credentials(KEY, SECRET), "s3", "us-east-1").add_auth(request)
    signed = dict(request.headers.items())
    instant = signed["X-Amz-Date"]
    scope = f"{instant[:8]}/us-east-1/s3/aws4_request"
    key = b"AWS4" + SECRET.encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    previous = signed["Authorization"].rpartition("Signature=")[2]
    body = b""
    for chunk in [*chunks, b""]:
        digest = hashlib.sha256(chunk).hexdigest()
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{instant}\n{scope}\n{previous}\n{EMPTY}\n{digest}"
        previous = hmac.new(key, text.encode(), "sha256").hexdigest()
        body += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + (chunk + b"\r\n" if chunk else b"")
    if trailer:
        checksum = base64.b64encode(zlib.crc32(whole).to_bytes(4, "big")).decode()
        line = f"x-amz-checksum-crc32:{checksum}"
        digest = hashlib.sha256(f"{line}\n".encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256-TRAILER\n{instant}\n{scope}\n{previous}\n{digest}"
        signature = hmac.new(key, text.encode(), "sha256").hexdigest()
        body += f"{line}\r\nx-amz-trailer-signature:{signature}\r\n".encode()
    body += b"\r\n"
    return requests.put(url, data=spoil(body) if spoil else body, headers=signed, timeout=30)


@pytest.fixture(scope="module")
def bucket(cloud: RunningCloud) -> Iterator[str]:
    s3 = cloud.client("s3", account=KEY)
    s3.create_bucket(Bucket="signed-streams")
    yield "signed-streams"


SMALL = [b"a" * 9000, b"b" * 100]
LARGE = [bytes([n]) * (64 << 10) for n in range(30)]


@pytest.mark.parametrize("chunks", [SMALL, LARGE], ids=["buffered", "streamed"])
@pytest.mark.parametrize("trailer", [False, True])
def test_signed_chunks(cloud: RunningCloud, bucket: str, chunks: list[bytes], trailer: bool) -> None:
    """What arrives is what was signed, small or large, with and without trailers."""
    url = f"{cloud.url}/{bucket}/object"
    assert upload(url, chunks, trailer).status_code == 200
    stored = cloud.client("s3", account=KEY).get_object(Bucket=bucket, Key="object")
    assert stored["Body"].read() == b"".join(chunks)
    assert "aws-chunked" not in stored.get("ContentEncoding", "")


def _flip(at: int) -> Callable[[bytes], bytes]:
    return lambda body: body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def _strip_trailer_signature(body: bytes) -> bytes:
    return body.partition(b"x-amz-trailer-signature")[0] + b"\r\n"


def _cut(body: bytes) -> bytes:
    """Without the last chunks: what is left is signed, but ends too early."""
    return body[: body.rindex(b"\r\n", 0, len(body) // 2) + 2]


@pytest.mark.parametrize("chunks", [SMALL, LARGE], ids=["buffered", "streamed"])
@pytest.mark.parametrize(
    ("spoil", "codes"),
    [
        (_flip(200), {"SignatureDoesNotMatch"}),
        (_flip(20), {"SignatureDoesNotMatch"}),
        (_flip(-40), {"SignatureDoesNotMatch"}),
        (_strip_trailer_signature, {"SignatureDoesNotMatch"}),
        (_cut, {"IncompleteBody", "SignatureDoesNotMatch"}),
    ],
    ids=["data", "chunk", "trailer", "unsigned", "cut"],
)
def test_spoiled_streams(
    cloud: RunningCloud, bucket: str, chunks: list[bytes], spoil: Callable[[bytes], bytes], codes: set[str]
) -> None:
    """A changed byte, a missing signature or an early end: refused, and nothing is stored."""
    answer = upload(f"{cloud.url}/{bucket}/spoiled", chunks, True, spoil)
    assert answer.status_code in (400, 403)
    assert any(f"<Code>{code}</Code>" in answer.text for code in codes), answer.text
    listed = cloud.client("s3", account=KEY).list_objects_v2(Bucket=bucket, Prefix="spoiled")
    assert listed["KeyCount"] == 0
