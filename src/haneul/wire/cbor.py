"""The smithy-rpc-v2-cbor protocol, and a compact CBOR encoder and decoder: bounded, every tag and length form read."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from haneul.wire import json, scalars, streams, timestamps
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response
from haneul.wire.model import Model, OperationModel, Ref
from haneul.wire.quirks import Quirks
from haneul.wire.scalars import Convert, Unreadable

MAX_DEPTH = 128


class CborError(ValueError):
    """Not CBOR, torn, or nested too deeply."""


class Moment(float):
    """Epoch seconds, written with tag 1."""

    __slots__ = ()


# Encoding


def encode(value: object) -> bytes:
    out = bytearray()
    _encode(value, out)
    return bytes(out)


def _head(major: int, number: int, out: bytearray) -> None:
    if number < 24:
        out.append(major | number)
    elif number < 0x100:
        out += bytes((major | 24, number))
    elif number < 0x10000:
        out += struct.pack(">BH", major | 25, number)
    elif number < 0x100000000:
        out += struct.pack(">BI", major | 26, number)
    else:
        out += struct.pack(">BQ", major | 27, number)


def _encode(value: Any, out: bytearray) -> None:
    kind = type(value)
    if kind is str:
        raw = value.encode("utf-8", "replace")
        size = len(raw)
        if size < 24:
            out.append(0x60 | size)
        else:
            _head(0x60, size, out)
        out += raw
    elif kind is dict or isinstance(value, Mapping):
        _head(0xA0, len(value), out)
        for key, item in value.items():
            _encode(key, out)
            _encode(item, out)
    elif kind is list or kind is tuple:
        _head(0x80, len(value), out)
        for item in value:
            _encode(item, out)
    elif kind is Moment:
        _moment(value, out)
    else:
        _scalar(value, out)


def _scalar(value: Any, out: bytearray) -> None:
    if value is None:
        out.append(0xF6)
    elif value is True or value is False:
        out.append(0xF5 if value else 0xF4)
    elif isinstance(value, int):
        _integer(value, out)
    elif isinstance(value, float):
        out += struct.pack(">Bd", 0xFB, value)
    elif isinstance(value, bytes | bytearray | memoryview):
        _head(0x40, len(value), out)
        out += value
    else:
        raise TypeError(f"not CBOR: {type(value).__name__}")


def _integer(value: int, out: bytearray) -> None:
    number = value if value >= 0 else -1 - value
    if number < 1 << 64:
        _head(0x00 if value >= 0 else 0x20, number, out)
        return
    out.append(0xC2 if value >= 0 else 0xC3)
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    _head(0x40, len(raw), out)
    out += raw


def _moment(value: float, out: bytearray) -> None:
    out.append(0xC1)
    whole = timestamps.unix(float(value))
    if isinstance(whole, int):
        _integer(whole, out)
    else:
        out += struct.pack(">Bd", 0xFB, whole)


# Decoding


class _Break(Exception):
    """The end of something of indefinite length."""


class _Decoder:
    __slots__ = ("_at", "_data", "_size")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._size = len(data)

    def whole(self) -> Any:
        value = self.item(0)
        if self._at != self._size:
            raise CborError("bytes left over")
        return value

    def _number(self, info: int) -> int | None:
        """The argument of a head; None for indefinite length."""
        if info < 24:
            return info
        if info == 31:
            return None
        if info > 27:
            raise CborError("reserved length")
        size = 1 << (info - 24)
        return int.from_bytes(self._take(size), "big")

    def _take(self, size: int) -> bytes:
        at = self._at
        end = at + size
        if end > self._size:
            raise CborError("torn")
        self._at = end
        return self._data[at:end]

    def item(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise CborError("nested too deeply")
        at = self._at
        if at >= self._size:
            raise CborError("torn")
        head = self._data[at]
        at += 1
        if 0x60 <= head < 0x78:  # short text: nearly everything is
            end = at + head - 0x60
            if end > self._size:
                raise CborError("torn")
            self._at = end
            try:
                return str(self._data[at:end], "utf-8")
            except UnicodeDecodeError:
                raise CborError("text that isn't UTF-8") from None
        self._at = at
        if head < 24:
            return head
        major, info = head >> 5, head & 31
        if major == 7:
            return self._simple(info)
        number = self._number(info)
        if major == 3:
            return self._text(number)
        if major == 5:
            return self._map(number, depth)
        if major == 4:
            return self._array(number, depth)
        if major == 2:
            return self._take(number) if number is not None else b"".join(self._chunks(2))
        if number is None:
            raise CborError("a number of indefinite length")
        if major == 6:
            return self._tagged(number, depth)
        return number if major == 0 else -1 - number

    def _text(self, size: int | None) -> str:
        raw = self._take(size) if size is not None else b"".join(self._chunks(3))
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise CborError("text that isn't UTF-8") from None

    def _chunks(self, major: int) -> list[bytes]:
        chunks: list[bytes] = []
        while True:
            head = self._take(1)[0]
            if head == 0xFF:
                return chunks
            size = self._number(head & 31)
            if head >> 5 != major or size is None:
                raise CborError("a chunk of another kind")
            chunks.append(self._take(size))

    def _array(self, size: int | None, depth: int) -> list[Any]:
        if size is None:
            items = []
            while not self._broken():
                items.append(self.item(depth + 1))
            return items
        if size > self._size - self._at:
            raise CborError("torn")
        return [self.item(depth + 1) for _ in range(size)]

    def _map(self, size: int | None, depth: int) -> dict[Any, Any]:
        out: dict[Any, Any] = {}
        if size is not None and size > self._size - self._at:
            raise CborError("torn")
        item, inner = self.item, depth + 1
        left = -1 if size is None else size
        while left != 0:
            if size is None and self._broken():
                break
            key = item(inner)
            if key.__class__ is not str and isinstance(key, list | dict):
                raise CborError("a key that isn't a scalar")
            out[key] = item(inner)
            left -= 1
        return out

    def _broken(self) -> bool:
        if self._at < self._size and self._data[self._at] == 0xFF:
            self._at += 1
            return True
        return False

    def _tagged(self, tag: int, depth: int) -> Any:
        value = self.item(depth + 1)
        if tag in {2, 3}:
            if type(value) is not bytes or len(value) > 1024:
                raise CborError("a big number that isn't one")
            number = int.from_bytes(value, "big")
            return number if tag == 2 else -1 - number
        if tag == 4:
            if type(value) is not list or [type(part) for part in value] != [int, int] or abs(value[0]) > 400:
                raise CborError("a decimal fraction that isn't one")
            return float(f"{value[1]}e{value[0]}")
        return value

    def _simple(self, info: int) -> Any:
        if info == 20:
            return False
        if info == 21:
            return True
        if info in {22, 23}:
            return None
        if info in {25, 26, 27}:
            size = 1 << (info - 24)
            return struct.unpack({2: ">e", 4: ">f", 8: ">d"}[size], self._take(size))[0]
        raise CborError("an unknown simple value")


def decode(data: bytes) -> Any:
    """One value. Raises CborError."""
    return _Decoder(data).whole()


# The protocol


def _read_timestamp(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return json.read_timestamp(value)
    raise json.mismatch(value, "Date")


def _read_blob(value: Any) -> bytes:
    if type(value) is bytes:
        return value
    raise json.mismatch(value, "Blob")


def _read_float(value: Any) -> float:
    if isinstance(value, str):
        raise json.mismatch(value, "double")
    return json.read_float(value)


SCALARS: dict[str, Convert] = {
    **json.SCALARS,
    "timestamp": _read_timestamp,
    "blob": _read_blob,
    **dict.fromkeys(scalars.FLOATS, _read_float),
}


def readers(model: Model, opaque: frozenset[str]) -> json.Readers:
    return json.Readers(model, opaque, SCALARS, renamed=False)


def writers(model: Model, opaque: frozenset[str]) -> json.Writers:
    return json.Writers(model, opaque, lambda _shape: Moment, None, float, renamed=False)


def parser(
    model: Model, values: json.Readers, operation: OperationModel, quirks: Quirks
) -> Callable[[Request, Mapping[str, str]], dict[str, Any]]:
    read = None if operation.input is None else values.reader(operation.input)
    events = None
    if operation.event_in is not None and operation.input is not None:
        member = model.resolve(operation.input)["members"][operation.event_in]
        events = streams.reader_of(model, model.resolve(member), operation.event_in, event_reader(values))

    def parse(request: Request, _labels: Mapping[str, str]) -> dict[str, Any]:
        if events is not None:
            out: dict[str, Any] = {}
            events(request, out)
            return out
        if read is None or not request.body:
            return {}
        try:
            members: dict[str, Any] = read(decode(request.body))
        except Unreadable as error:
            raise json.unreadable(error, quirks) from None
        except CborError as error:
            raise AwsError(quirks.malformed, f"Unable to parse the request body: {error}") from None
        return members

    return parse


def serializer(
    model: Model, texts: json.Writers, operation: OperationModel, quirks: Quirks
) -> Callable[[Mapping[str, Any], str], Response]:
    if operation.event_out is not None and operation.output is not None:
        return streams.rpc_serializer(
            model,
            operation,
            event_writer(texts),
            "application/cbor",
            lambda headers: headers.append(("smithy-protocol", "rpc-v2-cbor")),
        )
    write = None if operation.output is None else texts.writer(operation.output)

    def serialize(output: Mapping[str, Any], request_id: str) -> Response:
        headers = [("x-amzn-RequestId", request_id), ("smithy-protocol", "rpc-v2-cbor")]
        if write is None:
            return Response(200, headers)
        headers.append(("Content-Type", "application/cbor"))
        return Response(200, headers, encode(write(output)))

    return serialize


def event_writer(texts: json.Writers) -> streams.DocumentWriter:
    def document(ref: Ref, only: frozenset[str] | None) -> Callable[[Any], bytes]:
        write = texts.writer(ref) if only is None else texts.members(ref, only)
        return lambda value: encode(value if write is None else write(value))

    return document


def event_reader(values: json.Readers) -> streams.DocumentReader:
    def document(ref: Ref, only: frozenset[str] | None) -> Callable[[bytes], Any]:
        read = values.reader(ref) if only is None else values.members(ref, only)
        return lambda raw: read(decode(raw)) if raw else {}

    return document
