"""Checksums: every algorithm, in headers and trailers, told back, verified, refused."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import zlib
from typing import Any

import pytest
from awscrt import checksums as crt

from tests.api.s3.conftest import refused


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


SUMS = {
    "CRC32": lambda data: b64(zlib.crc32(data).to_bytes(4, "big")),
    "CRC32C": lambda data: b64(crt.crc32c(data).to_bytes(4, "big")),
    "CRC64NVME": lambda data: b64(crt.crc64nvme(data).to_bytes(8, "big")),
    "SHA1": lambda data: b64(hashlib.sha1(data).digest()),
    "SHA256": lambda data: b64(hashlib.sha256(data).digest()),
}


@pytest.mark.parametrize("algorithm", list(SUMS))
@pytest.mark.parametrize("size", [0, 1000, 100_000, 1_500_000])
def test_computed_by_the_sdk(s3: Any, bucket: str, algorithm: str, size: int) -> None:
    """The SDK computes and sends it; it comes back with the answer and with the object."""
    data = os.urandom(size)
    expected = SUMS[algorithm](data)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data, ChecksumAlgorithm=algorithm)
    assert (put[f"Checksum{algorithm}"], put["ChecksumType"]) == (expected, "FULL_OBJECT")
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[f"Checksum{algorithm}"], head["ChecksumType"]) == (expected, "FULL_OBJECT")
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == data  # boto3 verifies it on the way
    assert got[f"Checksum{algorithm}"] == expected


@pytest.mark.parametrize("algorithm", list(SUMS))
def test_given_by_the_client(s3: Any, bucket: str, algorithm: str) -> None:
    member = f"Checksum{algorithm}"
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", **{member: SUMS[algorithm](b"hello")})
    assert put[member] == SUMS[algorithm](b"hello")


@pytest.mark.parametrize("algorithm", list(SUMS))
@pytest.mark.parametrize("size", [5, 100_000, 1_000_000])
def test_wrong_ones_are_refused(s3: Any, bucket: str, algorithm: str, size: int) -> None:
    """And nothing is stored."""
    wrong = {f"Checksum{algorithm}": SUMS[algorithm](b"something else")}
    error = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x" * size, **wrong)
    assert (error.code, error.status) == ("BadDigest", 400)
    assert error.message == f"The {algorithm} you specified did not match the calculated checksum."
    assert refused(s3.head_object, Bucket=bucket, Key="k").status == 404


@pytest.mark.parametrize("value", ["not base64!", "AAAA", ""])
def test_what_is_no_checksum_is_refused(s3: Any, bucket: str, value: str) -> None:
    error = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ChecksumSHA256=value)
    assert (error.code, error.status) == ("InvalidRequest", 400)
    assert error.message == "Value for x-amz-checksum-sha256 header is invalid."


def test_two_are_refused(raw: Any, bucket: str) -> None:
    headers = {"x-amz-checksum-crc32": SUMS["CRC32"](b"x"), "x-amz-checksum-sha256": SUMS["SHA256"](b"x")}
    answer = raw("PUT", f"/{bucket}/k", data=b"x", headers=headers)
    assert answer.status_code == 400
    assert "Expecting a single x-amz-checksum- header" in answer.text


def test_an_algorithm_without_a_value(raw: Any, bucket: str) -> None:
    answer = raw("PUT", f"/{bucket}/k", data=b"x", headers={"x-amz-sdk-checksum-algorithm": "CRC32"})
    assert answer.status_code == 400
    assert "no corresponding x-amz-checksum-* or x-amz-trailer headers were found" in answer.text


def test_objects_sent_without_one_get_crc64nvme(raw: Any, s3: Any, bucket: str) -> None:
    """As S3 does since December 2024."""
    answer = raw("PUT", f"/{bucket}/k", data=b"hello")
    expected = SUMS["CRC64NVME"](b"hello")
    assert answer.headers["x-amz-checksum-crc64nvme"] == expected
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["ChecksumCRC64NVME"] == expected
    assert "ChecksumCRC64NVME" not in s3.head_object(Bucket=bucket, Key="k")


def test_ranges_carry_no_checksum_of_the_whole(s3: Any, bucket: str) -> None:
    """Whoever checks a part against the whole's checksum would be alarmed."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    got = s3.get_object(Bucket=bucket, Key="k", Range="bytes=1-2", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"el"
    assert not [name for name in got if name.startswith("Checksum")]


