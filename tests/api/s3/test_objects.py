"""Objects: put, get and head; sizes of every storage tier, names, metadata, overrides, ranges."""

from __future__ import annotations

import hashlib
import io
import os
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.api.s3.conftest import refused

KB = 1024


@pytest.mark.parametrize("size", [0, 1, 4 * KB, 64 * KB, 64 * KB + 1, 200_000, 256 * KB, 256 * KB + 1, 3_000_000])
def test_bytes_come_back(s3: Any, bucket: str, size: int) -> None:
    """Every way a body is kept: in its row, in pieces beside it, in a file."""
    data = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data)
    etag = f'"{hashlib.md5(data).hexdigest()}"'
    assert put["ETag"] == etag
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == data
    assert (got["ContentLength"], got["ETag"], got["ContentType"]) == (size, etag, "binary/octet-stream")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["ETag"], head["AcceptRanges"]) == (size, etag, "bytes")
    assert abs((datetime.now(UTC) - head["LastModified"]).total_seconds()) < 60


@pytest.mark.parametrize("sizes", [(10, 300_000, 5), (300_000, 10, 100_000), (100_000, 70_000, 0)])
def test_overwriting_changes_the_tier(s3: Any, bucket: str, sizes: tuple[int, ...]) -> None:
    """An object that grows or shrinks moves between row, pieces and file, and nothing of the old one shows."""
    for size in sizes:
        data = os.urandom(size)
        s3.put_object(Bucket=bucket, Key="k", Body=data)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data


def test_a_stream_of_unknown_length(s3: Any, bucket: str) -> None:
    """An unseekable body is sent aws-chunked with its checksum behind it."""

    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self._file = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return self._file.read(size)

    data = os.urandom(700_000)
    s3.upload_fileobj(Pipe(data), bucket, "piped")
    assert s3.get_object(Bucket=bucket, Key="piped")["Body"].read() == data


@pytest.mark.parametrize(
    "key",
    [
        "plain",
        "with space",
        "a/b/c",
        "/leading",
        "trailing/",
        "//double//",
        "a+b&c=d?e#f%25",
        "quote'\"<>`",
        "ünïcødé/日本語/🙂",
        ".",
        "..",
        "a/../b",
        "a/./b",
        "\x01control",
        "x" * 1024,
    ],
)
def test_any_name_is_a_key(s3: Any, bucket: str, key: str) -> None:
    """Keys are bytes to S3: nothing is normalised, least of all dots and slashes."""
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert key in [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    s3.delete_object(Bucket=bucket, Key=key)
    assert refused(s3.head_object, Bucket=bucket, Key=key).status == 404


def test_keys_end_at_1024_bytes(s3: Any, bucket: str) -> None:
    for key in ("k" * 1025, "ü" * 513):
        error = refused(s3.put_object, Bucket=bucket, Key=key, Body=b"")
        assert (error.code, error.status) == ("KeyTooLongError", 400)
        assert error.members["MaxSizeAllowed"] == "1024"


def test_missing_key_and_bucket(s3: Any, bucket: str) -> None:
    error = refused(s3.get_object, Bucket=bucket, Key="nobody")
    assert (error.code, error.status, error.members["Key"]) == ("NoSuchKey", 404, "nobody")
    assert error.message == "The specified key does not exist."
    assert refused(s3.head_object, Bucket=bucket, Key="nobody").status == 404
    error = refused(s3.put_object, Bucket=bucket + "-x", Key="k", Body=b"")
    assert (error.code, error.status) == ("NoSuchBucket", 404)
    error = refused(s3.put_object, Bucket=bucket + "-x", Key="k", Body=b"x" * 1_000_000)
    assert error.code == "NoSuchBucket"


def test_system_metadata(s3: Any, bucket: str) -> None:
    """Headers that HTTP knows are kept and sent back as they were."""
    headers = {
        "ContentType": "text/plain; charset=utf-8",
        "CacheControl": "max-age=60",
        "ContentDisposition": 'attachment; filename="a.txt"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de, en",
        "WebsiteRedirectLocation": "/elsewhere",
    }
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Expires=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC), **headers)
    for call in (s3.get_object, s3.head_object):
        got = call(Bucket=bucket, Key="k")
        assert {name: got[name] for name in headers} == headers
        assert got["ExpiresString"] == "Wed, 02 Jan 2030 03:04:05 GMT"


