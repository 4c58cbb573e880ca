"""The formats below the protocols: timestamps, CBOR, event-stream frames, XML text, names."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.parsers import RpcV2CBORParser
from hypothesis import given, settings
from hypothesis import strategies as st

from haneul.wire import cbor, eventstream, scalars, timestamps, xml
from haneul.wire.model import load, snake
from haneul.wire.rest import split_list

QUICK = settings(max_examples=200, deadline=None, database=None)
MOMENTS = st.integers(-62135596800, 253402300799)


@QUICK
@given(MOMENTS, st.integers(0, 999))
def test_timestamps_agree_with_the_calendar(second: int, millis: int) -> None:
    """All three formats, both ways, over all years that have four digits."""
    moment = datetime.fromtimestamp(0, UTC).timestamp() + second
    known = datetime(1970, 1, 1, tzinfo=UTC) + __import__("datetime").timedelta(seconds=second)
    assert timestamps.iso_millis(second) == known.strftime("%Y-%m-%dT%H:%M:%S.000Z").rjust(24, "0")
    assert timestamps.rfc822(moment) == format_datetime(known, usegmt=True)
    assert timestamps.parse(timestamps.iso(second)) == second
    assert timestamps.parse(timestamps.rfc822(second)) == second
    assert timestamps.parse(timestamps.unix_text(second)) == second
    precise = second + millis / 1000
    assert abs(timestamps.parse(timestamps.iso(precise)) - precise) < 0.001


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2014-04-29T18:30:38Z", 1398796238.0),
        ("2014-04-29T18:30:38+00:00", 1398796238.0),
        ("2014-04-29T19:30:38+0100", 1398796238.0),
        ("2014-04-29T18:30:38.5Z", 1398796238.5),
        ("20140429T183038Z", 1398796238.0),
        ("Tue, 29 Apr 2014 18:30:38 GMT", 1398796238.0),
        ("Tuesday, 29-Apr-14 18:30:38 GMT", 1398796238.0),
        ("1398796238", 1398796238.0),
        ("1.398796238E9", 1398796238.0),
        ("2014-04-29", 1398729600.0),
    ],
)
def test_timestamps_as_clients_write_them(text: str, moment: float) -> None:
    """Forms that AWS accepts."""
    assert timestamps.parse(text) == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2014-13-01T00:00:00Z", "2014-02-30T00:00:00Z", "1e300", "nan", "9" * 70]
)
def test_what_is_no_timestamp(text: str) -> None:
    """A ValueError, nothing else."""
    with pytest.raises(ValueError):
        timestamps.parse(text)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@QUICK
@given(_VALUES)
def test_cbor_goes_round(value: Any) -> None:
    """Encoder and decoder are each other's inverse."""
    assert cbor.decode(cbor.encode(value)) == value


@QUICK
@given(
    st.recursive(
        st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text() | st.binary(),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
        max_leaves=20,
    )
)
def test_cbor_is_what_botocore_reads(value: Any) -> None:
    """An independent decoder agrees."""
    parser = RpcV2CBORParser()
    assert parser.parse_data_item(parser.get_peekable_stream_from_bytes(cbor.encode(value))) == value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x9f\x01\x02\xff", [1, 2]),
        (b"\xbf\x61a\x01\xff", {"a": 1}),
        (b"\x7f\x61a\x61b\xff", "ab"),
        (b"\x5f\x41a\x41b\xff", b"ab"),
        (b"\xc1\x1a\x00\x00\x00\x01", 1),
        (b"\xf9\x3e\x00", 1.5),
        (b"\xfa\x3f\xc0\x00\x00", 1.5),
        (b"\xf7", None),
        (b"\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00", 1 << 64),
        (b"\xc4\x82\x21\x19\x6a\xb3", 273.15),
        (b"\xd9\xd9\xf7\x01", 1),
    ],
)
def test_cbor_of_every_form(data: bytes, value: Any) -> None:
    """Indefinite lengths, short floats, tags."""
    assert cbor.decode(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x9f",
        b"\x9b" + b"\xff" * 8,
        b"\x1c",
        b"\xff",
        b"\x61",
        b"\x7f\x01\xff",
        b"\x01\x01",
        b"\xa1\x80\x01",
        b"\x62\xff\xff",
    ],
)
def test_cbor_that_is_refused(data: bytes) -> None:
    """Torn, endless, reserved: refused without allocating what they claim."""
    with pytest.raises(cbor.CborError):
        cbor.decode(data)


@QUICK
@given(
    st.dictionaries(
        st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
        st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=50) | st.binary(max_size=50),
        max_size=5,
    ),
    st.binary(max_size=300),
    st.integers(1, 50),
)
def test_frames_go_round(headers: dict[str, Any], payload: bytes, step: int) -> None:
    """Our decoder, fed in pieces, and botocore's read what was written."""
    raw = eventstream.encode(headers, payload) * 2
    decoder = eventstream.Decoder()
    frames = [frame for at in range(0, len(raw), step) for frame in decoder.feed(raw[at : at + step])]
    assert [(frame.headers, frame.payload) for frame in frames] == [(headers, payload)] * 2
    assert decoder.pending == 0
    theirs = EventStreamBuffer()
    theirs.add_data(raw)
    assert [(dict(message.headers), message.payload) for message in theirs] == [(headers, payload)] * 2


def test_frames_with_a_flipped_bit_are_refused() -> None:
    """Both checksums are checked."""
    raw = eventstream.encode({"a": "b"}, b"payload")
    for at in range(len(raw)):
        broken = bytearray(raw)
        broken[at] ^= 1
        with pytest.raises(eventstream.FrameError):
            eventstream.Decoder().feed(bytes(broken))
    huge = struct.pack(">II", 1 << 30, 0)
    with pytest.raises(eventstream.FrameError):
        eventstream.Decoder().feed(huge + struct.pack(">I", __import__("zlib").crc32(huge)))


@QUICK
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_survives_xml(text: str) -> None:
    """Everything XML can hold comes back; what it cannot is a character reference, never markup."""
    escaped = xml.escape(text)
    assert "<" not in escaped and ">" not in escaped
    holdable = "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))
    assert xml.parse(f"<a>{xml.escape(holdable)}</a>".encode()).text == holdable
    attribute = xml.parse(f'<a b="{xml.escape_attribute(holdable)}"/>'.encode()).attributes
    assert attribute == {"b": holdable}


@pytest.mark.parametrize(
    ("text", "items"),
    [("a, b,c", ["a", "b", "c"]), ('"a,b", "c\\"d"', ["a,b", 'c"d']), ("", []), (" , ,", []), ('"open', ["open"])],
)
def test_lists_in_headers(text: str, items: list[str]) -> None:
    """Quotes hide commas."""
    assert split_list(text) == items


def test_forms() -> None:
    """Plus is a space, names may be bare, order stays."""
    assert scalars.form("a=1+2&b&c=%2B%3D&&a=3") == [("a", "1 2"), ("b", ""), ("c", "+="), ("a", "3")]


def test_names_are_those_of_the_sdk() -> None:
    """Every operation of every service has the name that boto3 gives it."""
    differing = set()
    data = Path(botocore.__file__).parent / "data"
    for service in (
        "s3",
        "ec2",
        "iam",
        "dynamodb",
        "lambda",
        "rds",
        "storagegateway",
        "mturk",
        "socialmessaging",
        "sso-oidc",
    ):
        if (data / service).is_dir():
            differing |= {name for name in load(service).operations if snake(name) != botocore.xform_name(name)}
    assert not differing
