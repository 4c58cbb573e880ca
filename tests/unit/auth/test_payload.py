"""aws-chunked payloads: AWS's published examples pass, and everything that differs by a bit is refused."""

from __future__ import annotations

import asyncio
import calendar
import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haneul.auth.keys import HMAC, ChunkSigner, derive, matcher
from haneul.auth.payload import Whole, payload_body
from haneul.auth.sigv4 import Verified, Verifier
from haneul.wire.chunked import Chunk, ChunkedDecoder, Trailers
from haneul.wire.errors import AwsError
from haneul.wire.message import Body, Request
from tests.unit.auth.signing import KEY, SECRET, USER, Names, Pieces, bob

DAY = calendar.timegm((2013, 5, 24, 0, 0, 0))
DATE, SCOPE = "20130524T000000Z", "20130524/us-east-1/s3/aws4_request"
SIGNED, TRAILING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
# The S3 API reference's two examples of chunked uploads: signatures as printed there.
EXAMPLE = (
    b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"
    + b"a" * 65536
    + b"\r\n"
    b"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + b"a" * 1024 + b"\r\n"
    b"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
)
TRAILER_EXAMPLE = (
    b"10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n"
    + b"a" * 65536
    + b"\r\n"
    b"400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" + b"a" * 1024 + b"\r\n"
    b"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
    b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
    b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
)


def example_request(body: bytes, trailer: bool) -> Request:
    headers = {
        "host": "s3.amazonaws.com",
        "x-amz-date": DATE,
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "x-amz-content-sha256": TRAILING if trailer else SIGNED,
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "66560",
        "content-length": "66946" if trailer else "66824",
    }
    names = "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
    seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    if trailer:
        headers["x-amz-trailer"] = "x-amz-checksum-crc32c"
        names = "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
        seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
        names += "x-amz-storage-class;x-amz-trailer"
    else:
        names += "x-amz-storage-class"
    headers["authorization"] = f"{HMAC} Credential={KEY}/{SCOPE},SignedHeaders={names},Signature={seed}"
    return Request("PUT", "/examplebucket/chunkObject.txt", "", headers, body)


def collect(body: Body) -> bytes:
    return asyncio.run(body.read(1 << 30))


@pytest.mark.parametrize(("body", "trailer"), [(EXAMPLE, False), (TRAILER_EXAMPLE, True)])
def test_published_examples(body: bytes, trailer: bool) -> None:
    """The chain of signatures is AWS's own, seed to trailer."""
    request = example_request(body, trailer)
    verified = Verifier(Names(bob()), lambda: DAY, True).verify(request, "s3")
    decoded = payload_body(verified, request)
    assert decoded.length == 66560
    assert collect(decoded) == b"a" * 66560
    assert decoded.trailers == ({"x-amz-checksum-crc32c": "sOO8/Q=="} if trailer else {})


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, len(TRAILER_EXAMPLE) - 1), flip=st.integers(1, 255))
def test_no_bit_of_a_signed_stream_may_change(at: int, flip: int) -> None:
    """A changed byte anywhere is refused, or is in what the encoding ignores."""
    changed = bytearray(TRAILER_EXAMPLE)
    changed[at] ^= flip
    request = example_request(bytes(changed), True)
    verified = Verifier(Names(bob()), lambda: DAY, True).verify(request, "s3")
    try:
        decoded = collect(payload_body(verified, request))
    except AwsError as error:
        assert error.status in (400, 403)
    else:
        assert decoded == b"a" * 66560


def chain(chunks: list[bytes], trailers: list[tuple[str, str]] | None) -> tuple[bytes, ChunkSigner]:
    """A signed body and the signer that must accept it, both from the seed 'seed'."""
    key = derive(SECRET, "20130524", "us-east-1", "s3")
    previous = "seed"
    body = b""
    empty = hashlib.sha256(b"").hexdigest()
    for chunk in [*chunks, b""]:
        text = f"{HMAC}-PAYLOAD\n{DATE}\n{SCOPE}\n{previous}\n{empty}\n{hashlib.sha256(chunk).hexdigest()}"
        previous = hmac.new(key, text.encode(), "sha256").hexdigest()
        body += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + (chunk + b"\r\n" if chunk else b"")
    if trailers is not None:
        block = "".join(f"{name}:{value}\n" for name, value in trailers)
        text = f"{HMAC}-TRAILER\n{DATE}\n{SCOPE}\n{previous}\n{hashlib.sha256(block.encode()).hexdigest()}"
        signature = hmac.new(key, text.encode(), "sha256").hexdigest()
        body += "".join(f"{name}:{value}\r\n" for name, value in trailers).encode()
        body += f"x-amz-trailer-signature:{signature}\r\n".encode()
    return body + b"\r\n", ChunkSigner(matcher(key), HMAC, DATE, SCOPE, "seed")


def verified(payload: str, signer: ChunkSigner | None) -> Verified:
    return Verified(bob(), USER, "us-east-1", "s3", payload, signer, False)