def test_a_website_redirect_must_lead_somewhere(s3: Any, bucket: str) -> None:
    error = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"", WebsiteRedirectLocation="elsewhere")
    assert error.code == "InvalidRedirectLocation"


def test_user_metadata(s3: Any, bucket: str) -> None:
    """Names are lower case on the wire; values stay."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"Colour": "Blue", "empty": "", "n": "1, 2"})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"colour": "Blue", "empty": "", "n": "1, 2"}


def test_unicode_metadata_travels_encoded(raw: Any, bucket: str) -> None:
    """RFC 2047 in both directions, for raw UTF-8 and for encoded words alike."""
    for value in ("=?UTF-8?B?w6RiYw==?=", "=?UTF-8?Q?=C3=A4bc?="):
        assert raw("PUT", f"/{bucket}/k", data=b"x", headers={"x-amz-meta-word": value}).status_code == 200
        assert raw("HEAD", f"/{bucket}/k").headers["x-amz-meta-word"] == "=?UTF-8?B?w6RiYw==?="


def test_user_metadata_ends_at_2_kb(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "v" * 2047})
    error = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "v" * 2048})
    assert (error.code, error.status) == ("MetadataTooLarge", 400)
    assert error.members["MaxSizeAllowed"] == "2048"


@pytest.mark.parametrize(
    ("storage", "told"),
    [
        ("STANDARD", None),
        ("STANDARD_IA", "STANDARD_IA"),
        ("ONEZONE_IA", "ONEZONE_IA"),
        ("REDUCED_REDUNDANCY", "REDUCED_REDUNDANCY"),
        ("INTELLIGENT_TIERING", "INTELLIGENT_TIERING"),
        ("GLACIER_IR", "GLACIER_IR"),
    ],
)
def test_storage_classes(s3: Any, bucket: str, storage: str, told: str | None) -> None:
    """STANDARD is not told in headers, and always in listings."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass=storage)
    assert s3.get_object(Bucket=bucket, Key="k").get("StorageClass") == told
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"] == storage


def test_an_unknown_storage_class(s3: Any, bucket: str) -> None:
    error = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", StorageClass="LOUKEWARM")
    assert (error.code, error.status) == ("InvalidStorageClass", 400)


@pytest.mark.parametrize("storage", ["GLACIER", "DEEP_ARCHIVE"])
def test_archived_objects_have_a_head_only(s3: Any, bucket: str, storage: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass=storage)
    assert s3.head_object(Bucket=bucket, Key="k")["StorageClass"] == storage
    error = refused(s3.get_object, Bucket=bucket, Key="k")
    assert (error.code, error.status, error.members["StorageClass"]) == ("InvalidObjectState", 403, storage)


