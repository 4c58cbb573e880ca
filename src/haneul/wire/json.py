"""JSON in and out, shared by the json and rest-json protocols, and the json 1.0 and 1.1 protocol itself."""

from __future__ import annotations

import json as slow_json
from base64 import b64encode
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any
from zlib import crc32

import orjson

from haneul.wire import scalars, streams, timestamps
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response
from haneul.wire.model import Model, OperationModel, Ref
from haneul.wire.quirks import Quirks
from haneul.wire.scalars import Convert, Unreadable

_TYPES = {
    "string": "String",
    "integer": "Integer",
    "long": "Long",
    "float": "Float",
    "double": "Double",
    "boolean": "Boolean",
}


def mismatch(value: object, wanted: str) -> Unreadable:
    """AWS's words for a JSON value of the wrong type."""
    if isinstance(value, dict):
        return Unreadable("Start of structure or map found where not expected.", value)
    if isinstance(value, list):
        return Unreadable("Start of list found where not expected", value)
    if isinstance(value, bool):
        token = "TRUE_VALUE" if value else "FALSE_VALUE"
    elif isinstance(value, int):
        token = "NUMBER_VALUE"  # noqa: S105
    elif isinstance(value, float):
        token = "DECIMAL_VALUE"  # noqa: S105  a kind of JSON token
    else:
        token = "STRING_VALUE"  # noqa: S105
    if wanted in {"structure", "map", "list"}:
        return Unreadable("Unexpected value type in payload", value)
    return Unreadable(f"{token} cannot be converted to {_TYPES.get(wanted, wanted)}", value)


def read_string(value: Any) -> str:
    if type(value) is str:
        return value
    raise mismatch(value, "string")


def read_integer(value: Any) -> int:
    if type(value) is int:
        if not -(1 << 63) <= value < 1 << 64:
            raise mismatch(value, "Long")
        return value
    if type(value) is float and value.is_integer() and abs(value) < 1 << 63:
        return int(value)
    raise mismatch(value, "integer")


