"""Multipart uploads: parts, copies of parts, completing, what is refused, what is left behind."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from tests.api.s3.conftest import refused

MB = 1 << 20
MIN = 5 * MB


class Upload:
    """An upload under way."""

    def __init__(self, s3: Any, bucket: str, key: str = "k", **members: Any) -> None:
        self.s3 = s3
        self.where = {"Bucket": bucket, "Key": key}
        self.made = s3.create_multipart_upload(**self.where, **members)
        self.where["UploadId"] = self.made["UploadId"]
        self.parts: list[dict[str, Any]] = []

    def part(self, number: int, data: bytes, **members: Any) -> dict[str, Any]:
        told: dict[str, Any] = self.s3.upload_part(**self.where, PartNumber=number, Body=data, **members)
        sums = {name: told[name] for name in told if name.startswith("Checksum")}
        self.parts.append({"PartNumber": number, "ETag": told["ETag"], **sums})
        return told

    def complete(self, parts: list[dict[str, Any]] | None = None, **members: Any) -> dict[str, Any]:
        told: dict[str, Any] = self.s3.complete_multipart_upload(
            **self.where, MultipartUpload={"Parts": self.parts if parts is None else parts}, **members
        )
        return told


def test_two_parts(s3: Any, bucket: str) -> None:
    first, second = os.urandom(MIN), os.urandom(1000)
    upload = Upload(s3, bucket, Metadata={"a": "b"}, ContentType="text/plain")
    upload.part(1, first)
    upload.part(2, second)
    told = upload.complete()
    etag = hashlib.md5(hashlib.md5(first).digest() + hashlib.md5(second).digest()).hexdigest() + "-2"
    assert (told["ETag"], told["Bucket"], told["Key"]) == (f'"{etag}"', bucket, "k")
    assert told["Location"].endswith(f"/{bucket}/k")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == first + second
    assert (got["ETag"], got["Metadata"], got["ContentType"]) == (f'"{etag}"', {"a": "b"}, "text/plain")


@pytest.mark.parametrize("size", [0, 1, 60_000, 70_000, 300_000])
def test_one_part_of_any_size(s3: Any, bucket: str, size: int) -> None:
    """The last part may be small, and it may be the only one."""
    data = os.urandom(size)
    upload = Upload(s3, bucket)
    upload.part(1, data)
    upload.complete()
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == data
    assert got["ETag"].endswith('-1"')


def test_parts_in_any_order_and_with_gaps(s3: Any, bucket: str) -> None:
    """Numbers only order the parts; those not listed are dropped."""
    bodies = {number: os.urandom(MIN + number) for number in (7, 3, 10000)}
    upload = Upload(s3, bucket)
    for number, data in bodies.items():
        upload.part(number, data)
    upload.part(5, b"dropped")
    listed = sorted((each for each in upload.parts if each["PartNumber"] != 5), key=lambda each: each["PartNumber"])
    upload.complete(listed)
    whole = bodies[3] + bodies[7] + bodies[10000]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == whole
    for start, end in ((0, 9), (MIN, MIN + 20), (2 * MIN + 5, 2 * MIN + 40), (len(whole) - 5, len(whole) - 1)):
        got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={start}-{end}")
        assert got["Body"].read() == whole[start : end + 1]
    for number, data in enumerate((bodies[3], bodies[7], bodies[10000]), 1):
        got = s3.get_object(Bucket=bucket, Key="k", PartNumber=number)
        assert (got["Body"].read(), got["PartsCount"]) == (data, 3)
        assert s3.head_object(Bucket=bucket, Key="k", PartNumber=number)["ContentLength"] == len(data)
    error = refused(s3.get_object, Bucket=bucket, Key="k", PartNumber=4)
    assert (error.code, error.status, error.members["ActualPartCount"]) == ("InvalidPartNumber", 416, "3")


def test_a_part_sent_again_replaces_the_first(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket)
    upload.part(1, b"1" * 100_000)
    upload.part(1, b"2" * 100_000)
    error = refused(upload.complete, parts=upload.parts[:1])
    assert (error.code, error.status) == ("InvalidPart", 400)
    upload.complete(upload.parts[1:])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2" * 100_000


def test_refused_lists(s3: Any, bucket: str) -> None:
    """Each for its reason; the upload lives on."""
    upload = Upload(s3, bucket)
    for number in (1, 2):
        upload.part(number, b"small")
    one, two = upload.parts
    error = refused(upload.complete)
    assert (error.code, error.status) == ("EntityTooSmall", 400)
    assert (error.members["MinSizeAllowed"], error.members["ProposedSize"]) == (str(MIN), "5")
    assert refused(upload.complete, parts=[two, one]).code == "InvalidPartOrder"
    assert refused(upload.complete, parts=[one, one]).code == "InvalidPartOrder"
    assert refused(upload.complete, parts=[{**one, "ETag": '"0123"'}]).code == "InvalidPart"
    assert refused(upload.complete, parts=[{**one, "PartNumber": 9}]).code == "InvalidPart"
    assert refused(upload.complete, parts=[]).code == "MalformedXML"
    upload.complete([one])


@pytest.mark.parametrize("number", [0, -1, 10001])
def test_part_numbers_are_1_to_10000(s3: Any, bucket: str, number: int) -> None:
    upload = Upload(s3, bucket)
    error = refused(upload.part, number=number, data=b"x")
    assert (error.code, error.status) == ("InvalidArgument", 400)
    assert error.message == "Part number must be an integer between 1 and 10000, inclusive"


def test_completing_twice_answers_the_same(s3: Any, bucket: str) -> None:
    """A client whose connection broke asks again."""
    upload = Upload(s3, bucket)
    upload.part(1, b"x")
    assert upload.complete()["ETag"] == upload.complete()["ETag"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"newer")
    assert refused(upload.complete).code == "NoSuchUpload"


def test_abort(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket)
    upload.part(1, b"x" * 100_000)
    assert s3.abort_multipart_upload(**upload.where)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (s3.abort_multipart_upload, s3.list_parts):
        error = refused(call, **upload.where)
        assert (error.code, error.status) == ("NoSuchUpload", 404)
    assert refused(upload.part, number=1, data=b"x").code == "NoSuchUpload"
    assert refused(upload.part, number=1, data=b"x" * 500_000).code == "NoSuchUpload"
    assert refused(upload.complete).code == "NoSuchUpload"
    assert refused(s3.head_object, Bucket=bucket, Key="k").status == 404


def test_an_upload_belongs_to_its_key(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket)
    error = refused(s3.list_parts, Bucket=bucket, Key="other", UploadId=upload.where["UploadId"])
    assert error.code == "NoSuchUpload"


def test_list_parts(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, StorageClass="STANDARD_IA")
    for number in (1, 2, 3):
        upload.part(number, b"x" * number)
    page = s3.list_parts(**upload.where)
    assert [(each["PartNumber"], each["Size"], each["ETag"]) for each in page["Parts"]] == [
        (each["PartNumber"], each["PartNumber"], each["ETag"]) for each in upload.parts
    ]
    assert (page["IsTruncated"], page["MaxParts"], page["StorageClass"]) == (False, 1000, "STANDARD_IA")
    assert page["Owner"]["ID"] == page["Initiator"]["ID"] == s3.list_buckets()["Owner"]["ID"]
    first = s3.list_parts(**upload.where, MaxParts=2)
    assert (first["IsTruncated"], first["NextPartNumberMarker"]) == (True, 2)
    rest = s3.list_parts(**upload.where, PartNumberMarker=2)
    assert [each["PartNumber"] for each in rest["Parts"]] == [3]
    assert rest["PartNumberMarker"] == 2


def test_list_uploads(s3: Any, bucket: str) -> None:
    """By key, then by when they began; prefixes, delimiters and pages as with objects."""
    made = [Upload(s3, bucket, key).where for key in ("b", "a/1", "a/2", "a/1", "c")]
    expected = sorted(((each["Key"], each["UploadId"]) for each in made), key=lambda each: each[0])
    page = s3.list_multipart_uploads(Bucket=bucket)
    assert [(each["Key"], each["UploadId"]) for each in page["Uploads"]] == expected
    assert (page["NextKeyMarker"], page["NextUploadIdMarker"]) == expected[-1]
    assert page["Uploads"][0]["StorageClass"] == "STANDARD"
    found = []
    request: dict[str, Any] = {"Bucket": bucket, "MaxUploads": 1}
    while True:
        page = s3.list_multipart_uploads(**request)
        found += [(each["Key"], each["UploadId"]) for each in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        request |= {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert found == expected
    page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [each["Prefix"] for each in page["CommonPrefixes"]] == ["a/"]
    assert [each["Key"] for each in page["Uploads"]] == ["b", "c"]
    page = s3.list_multipart_uploads(Bucket=bucket, Prefix="a/", KeyMarker="a/1")
    assert [each["Key"] for each in page["Uploads"]] == ["a/2"]


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("CRC32", "COMPOSITE"),
        ("CRC32", "FULL_OBJECT"),
        ("CRC32C", "COMPOSITE"),
        ("CRC32C", "FULL_OBJECT"),
        ("CRC64NVME", "FULL_OBJECT"),
        ("SHA1", "COMPOSITE"),
        ("SHA256", "COMPOSITE"),
    ],
)
def test_checksums_of_the_whole(s3: Any, bucket: str, algorithm: str, kind: str) -> None:
    """Composed of the parts' or, for CRCs, of all bytes."""
    from haneul.services.s3.plane import checksums

    first, second = os.urandom(MIN), os.urandom(1000)
    upload = Upload(s3, bucket, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    assert (upload.made["ChecksumAlgorithm"], upload.made["ChecksumType"]) == (algorithm, kind)
    for number, data in ((1, first), (2, second)):
        told = upload.part(number, data, ChecksumAlgorithm=algorithm)
        assert told[f"Checksum{algorithm}"] == checksums.of(algorithm, data)
    told = upload.complete()
    if kind == "FULL_OBJECT":
        expected = checksums.of(algorithm, first + second)
    else:
        digests = b"".join(base64.b64decode(checksums.of(algorithm, data)) for data in (first, second))
        expected = checksums.of(algorithm, digests) + "-2"
    assert (told[f"Checksum{algorithm}"], told["ChecksumType"]) == (expected, kind)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[f"Checksum{algorithm}"], head["ChecksumType"]) == (expected, kind)
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=2, ChecksumMode="ENABLED")
    assert got[f"Checksum{algorithm}"] == checksums.of(algorithm, second)
    assert got["Body"].read() == second
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ChecksumType"] == kind


