"""Bytes that rot on the disk are never handed out unnoticed, and ranges are what slices of the whole would be."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, FlexibleChecksumError, HTTPClientError, ResponseStreamingError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haneul.services.s3 import index
from haneul.state.files import FileBlobs
from haneul.state.rocks import RocksStore
from haneul.state.scrub import Scrubber
from tests.running import RunningCloud

Client = Callable[..., Any]
SIZES = (5 << 20, (5 << 20) + 70_001, 65_536, 1)
"""Of the parts: none of them ends where a sealed block does, but one."""
WHOLE = random.Random(7).randbytes(sum(SIZES[:3]))
CUSTOMER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"c" * 32}
KINDS: dict[str, dict[str, Any]] = {"plain": {}, "AES256": {"ServerSideEncryption": "AES256"}, "customer": CUSTOMER}
FAILURES = (ClientError, FlexibleChecksumError, HTTPClientError, ResponseStreamingError, ConnectionError)


@pytest.fixture(scope="module")
def made(client: Client) -> Iterator[tuple[Any, str]]:
    """A client, and a bucket with the whole in three parts, kept in each way."""
    s3, bucket = client("s3"), f"whole-{random.Random().randrange(1 << 40):x}"
    s3.create_bucket(Bucket=bucket)
    for kind, how in KINDS.items():
        again = how if kind == "customer" else {}
        upload = s3.create_multipart_upload(Bucket=bucket, Key=kind, **how)["UploadId"]
        parts, start = [], 0
        for number, size in enumerate(SIZES[:3], 3):
            body = WHOLE[start : start + size]
            start += size
            told = s3.upload_part(Bucket=bucket, Key=kind, UploadId=upload, PartNumber=number, Body=body, **again)
            parts.append({"PartNumber": number, "ETag": told["ETag"]})
        s3.complete_multipart_upload(
            Bucket=bucket, Key=kind, UploadId=upload, MultipartUpload={"Parts": parts}, **again
        )
    yield s3, bucket


EDGES = st.sampled_from([0, 1, 65_535, 65_536, 65_537, SIZES[0] - 1, SIZES[0], SIZES[0] + 1, len(WHOLE) - 65_537])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(KINDS)),
    st.one_of(EDGES, st.integers(0, len(WHOLE) - 1)),
    st.one_of(st.sampled_from([1, 65_536, 65_537, SIZES[0]]), st.integers(1, len(WHOLE) * 2)),
)
def test_ranges_are_slices(made: tuple[Any, str], kind: str, start: int, length: int) -> None:
    """Over the borders of parts and of sealed blocks, in each way of keeping."""
    s3, bucket = made
    how = CUSTOMER if kind == "customer" else {}
    wanted = WHOLE[start : start + length]
    answer = s3.get_object(Bucket=bucket, Key=kind, Range=f"bytes={start}-{start + length - 1}", **how)
    assert answer["ContentRange"] == f"bytes {start}-{start + len(wanted) - 1}/{len(WHOLE)}"
    assert answer["ContentLength"] == len(wanted)
    assert answer["Body"].read() == wanted


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_whole_its_parts_and_its_end(made: tuple[Any, str], kind: str) -> None:
    """The whole, each part by its place, and the last bytes by their count."""
    s3, bucket = made
    how = CUSTOMER if kind == "customer" else {}
    assert s3.get_object(Bucket=bucket, Key=kind, **how)["Body"].read() == WHOLE
    start = 0
    for number, size in enumerate(SIZES[:3], 1):
        part = s3.get_object(Bucket=bucket, Key=kind, PartNumber=number, **how)
        assert part["PartsCount"] == 3
        assert part["Body"].read() == WHOLE[start : start + size]
        start += size
    assert s3.get_object(Bucket=bucket, Key=kind, Range="bytes=-70000", **how)["Body"].read() == WHOLE[-70_000:]


def _blob_of(folder: Path, size: int) -> Path:
    """The one blob of that many bytes."""
    (found,) = [path for path in (folder / "blobs").glob("??/*") if path.stat().st_size == size]
    return found


def test_rot_is_noticed(fresh_cloud: Callable[..., RunningCloud]) -> None:
    """One flipped bit: a sealed body doesn't open, a plain one fails its checksum; the scrubber names both files.
    A file that was cut short ends the answer early instead of hanging it."""
    cloud = fresh_cloud()
    s3 = cloud.client("s3", read_timeout=10)
    s3.create_bucket(Bucket="rot")
    body = random.Random(3).randbytes(700_000)
    s3.put_object(Bucket="rot", Key="plain", Body=body)
    s3.put_object(Bucket="rot", Key="sealed", Body=body + b"x" * 1000, ServerSideEncryption="AES256")
    s3.put_object(Bucket="rot", Key="cut", Body=body + b"y" * 2000)
    plain, cut = _blob_of(cloud.data, 700_000), _blob_of(cloud.data, 702_000)
    sealed = _blob_of(cloud.data, 701_000 + 16 * 11)
    for path in (plain, sealed):
        with path.open("r+b") as file:
            file.seek(650_000)
            byte = file.read(1)[0]
            file.seek(650_000)
            file.write(bytes([byte ^ 1]))
    with cut.open("r+b") as file:
        file.truncate(300_000)
    for key in ("plain", "sealed", "cut"):
        with pytest.raises(FAILURES):
            s3.get_object(Bucket="rot", Key=key)["Body"].read()
    assert s3.get_object(Bucket="rot", Key="sealed", Range="bytes=0-99999")["Body"].read() == body[:100_000]
    s3.put_object(Bucket="rot", Key="after", Body=b"still here")
    cloud.stop()
    store, blobs = RocksStore(str(cloud.data / "store")), FileBlobs(cloud.data / "blobs")
    try:
        scrubber = Scrubber(store, blobs, [index.blobs_in_use])
        assert set(scrubber.verify(1e9).torn) == {plain.name, sealed.name, cut.name}
        assert scrubber.collect(now=4e9).orphans == 0
    finally:
        store.close()