def chunked_request(body: bytes, length: int, pieces: int = 0, trailer: str = "") -> Request:
    headers = {"x-amz-decoded-content-length": str(length), "content-encoding": "aws-chunked"}
    if trailer:
        headers["x-amz-trailer"] = trailer
    return Request("PUT", "/b/k", "", headers, b"" if pieces else body, Pieces(body, pieces) if pieces else None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5), st.integers(1, 50), st.booleans())
def test_any_cut_of_the_stream_decodes_alike(chunks: list[bytes], size: int, trailer: bool) -> None:
    """Where TCP cuts the stream changes nothing."""
    body, signer = chain(chunks, [("x-amz-meta", "v")] if trailer else None)
    whole = b"".join(chunks)
    request = chunked_request(body, len(whole), size)
    decoded = payload_body(verified(TRAILING if trailer else SIGNED, signer), request)
    assert collect(decoded) == whole
    assert decoded.trailers == ({"x-amz-meta": "v"} if trailer else {})


def test_an_unsigned_trailer_is_refused() -> None:
    """A stripped trailer signature would let anybody replace the checksum with the bytes."""
    body, signer = chain([b"hello"], [("x-amz-checksum-crc32", "x")])
    head, _, _ = body.partition(b"x-amz-trailer-signature")
    with pytest.raises(AwsError) as caught:
        payload_body(verified(TRAILING, signer), chunked_request(head + b"\r\n", 5))
    assert caught.value.code == "SignatureDoesNotMatch"


def test_trailers_where_none_may_be() -> None:
    """A stream declared without trailers can't smuggle one in."""
    body, signer = chain([b"hello"], None)
    with pytest.raises(AwsError) as caught:
        payload_body(verified(SIGNED, signer), chunked_request(body[:-2] + b"x-amz-checksum-crc32:x\r\n\r\n", 5))
    assert caught.value.code == "MalformedTrailerError"


def test_trailers_must_be_those_announced() -> None:
    """x-amz-trailer is signed, so what it doesn't announce isn't accepted, nor may it be missing."""
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:x\r\n\r\n"
    ok = payload_body(verified(UNSIGNED, None), chunked_request(body, 5, trailer="x-amz-checksum-crc32"))
    assert ok.trailers == {"x-amz-checksum-crc32": "x"} and ok.buffered == b"hello"
    for announced in ("x-amz-checksum-sha1", "x-amz-checksum-crc32,x-amz-checksum-sha1"):
        with pytest.raises(AwsError, match="MalformedTrailerError"):
            payload_body(verified(UNSIGNED, None), chunked_request(body, 5, trailer=announced))


@pytest.mark.parametrize("length", [4, 6])
def test_the_declared_length_holds(length: int) -> None:
    """x-amz-decoded-content-length is what quotas and lengths were decided by."""
    for pieces in (0, 3):
        body, signer = chain([b"hello"], None)
        with pytest.raises(AwsError, match="IncompleteBody"):
            collect(payload_body(verified(SIGNED, signer), chunked_request(body, length, pieces)))


def test_a_cut_stream_is_incomplete() -> None:
    """A connection that breaks at a chunk's edge must not store half of the object."""
    body, signer = chain([b"hello", b"world"], None)
    cut = body.index(b"\r\n", 90) + 2
    with pytest.raises(AwsError, match="IncompleteBody"):
        collect(payload_body(verified(SIGNED, signer), chunked_request(body[:cut], 10, 7)))


def test_a_streamed_digest_is_checked_at_the_end() -> None:
    """A literal x-amz-content-sha256 over a streamed body holds when the last byte is read."""
    good = hashlib.sha256(b"hello").hexdigest()
    stream = Request("PUT", "/b/k", "", {}, b"", Pieces(b"hello", 2))
    assert collect(payload_body(verified(good, None), stream)) == b"hello"
    stream = Request("PUT", "/b/k", "", {}, b"", Pieces(b"hellO", 2))
    with pytest.raises(AwsError) as caught:
        collect(payload_body(verified(good, None), stream))
    assert caught.value.code == "XAmzContentSHA256Mismatch"
    assert caught.value.members["ClientComputedContentSHA256"] == good


def test_a_plain_body_passes_through() -> None:
    """Nothing is copied or hashed when nothing needs to be."""
    body = payload_body(verified("UNSIGNED-PAYLOAD", None), Request("PUT", "/b/k", "", {}, b"hello"))
    assert isinstance(body, Whole) and body.buffered == b"hello"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_junk_never_breaks_the_decoder(junk: bytes) -> None:
    """Whatever arrives, the decoder answers or refuses; it never fails otherwise."""
    decoder = ChunkedDecoder()
    try:
        for event in decoder.feed(junk) + decoder.finish():
            assert isinstance(event, bytes | Chunk | Trailers)
    except AwsError as error:
        assert error.status == 400
