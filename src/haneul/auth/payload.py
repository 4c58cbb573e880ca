"""The payload of a verified request: decoded from aws-chunked, and checked against what was signed while it is read.

Nothing is held back until the end: a reader that keeps what it read must wait for the end of the iteration,
where a wrong digest, signature or length raises.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from haneul.auth import refusals
from haneul.auth.digests import NOT_A_DIGEST, STREAMING, STREAMING_UNSIGNED_TRAILER, check_digest
from haneul.auth.keys import EMPTY, ChunkSigner
from haneul.auth.sigv4 import Verified
from haneul.wire.chunked import Chunk, ChunkedDecoder, Event, Trailers
from haneul.wire.errors import AwsError
from haneul.wire.message import Body, Request

IN_THREAD = 256 << 10
"""Pieces above this are hashed in a thread."""
TRAILER_SIGNATURE = "x-amz-trailer-signature"


def payload_body(verified: Verified, request: Request) -> Body:
    """The payload as the operation shall read it. Raises AwsError at once when its head already disagrees."""
    claimed = verified.payload
    if claimed in STREAMING or _is_chunked(request, claimed):
        source = request.stream if request.stream is not None else Whole(request.body)
        length = _decoded_length(request, verified)
        body = ChunkedBody(source, length, claimed, verified, request)
        if request.stream is None and len(request.body) <= IN_THREAD:
            return body.decoded_now(request.body)
        return body
    stream = request.stream
    if stream is None:
        if verified.deferred is not None:
            verified.deferred(hashlib.sha256(request.body).hexdigest())
        return Whole(request.body)
    if verified.deferred is not None:
        return HashedBody(stream, verified.deferred)
    if claimed and claimed not in NOT_A_DIGEST:
        service = "s3" if verified.service == "s3" else None
        return HashedBody(stream, lambda computed: check_digest(claimed, computed, service))
    return stream


def _is_chunked(request: Request, claimed: str) -> bool:
    # Declared by the encoding alone: SDKs that sign the digest of the decoded bytes don't exist, anonymous ones do.
    if claimed and claimed not in NOT_A_DIGEST:
        return False
    encoding = request.headers.get("content-encoding", "")
    return "aws-chunked" in encoding and "x-amz-decoded-content-length" in request.headers


def _decoded_length(request: Request, verified: Verified) -> int | None:
    text = request.headers.get("x-amz-decoded-content-length")
    if text is None:
        if verified.service == "s3":
            raise AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise AwsError("InvalidArgument", "x-amz-decoded-content-length must be a number of bytes.", 400)
    return int(text)


async def _read(body: Body, limit: int) -> bytes:
    parts = []
    size = 0
    async for piece in body:
        size += len(piece)
        if size > limit:
            raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400)
        parts.append(piece)
    return b"".join(parts)


class Whole:
    """A payload that is all there."""

    def __init__(self, data: bytes, trailers: dict[str, str] | None = None) -> None:
        self.buffered: bytes | None = data
        self.length: int | None = len(data)
        self.trailers: dict[str, str] = trailers if trailers is not None else {}

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        if self.buffered:
            yield self.buffered

    async def read(self, limit: int) -> bytes:
        data = self.buffered
        assert data is not None
        if len(data) > limit:
            raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400)
        return data


class HashedBody:
    """A stream whose SHA-256 is given to `check` at its end."""

    buffered: bytes | None = None

    def __init__(self, stream: Body, check: Callable[[str], None]) -> None:
        self._stream = stream
        self._check = check
        self.length = stream.length
        self.trailers = stream.trailers

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        hashing = hashlib.sha256()
        async for piece in self._stream:
            await _update(hashing, piece)
            yield piece
        self._check(hashing.hexdigest())

    async def read(self, limit: int) -> bytes:
        return await _read(self, limit)


async def _update(hashing: Any, piece: bytes) -> None:
    if len(piece) > IN_THREAD:
        await asyncio.to_thread(hashing.update, piece)
    else:
        hashing.update(piece)


class ChunkedBody:
    """An aws-chunked stream, decoded; chunk by chunk and trailer its signatures are checked."""

    buffered: bytes | None = None

    def __init__(self, source: Body, length: int | None, claimed: str, verified: Verified, request: Request) -> None:
        self.length = length
        self.trailers: dict[str, str] = {}
        self._source = source
        self._signer: ChunkSigner | None = verified.chunk
        self._is_signed = claimed in STREAMING and claimed != STREAMING_UNSIGNED_TRAILER
        self._has_trailers = claimed.endswith("-TRAILER") or claimed not in STREAMING
        announced = request.headers.get("x-amz-trailer", "")
        self._announced = {name.strip().lower() for name in announced.split(",") if name.strip()}
        self._words = refusals.wording("s3" if verified.service == "s3" else None)
        self._decoder = ChunkedDecoder()
        self._hashing = hashlib.sha256()
        self._size = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def read(self, limit: int) -> bytes:
        if self.length is not None and self.length > limit:
            raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400)
        return await _read(self, limit)

    def decoded_now(self, data: bytes) -> Whole:
        """A small payload that already arrived, decoded and checked at once."""
        pieces = []
        for event in self._decoder.feed(data):
            if isinstance(event, bytes):
                self._count(event)
                if self._is_signed:
                    self._hashing.update(event)
                pieces.append(event)
            else:
                self._take(event)
        self._finish()
        return Whole(pieces[0] if len(pieces) == 1 else b"".join(pieces), self.trailers)

    async def _pieces(self) -> AsyncIterator[bytes]:
        async for data in self._source:
            for event in self._decoder.feed(data):
                if isinstance(event, bytes):
                    self._count(event)
                    if self._is_signed:
                        await _update(self._hashing, event)
                    yield event
                else:
                    self._take(event)
        self._finish()

    def _count(self, piece: bytes) -> None:
        self._size += len(piece)
        if self.length is not None and self._size > self.length:
            raise _incomplete()

    def _take(self, event: Event) -> None:
        if isinstance(event, Chunk):
            if self._is_signed:
                digest = self._hashing.hexdigest() if event.size else EMPTY
                self._hashing = hashlib.sha256()
                if not event.signature or (self._signer and not self._signer.chunk(digest, event.signature)):
                    raise self._mismatch()
        elif isinstance(event, Trailers):
            self._take_trailers(event.fields)

    def _take_trailers(self, fields: tuple[tuple[str, str], ...]) -> None:
        if not self._has_trailers:
            if fields:
                raise AwsError("MalformedTrailerError", _MALFORMED_TRAILER, 400)
            return
        trailers = dict(fields)
        signature = trailers.pop(TRAILER_SIGNATURE, "")
        if len(trailers) + bool(signature) != len(fields) or (self._announced and set(trailers) != self._announced):
            raise AwsError("MalformedTrailerError", _MALFORMED_TRAILER, 400)
        if self._is_signed:
            block = "".join(f"{name}:{value}\n" for name, value in fields if name != TRAILER_SIGNATURE)
            if not signature or (self._signer and not self._signer.trailer(block.encode("latin-1"), signature)):
                raise self._mismatch()
        self.trailers.update(trailers)

    def _finish(self) -> None:
        for event in self._decoder.finish():
            self._take(event)
        if self.length is not None and self._size != self.length:
            raise _incomplete()

    def _mismatch(self) -> AwsError:
        code, status = self._words.mismatch
        return AwsError(code, refusals.mismatch_message(self._words), status)


_MALFORMED_TRAILER = (
    "The request contained trailing data that was not well-formed or did not conform to our published schema."
)


def _incomplete() -> AwsError:
    message = "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header."
    return AwsError("IncompleteBody", message, 400)
