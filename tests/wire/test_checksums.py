"""Checksums against values known from elsewhere, and what requests may claim."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haneul.wire import checksums
from haneul.wire.errors import AwsError

CHECK = b"123456789"


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("CRC32", "cbf43926"),
        ("CRC32C", "e3069283"),
        ("CRC64NVME", "ae8b14860a799888"),
        ("SHA1", hashlib.sha1(CHECK).hexdigest()),
        ("SHA256", hashlib.sha256(CHECK).hexdigest()),
        ("MD5", hashlib.md5(CHECK).hexdigest()),
    ],
)
def test_known_values(algorithm: str, expected: str) -> None:
    """The check values of the catalogues, whole and in pieces."""
    assert checksums.digest(algorithm, CHECK).hex() == expected
    pieces = checksums.new(algorithm)
    for at in range(0, 9, 2):
        pieces.update(CHECK[at : at + 2])
    assert pieces.digest().hex() == expected


@settings(max_examples=60, deadline=None, database=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.sampled_from(["CRC32", "CRC32C", "CRC64NVME"]))
def test_whole_objects_from_parts(parts: list[bytes], algorithm: str) -> None:
    """Combining the parts' CRCs gives the CRC of the whole."""
    combined = checksums.combine(algorithm, [(checksums.digest(algorithm, part), len(part)) for part in parts])
    assert combined == checksums.digest(algorithm, b"".join(parts))


def test_composites() -> None:
    """The checksum of the checksums, with their number."""
    parts = [hashlib.sha256(b"a").digest(), hashlib.sha256(b"b").digest()]
    wanted = base64.b64encode(hashlib.sha256(b"".join(parts)).digest()).decode()
    assert checksums.composite("SHA256", parts) == f"{wanted}-2"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content-md5": "rubbish"}, "InvalidDigest"),
        ({"content-md5": base64.b64encode(hashlib.md5(b"other").digest()).decode()}, "BadDigest"),
        ({"x-amz-checksum-crc32": "AAAA"}, "InvalidRequest"),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest"),
        ({"x-amz-checksum-crc32": "y/Q5Jg==", "x-amz-checksum-crc32c": "4waSgw=="}, "InvalidRequest"),
    ],
)
def test_claims_that_do_not_hold(headers: dict[str, str], code: str) -> None:
    """Each with AWS's own code."""
    with pytest.raises(AwsError) as caught:
        checksums.verify(headers, CHECK)
    assert caught.value.code == code


def test_claims_that_hold() -> None:
    """And none is no claim."""
    assert checksums.verify({"x-amz-checksum-crc32": "y/Q5Jg=="}, CHECK)
    assert checksums.verify({"content-md5": base64.b64encode(hashlib.md5(CHECK).digest()).decode()}, CHECK)
    assert not checksums.verify({"x-amz-checksum-type": "FULL_OBJECT"}, CHECK)