def test_response_overrides(s3: Any, bucket: str) -> None:
    """A presigned link can say how a browser shall take the object."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/plain", CacheControl="no-store")
    got = s3.get_object(
        Bucket=bucket,
        Key="k",
        ResponseContentType="image/png",
        ResponseCacheControl="max-age=1",
        ResponseContentDisposition="inline",
        ResponseContentEncoding="br",
        ResponseContentLanguage="fr",
    )
    assert got["ContentType"] == "image/png"
    assert got["CacheControl"] == "max-age=1"
    assert (got["ContentDisposition"], got["ContentEncoding"], got["ContentLanguage"]) == ("inline", "br", "fr")


def test_expires_may_be_anything(raw: Any, bucket: str) -> None:
    """It is kept as it was sent, and so is its override."""
    assert raw("PUT", f"/{bucket}/k", data=b"x", headers={"Expires": "never"}).status_code == 200
    assert raw("GET", f"/{bucket}/k").headers["Expires"] == "never"
    date = "Wed, 01 Jan 2031 00:00:00 GMT"
    assert raw("GET", f"/{bucket}/k?response-expires={quote(date)}").headers["Expires"] == date


@pytest.mark.parametrize(
    ("method", "header"),
    [
        ("PUT", "x-amz-write-offset-bytes"),
        ("DELETE", "x-amz-if-match-size"),
    ],
)
def test_what_only_directory_buckets_have(raw: Any, bucket: str, method: str, header: str) -> None:
    answer = raw(method, f"/{bucket}/k", headers={header: "5"})
    assert (answer.status_code, "<Code>NotImplemented</Code>" in answer.text) == (501, True)


@pytest.mark.parametrize("size", [1000, 100_000, 1_000_000])
@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=5-9", 5, 9),
        ("bytes=990-", 990, None),
        ("bytes=-10", -10, None),
        ("bytes=0-99999999", 0, None),
        ("bytes=-99999999", 0, None),
    ],
)
def test_ranges(s3: Any, bucket: str, size: int, header: str, first: int, last: int | None) -> None:
    """One range, in all its spellings, on every way of keeping a body."""
    data = os.urandom(size)
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    start = first % size if first < 0 else first
    end = size - 1 if last is None else last
    got = s3.get_object(Bucket=bucket, Key="k", Range=header)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == f"bytes {start}-{end}/{size}"
    assert got["ContentLength"] == end - start + 1
    assert got["Body"].read() == data[start : end + 1]
    head = s3.head_object(Bucket=bucket, Key="k", Range=header)
    assert (head["ContentLength"], head["ContentRange"]) == (end - start + 1, got["ContentRange"])


@pytest.mark.parametrize("header", ["bytes=5-1", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5", "bytes=-"])
def test_what_is_no_single_range_is_ignored(s3: Any, bucket: str, header: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="k", Range=header)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert got["Body"].read() == b"0123456789"


@pytest.mark.parametrize(
    ("size", "header"), [(10, "bytes=10-"), (10, "bytes=20-30"), (10, "bytes=-0"), (0, "bytes=0-1")]
)
def test_ranges_behind_the_end(s3: Any, bucket: str, size: int, header: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * size)
    error = refused(s3.get_object, Bucket=bucket, Key="k", Range=header)
    assert (error.code, error.status) == ("InvalidRange", 416)
    assert error.members["ActualObjectSize"] == str(size)
    assert error.members["RangeRequested"] == header


def test_part_number_of_a_plain_object(s3: Any, bucket: str) -> None:
    """Downloaders ask for part 1 of everything, to learn whether there are more."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"abc")
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=1)
    assert (got["ResponseMetadata"]["HTTPStatusCode"], got["ContentRange"]) == (206, "bytes 0-2/3")
    assert "PartsCount" not in got
    error = refused(s3.get_object, Bucket=bucket, Key="k", PartNumber=2)
    assert (error.code, error.status) == ("InvalidPartNumber", 416)
    error = refused(s3.get_object, Bucket=bucket, Key="k", PartNumber=1, Range="bytes=0-1")
    assert error.code == "InvalidRequest"


def test_aws_chunked_is_no_content_encoding(s3: Any, bucket: str) -> None:
    """The transfer's own encoding isn't kept, what is beside it is."""
    s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(b"zipped"), ContentEncoding="gzip", ChecksumAlgorithm="CRC32")
    assert s3.head_object(Bucket=bucket, Key="k")["ContentEncoding"] == "gzip"


def test_a_body_without_length_is_refused(cloud: Any, bucket: str) -> None:
    """S3 wants to know what comes: no plain chunked bodies."""
    s3 = cloud.client("s3", signature_version="s3v4")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    answer = requests.put(url, data=iter([b"abc"]), timeout=10)
    assert answer.status_code == 411
    assert "<Code>MissingContentLength</Code>" in answer.text
    assert requests.put(url, data=b"abc", timeout=10).status_code == 200


def test_head_errors_have_no_body(raw: Any, bucket: str) -> None:
    answer = raw("HEAD", f"/{bucket}/nobody")
    assert (answer.status_code, answer.content) == (404, b"")


def test_acknowledged_objects_survive_a_kill(fresh_cloud: Any) -> None:
    """A 200 means: on the disk."""
    cloud = fresh_cloud()
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="durable")
    bodies = {f"k{size}": os.urandom(size) for size in (0, 10, 100_000, 1_000_000)}
    for key, data in bodies.items():
        s3.put_object(Bucket="durable", Key=key, Body=data)
    cloud.kill()
    cloud.restart()
    s3 = cloud.client("s3")
    for key, data in bodies.items():
        assert s3.get_object(Bucket="durable", Key=key)["Body"].read() == data