@pytest.mark.parametrize(("algorithm", "kind"), [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")])
def test_checksum_types_that_cannot_be(s3: Any, bucket: str, algorithm: str, kind: str) -> None:
    error = refused(s3.create_multipart_upload, Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, ChecksumType=kind)
    assert (error.code, error.status) == ("InvalidRequest", 400)


def test_parts_keep_to_the_upload_s_algorithm(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, ChecksumAlgorithm="SHA256")
    error = refused(upload.part, number=1, data=b"x", ChecksumAlgorithm="CRC32")
    assert (error.code, error.status) == ("InvalidRequest", 400)
    assert "Checksum Type mismatch occurred" in error.message


def test_a_composite_checksum_wants_one_of_every_part(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, ChecksumAlgorithm="SHA256")
    upload.part(1, b"x", ChecksumAlgorithm="SHA256")
    bare = [{name: value for name, value in upload.parts[0].items() if not name.startswith("Checksum")}]
    error = refused(upload.complete, parts=bare)
    assert (error.code, error.status) == ("InvalidRequest", 400)
    wrong = [{**upload.parts[0], "ChecksumSHA256": base64.b64encode(bytes(32)).decode()}]
    assert refused(upload.complete, parts=wrong).code == "InvalidPart"
    upload.complete()


def test_what_is_said_of_the_whole_must_be_true(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, ChecksumAlgorithm="CRC64NVME")
    upload.part(1, b"hello", ChecksumAlgorithm="CRC64NVME")
    assert refused(upload.complete, MpuObjectSize=6).code == "InvalidRequest"
    assert refused(upload.complete, ChecksumType="COMPOSITE").code == "InvalidRequest"
    assert refused(upload.complete, ChecksumCRC64NVME="AAAAAAAAAAA=").code == "BadDigest"
    upload.complete(MpuObjectSize=5, ChecksumType="FULL_OBJECT")


def test_part_copies(s3: Any, bucket: str) -> None:
    """All of an object, or a range of it, from rows and files alike."""
    small, large = os.urandom(1000), os.urandom(MIN + 1000)
    s3.put_object(Bucket=bucket, Key="small", Body=small)
    s3.put_object(Bucket=bucket, Key="large", Body=large)
    upload = Upload(s3, bucket)
    parts = []
    for number, source, span in ((1, "large", f"bytes=10-{MIN + 9}"), (2, "large", None), (3, "small", "bytes=1-999")):
        more = {"CopySourceRange": span} if span else {}
        told = s3.upload_part_copy(**upload.where, PartNumber=number, CopySource=f"{bucket}/{source}", **more)
        result = told["CopyPartResult"]
        parts.append({"PartNumber": number, "ETag": result["ETag"]})
        assert "LastModified" in result
    upload.complete(parts)
    expected = large[10 : MIN + 10] + large + small[1:1000]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == expected


@pytest.mark.parametrize("span", ["bytes=0-1000", "0-5", "bytes=5-1", "bytes=-5", "bytes=0-"])
def test_part_copy_ranges_are_strict(s3: Any, bucket: str, span: str) -> None:
    s3.put_object(Bucket=bucket, Key="small", Body=b"x" * 1000)
    upload = Upload(s3, bucket)
    error = refused(
        s3.upload_part_copy, **upload.where, PartNumber=1, CopySource=f"{bucket}/small", CopySourceRange=span
    )
    assert (error.code, error.status) == ("InvalidArgument", 400)


def test_part_copies_from_behind_the_end(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="small", Body=b"x" * 1000)
    upload = Upload(s3, bucket)
    source = {"CopySource": f"{bucket}/small", "CopySourceRange": "bytes=1000-1001"}
    error = refused(s3.upload_part_copy, **upload.where, PartNumber=1, **source)
    assert error.code == "InvalidRequest"
    assert error.message == "The specified copy range is invalid for the source object size"


def test_versioned_completion(s3: Any, versioned: str) -> None:
    upload = Upload(s3, versioned)
    upload.part(1, b"1")
    first = upload.complete()["VersionId"]
    second = s3.put_object(Bucket=versioned, Key="k", Body=b"2")["VersionId"]
    listed = s3.list_object_versions(Bucket=versioned)["Versions"]
    assert [each["VersionId"] for each in listed] == [second, first]
    assert s3.get_object(Bucket=versioned, Key="k", VersionId=first)["Body"].read() == b"1"


@pytest.mark.parametrize("threads", [False, True])
def test_the_transfer_manager_both_ways(s3: Any, bucket: str, threads: bool) -> None:
    """What `upload_file` and `download_file` do with 20 MB."""
    config = TransferConfig(multipart_threshold=MIN, multipart_chunksize=MIN, use_threads=threads)
    data = os.urandom(20 * MB + 7)
    s3.upload_fileobj(io.BytesIO(data), bucket, "big", Config=config)
    back = io.BytesIO()
    s3.download_fileobj(bucket, "big", back, Config=config)
    assert back.getvalue() == data
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy", Config=config)
    assert s3.head_object(Bucket=bucket, Key="copy")["ContentLength"] == len(data)
    back = io.BytesIO()
    s3.download_fileobj(bucket, "copy", back, Config=config)
    assert back.getvalue() == data


def test_attributes_of_parts(s3: Any, bucket: str) -> None:
    """GetObjectAttributes tells parts one by one where they have checksums."""
    upload = Upload(s3, bucket, ChecksumAlgorithm="SHA256")
    for number, size in ((1, MIN), (2, 10)):
        upload.part(number, b"x" * size, ChecksumAlgorithm="SHA256")
    upload.complete()
    told = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    )
    assert told["ObjectSize"] == MIN + 10
    assert told["StorageClass"] == "STANDARD"
    assert told["ETag"].endswith("-2")
    assert told["Checksum"]["ChecksumSHA256"].endswith("=")
    assert told["Checksum"]["ChecksumType"] == "COMPOSITE"
    parts = told["ObjectParts"]
    assert parts["TotalPartsCount"] == 2
    assert [(each["PartNumber"], each["Size"]) for each in parts["Parts"]] == [(1, MIN), (2, 10)]
    page = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts"], MaxParts=1)["ObjectParts"]
    assert (page["IsTruncated"], page["NextPartNumberMarker"], len(page["Parts"])) == (True, 1, 1)
    page = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts"], PartNumberMarker=1)
    assert [each["PartNumber"] for each in page["ObjectParts"]["Parts"]] == [2]


def test_attributes_of_a_plain_object(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="SHA1")["ETag"]
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag", "ObjectParts", "ObjectSize"])
    assert (told["ETag"], told["ObjectSize"]) == (etag.strip('"'), 5)
    assert "ObjectParts" not in told
    assert "Checksum" not in told
    assert "LastModified" in told


def test_unknown_attributes(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    error = refused(s3.get_object_attributes, Bucket=bucket, Key="k", ObjectAttributes=["Colour"])
    assert (error.code, error.status) == ("InvalidArgument", 400)
    assert refused(s3.get_object_attributes, Bucket=bucket, Key="x", ObjectAttributes=["ETag"]).code == "NoSuchKey"
