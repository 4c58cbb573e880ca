"""aws-chunked: a payload in chunks that may each be signed, with trailing headers. An incremental, pure decoder.

    <hex size>[;chunk-signature=<hex>]CRLF <bytes> CRLF ... 0[;chunk-signature=<hex>]CRLF [name:value CRLF]... CRLF

`feed` gives what the bytes meant as events, in order; who checks signatures and lengths is told enough to do so:
    bytes          a piece of the payload
    Chunk          the chunk whose pieces came before is complete (size 0: the last one)
    Trailers       the trailing headers, after the last chunk
"""

from __future__ import annotations

from typing import NamedTuple

from haneul.wire.errors import AwsError

MAX_LINE = 4096
MAX_TRAILERS = 32
MAX_SIZE = 5 << 40
_HEAD, _DATA, _AFTER, _TRAILERS, _END = range(5)


class Chunk(NamedTuple):
    """A complete chunk: its size and the signature it carried ("" without one)."""

    size: int
    signature: str


class Trailers(NamedTuple):
    """Trailing headers, lower-case, in the order sent."""

    fields: tuple[tuple[str, str], ...]


Event = bytes | Chunk | Trailers


class ChunkedDecoder:
    """Decodes one payload. Memory is bounded by one line beside what was just fed."""

    def __init__(self) -> None:
        self._state = _HEAD
        self._line = b""
        self._left = 0
        self._chunk = Chunk(0, "")
        self._fields: list[tuple[str, str]] = []

    @property
    def finished(self) -> bool:
        return self._state == _END

    def feed(self, data: bytes) -> list[Event]:
        """The events in `data`. Raises AwsError (InvalidRequest) for bytes that are no such encoding."""
        events: list[Event] = []
        at = 0
        end = len(data)
        while at < end:
            state = self._state
            if state == _DATA:
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                events.append(piece)
                if not self._left:
                    events.append(self._chunk)
                    self._state = _AFTER
            elif state == _END:
                raise _malformed("bytes after the end")
            else:
                line, at = self._take_line(data, at)
                if line is not None:
                    self._line_complete(line, events)
        return events

    def finish(self) -> list[Event]:
        """The payload ended here. Raises AwsError (IncompleteBody) when that is too early."""
        # Some clients leave out the very last line break.
        if self._state == _TRAILERS and not self._line:
            self._state = _END
            return [Trailers(tuple(self._fields))]
        if self._state != _END:
            raise AwsError("IncompleteBody", "The request body terminated unexpectedly", 400)
        return []

    def _take_line(self, data: bytes, at: int) -> tuple[bytes | None, int]:
        newline = data.find(b"\n", at)
        stop = len(data) if newline < 0 else newline + 1
        self._line += data[at:stop]
        if len(self._line) > MAX_LINE:
            raise _malformed("a line is too long")
        if newline < 0:
            return None, stop
        line, self._line = self._line.rstrip(b"\r\n"), b""
        return line, stop

    def _line_complete(self, line: bytes, events: list[Event]) -> None:
        if self._state == _AFTER:
            if line:
                raise _malformed("a chunk is longer than its size")
            self._state = _HEAD
        elif self._state == _HEAD:
            self._chunk = chunk = _parse_head(line)
            self._left = chunk.size
            if chunk.size:
                self._state = _DATA
            else:
                events.append(chunk)
                self._state = _TRAILERS
        elif line:
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or len(self._fields) >= MAX_TRAILERS:
                raise _malformed("trailing headers")
            self._fields.append((name.strip().lower(), value.strip()))
        else:
            events.append(Trailers(tuple(self._fields)))
            self._state = _END


def _parse_head(line: bytes) -> Chunk:
    size, _, extensions = line.partition(b";")
    digits = size.strip()
    if not digits or len(digits) > 16 or digits.strip(b"0123456789abcdefABCDEF"):
        raise _malformed("a chunk's size")
    signature = ""
    for extension in extensions.split(b";"):
        name, _, value = extension.partition(b"=")
        if name.strip() == b"chunk-signature":
            signature = value.strip().decode("latin-1")
    number = int(digits, 16)
    if number > MAX_SIZE:
        raise _malformed("a chunk's size")
    return Chunk(number, signature)


def _malformed(what: str) -> AwsError:
    return AwsError("InvalidRequest", f"The aws-chunked body is malformed: {what}.", 400)
