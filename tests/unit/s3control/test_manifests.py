"""Manifests: what a bucket's owner wrote is read whole however it arrives, and nonsense is told, not stumbled over."""

from __future__ import annotations

import csv
import gzip
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haneul.services.s3control import manifests, reading
from haneul.services.s3control.state import Task

PIECES = st.lists(st.binary(max_size=20), max_size=8)


@given(rows=st.lists(st.text(alphabet='ab ,ü\n"/', min_size=1, max_size=6), max_size=6), at=st.integers(1, 9))
def test_keys_come_back(rows: list[str], at: int) -> None:
    # Any key, URL-encoded, is the key that a task works on; where the bytes were cut doesn't matter.
    text = "".join(f"bucket,{quote_plus(key)}\r\n" for key in rows).encode()
    pieces = [text[start : start + at] for start in range(0, len(text), at)]
    assert list(manifests._rows(iter(pieces), ["Bucket", "Key"])) == [Task("bucket", key) for key in rows]


@given(pieces=PIECES)
def test_nonsense_is_told(pieces: list[bytes]) -> None:
    # Whatever bytes come, they are tasks or one of the errors that a job's failure is made of.
    try:
        for task in manifests._rows(iter(pieces), ["Bucket", "Ignore", "Key"]):
            assert task.bucket and task.key
    except (ValueError, csv.Error):
        pass


@given(data=st.binary(max_size=300), at=st.integers(1, 50))
def test_unpacked_piece_by_piece(data: bytes, at: int) -> None:
    # A compressed list may come in any pieces.
    packed = gzip.compress(data) + gzip.compress(b"more")
    pieces = [packed[start : start + at] for start in range(0, len(packed), at)]
    assert b"".join(reading.unpacked(pieces)) == data + b"more"


def test_a_torn_file_is_none() -> None:
    # Half a list is not worked on as if it were all.
    with pytest.raises(ValueError, match="too early"):
        list(reading.unpacked([gzip.compress(b"bucket,key\n" * 100)[:-9]]))


def test_no_endless_line() -> None:
    # A small file that unpacks to gigabytes without a line's end is given up early.
    bomb = gzip.compress(b"x" * (64 << 20))
    with pytest.raises(ValueError, match="too long"):
        list(reading.lines(reading.unpacked([bomb])))