@pytest.mark.parametrize("size", [5, 1_000_000])
def test_content_md5(s3: Any, bucket: str, size: int) -> None:
    """The oldest of them all."""
    data = b"x" * size
    s3.put_object(Bucket=bucket, Key="k", Body=data, ContentMD5=b64(hashlib.md5(data).digest()))
    error = refused(s3.put_object, Bucket=bucket, Key="k", Body=data, ContentMD5=b64(hashlib.md5(b"").digest()))
    assert (error.code, error.status) == ("BadDigest", 400)
    assert error.message == "The Content-MD5 you specified did not match what we received."
    for value in ("short", b64(b"15 bytes long.."), ""):
        error = refused(s3.put_object, Bucket=bucket, Key="k", Body=data, ContentMD5=value)
        assert (error.code, error.status) == ("InvalidDigest", 400)


@pytest.mark.parametrize("algorithm", list(SUMS))
@pytest.mark.parametrize("size", [10, 700_000])
def test_in_trailers(s3: Any, bucket: str, algorithm: str, size: int) -> None:
    """Streams have theirs behind the body (aws-chunked)."""
    data = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(data), ChecksumAlgorithm=algorithm)
    assert put[f"Checksum{algorithm}"] == SUMS[algorithm](data)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data


@pytest.mark.parametrize(("value", "code"), [("AAAAAA==", "BadDigest"), ("nonsense", "InvalidRequest")])
@pytest.mark.parametrize("size", [10, 500_000])
def test_wrong_trailers_are_refused(cloud: Any, s3: Any, bucket: str, value: str, code: str, size: int) -> None:
    """An unsigned trailer that lies about the body."""
    import requests

    data = b"x" * size
    presigned = cloud.client("s3", signature_version="s3v4").generate_presigned_url(
        "put_object", Params={"Bucket": bucket, "Key": "k"}
    )
    body = b"%x\r\n%b\r\n0\r\nx-amz-checksum-crc32:%b\r\n\r\n" % (len(data), data, value.encode())
    answer = requests.put(
        presigned,
        data=body,
        headers={
            "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "x-amz-decoded-content-length": str(len(data)),
            "x-amz-trailer": "x-amz-checksum-crc32",
            "content-encoding": "aws-chunked",
        },
        timeout=10,
    )
    assert answer.status_code in (400, 403)
    if answer.status_code == 400:
        assert f"<Code>{code}</Code>" in answer.text
    assert refused(s3.head_object, Bucket=bucket, Key="k").status == 404


@pytest.mark.parametrize("algorithm", list(SUMS))
def test_copies_keep_the_algorithm(s3: Any, bucket: str, algorithm: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm=algorithm)
    told = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")["CopyObjectResult"]
    assert told[f"Checksum{algorithm}"] == SUMS[algorithm](b"hello")
    told = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", ChecksumAlgorithm="SHA256")
    assert told["CopyObjectResult"]["ChecksumSHA256"] == SUMS["SHA256"](b"hello")


@pytest.mark.parametrize("algorithm", ["SHA512", "XXHASH64", "XXHASH3", "XXHASH128", "MD5"])
def test_the_newer_algorithms(s3: Any, bucket: str, algorithm: str) -> None:
    """Those that the model lists beside the five."""
    from haneul.services.s3.plane import checksums

    value = checksums.of(algorithm, b"hello")
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", **{f"Checksum{algorithm}": value})
    assert put[f"Checksum{algorithm}"] == value