def read_float(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise mismatch(value, "double") from None
    if type(value) is str and value in {"NaN", "Infinity", "-Infinity"}:
        return float(value)
    raise mismatch(value, "double")


def read_boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise mismatch(value, "boolean")


def read_timestamp(value: Any) -> float:
    try:
        return timestamps.parse(value)
    except (ValueError, OverflowError):
        raise mismatch(value, "Date") from None


def read_blob(value: Any) -> bytes:
    if type(value) is str:
        return scalars.blob(value)
    raise mismatch(value, "Blob")


def _same(value: Any) -> Any:
    return value


SCALARS: dict[str, Convert] = {
    "string": read_string,
    "character": read_string,
    "boolean": read_boolean,
    "timestamp": read_timestamp,
    "blob": read_blob,
    **dict.fromkeys(scalars.INTEGERS, read_integer),
    **dict.fromkeys(scalars.FLOATS, read_float),
}


class Readers:
    """Compiles readers of one service's shapes from decoded JSON (or, with other scalars and names, CBOR)."""

    def __init__(
        self,
        model: Model,
        opaque: frozenset[str],
        scalar: Mapping[str, Convert] = SCALARS,
        renamed: bool = True,
    ) -> None:
        self._model = model
        self._opaque = opaque
        self._scalar = scalar
        self._renamed = renamed
        self._known: dict[str, Convert] = {}

    def reader(self, ref: Ref) -> Convert:
        name = ref["shape"]
        shape = self._model.shapes[name]
        kind = shape["type"]
        if name in self._opaque or shape.get("document"):
            return _same
        if kind == "structure":
            return self._known.get(name) or self._structure(name, shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        return self._scalar[kind]

    def members(self, ref: Ref, only: frozenset[str]) -> Convert:
        """A reader of the structure's members that travel in the body."""
        return self._structure(None, self._model.shapes[ref["shape"]], only)

    def _structure(self, key: str | None, shape: Mapping[str, Any], only: frozenset[str] | None = None) -> Convert:
        table: dict[str, tuple[str, Convert]] = {}

        def structure(value: Any) -> dict[str, Any]:
            if type(value) is not dict:
                raise mismatch(value, "structure")
            out = {}
            name = ""
            try:
                for wire, item in value.items():
                    entry = table.get(wire)
                    if entry is not None and item is not None:
                        name, read = entry
                        out[name] = read(item)
            except Unreadable as error:
                raise error.within(name) from None
            return out

        if key is not None:
            self._known[key] = structure
        for name, ref in shape["members"].items():
            if only is None or name in only:
                wire = self._model.resolve(ref).get("locationName", name) if self._renamed else name
                table[wire] = (name, self.reader(ref))
        return structure

    def _list(self, shape: Mapping[str, Any]) -> Convert:
        read = self.reader(shape["member"])
        sparse = shape.get("sparse")

        def items(value: Any) -> list[Any]:
            if type(value) is not list:
                raise mismatch(value, "list")
            if None in value:
                return [None if item is None else read(item) for item in value if sparse or item is not None]
            return [read(item) for item in value]

        return items

    def _map(self, shape: Mapping[str, Any]) -> Convert:
        read = self.reader(shape["value"])
        sparse = shape.get("sparse")

        def entries(value: Any) -> dict[str, Any]:
            if type(value) is not dict:
                raise mismatch(value, "map")
            return {
                key: None if item is None else read(item) for key, item in value.items() if item is not None or sparse
            }

        return entries


# Writing: values become what orjson writes; None for "as it is"


def write_float(value: Any) -> Any:
    return value if isfinite(value) else scalars.special(value)


def write_timestamp(shape: Mapping[str, Any]) -> Convert:
    form = shape.get("timestampFormat", "unixTimestamp")
    return timestamps.unix if form.lower() == "unixtimestamp" else timestamps.WRITERS[form]


class Writers:
    """Compiles writers of one service's shapes to what an encoder takes: renamed, converted, without None."""

    def __init__(
        self,
        model: Model,
        opaque: frozenset[str],
        timestamp: Callable[[Mapping[str, Any]], Convert] = write_timestamp,
        blob: Convert | None = scalars.base64_text,
        floating: Convert | None = write_float,
        renamed: bool = True,
    ) -> None:
        self._model = model
        self._opaque = opaque
        self._timestamp = timestamp
        self._blob = blob
        self._floating = floating
        self._renamed = renamed
        self._known: dict[str, Convert] = {}

    def writer(self, ref: Ref) -> Convert | None:
        shape = self._model.resolve(ref)
        name, kind = shape["shape"], shape["type"]
        if name in self._opaque or shape.get("document"):
            return None
        if kind == "structure":
            return self._known.get(name) or self._structure(name, shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        if kind == "timestamp":
            return self._timestamp(shape)
        if kind == "blob":
            return self._blob
        return self._floating if kind in scalars.FLOATS else None

    def members(self, ref: Ref, only: frozenset[str]) -> Convert:
        """A writer of the structure's members that travel in the body."""
        return self._structure(None, self._model.shapes[ref["shape"]], only)

    def _structure(self, key: str | None, shape: Mapping[str, Any], only: frozenset[str] | None = None) -> Convert:
        table: dict[str, tuple[str, Convert | None]] = {}

        def structure(value: Mapping[str, Any]) -> dict[str, Any]:
            out = {}
            for name, item in value.items():
                if item is not None:
                    entry = table.get(name)
                    if entry is not None:
                        wire, write = entry
                        out[wire] = item if write is None else write(item)
            return out

        if key is not None:
            self._known[key] = structure
        for name, ref in shape["members"].items():
            if only is None or name in only:
                wire = self._model.resolve(ref).get("locationName", name) if self._renamed else name
                table[name] = (wire, self.writer(ref))
        return structure

    def _list(self, shape: Mapping[str, Any]) -> Convert | None:
        write = self.writer(shape["member"])
        if write is None:
            return None
        return lambda value: [None if item is None else write(item) for item in value]

    def _map(self, shape: Mapping[str, Any]) -> Convert | None:
        write = self.writer(shape["value"])
        if write is None:
            return None
        return lambda value: {key: None if item is None else write(item) for key, item in value.items()}


def _default(value: object) -> object:
    """What rooms hand over that JSON has no type for."""
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"not JSON: {type(value).__name__}")


def encode(value: object) -> bytes:
    try:
        return orjson.dumps(value, _default)
    except TypeError:  # integers beyond 64 bits, lone surrogates, keys that aren't text
        return slow_json.dumps(value, default=_default, separators=(",", ":")).encode()


def unreadable(error: Unreadable, quirks: Quirks) -> AwsError:
    return AwsError(quirks.malformed, error.reason)


def not_json(quirks: Quirks) -> AwsError:
    return AwsError(quirks.malformed, "Unable to parse the request body: it is not valid JSON")


def parser(
    readers: Readers, operation: OperationModel, quirks: Quirks
) -> Callable[[Request, Mapping[str, str]], dict[str, Any]]:
    read = None if operation.input is None else readers.reader(operation.input)
    loads = orjson.loads

    def parse(request: Request, _labels: Mapping[str, str]) -> dict[str, Any]:
        if read is None:
            return {}
        body = request.body
        if not body:
            return {}
        try:
            members: dict[str, Any] = read(loads(body))
        except Unreadable as error:
            raise unreadable(error, quirks) from None
        except ValueError:
            raise not_json(quirks) from None
        return members

    return parse


def serializer(
    model: Model, writers: Writers, operation: OperationModel, quirks: Quirks
) -> Callable[[Mapping[str, Any], str], Response]:
    if operation.event_out is not None:
        kind_of_events = f"application/x-amz-json-{model.json_version}"
        return streams.rpc_serializer(model, operation, event_writer(writers), kind_of_events)
    write = None if operation.output is None else writers.writer(operation.output)
    kind = ("Content-Type", f"application/x-amz-json-{model.json_version}")
    with_crc = quirks.crc32
    dumps = orjson.dumps

    def serialize(output: Mapping[str, Any], request_id: str) -> Response:
        if write is None:
            return Response(200, [("x-amzn-RequestId", request_id), kind], b"")
        value = write(output)
        try:
            body = dumps(value, _default)
        except TypeError:
            body = encode(value)
        headers = [("x-amzn-RequestId", request_id), kind]
        if with_crc:
            headers.append(("x-amz-crc32", str(crc32(body))))
        return Response(200, headers, body)

    return serialize


def event_writer(texts: Writers) -> streams.DocumentWriter:
    def document(ref: Ref, only: frozenset[str] | None) -> Callable[[Any], bytes]:
        write = texts.writer(ref) if only is None else texts.members(ref, only)
        return lambda value: encode(value if write is None else write(value))

    return document


def event_reader(values: Readers) -> streams.DocumentReader:
    def document(ref: Ref, only: frozenset[str] | None) -> Callable[[bytes], Any]:
        read = values.reader(ref) if only is None else values.members(ref, only)
        return lambda raw: read(orjson.loads(raw)) if raw else {}

    return document
