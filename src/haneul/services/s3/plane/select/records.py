"""Records out of bytes: decompressed piece by piece, split, and read as CSV rows or JSON values.

What is held at once is a chunk and a record (JSON documents: the document), however long the object is.
"""

from __future__ import annotations

import bz2
import csv
import json
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from haneul.services.s3.plane.select.problems import SelectError
from haneul.services.s3.plane.select.tree import EVERY, Name
from haneul.services.s3.plane.select.values import MISSING, Value

MAX_RECORD = 1 << 20
MAX_DOCUMENT = 128 << 20
PIECE = 256 << 10
_decode = json.JSONDecoder(parse_float=Decimal).raw_decode
Getter = Callable[[Value], Value]


class Progress:
    """How many bytes of the object were read, and how many came out of them."""

    scanned = 0
    processed = 0


class Csv(NamedTuple):
    """How a CSV object is written. `header`: NONE, USE or IGNORE."""

    header: str = "NONE"
    field: str = ","
    record: str = "\n"
    quote: str = '"'
    escape: str = '"'
    comment: str = "#"
    quoted_records: bool = False


class Json(NamedTuple):
    document: bool = False


class Span(NamedTuple):
    """Records that start in [start, end] are wanted; `end` None: up to the last one."""

    start: int
    end: int | None


def plain(chunks: Iterator[bytes], compression: str, progress: Progress) -> Iterator[bytes]:
    """The object's bytes, decompressed. Raises SelectError TruncatedInput."""
    pieces = {"GZIP": _gunzip, "BZIP2": _bunzip}.get(compression, _same)(_counted(chunks, progress))
    for piece in pieces:
        progress.processed += len(piece)
        yield piece


def _counted(chunks: Iterator[bytes], progress: Progress) -> Iterator[bytes]:
    for chunk in chunks:
        progress.scanned += len(chunk)
        yield chunk


def _same(chunks: Iterator[bytes]) -> Iterator[bytes]:
    return chunks


def _gunzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    opened: Any = None
    for chunk in chunks:
        data = chunk
        while data:
            if opened is None:
                opened = zlib.decompressobj(wbits=31)
            try:
                piece = opened.decompress(data, PIECE)
            except zlib.error:
                raise SelectError("TruncatedInput") from None
            if piece:
                yield piece
            if opened.eof:
                data, opened = opened.unused_data.lstrip(b"\x00"), None
            else:
                data = opened.unconsumed_tail
    if opened is not None:
        rest = opened.flush()
        if rest:
            yield rest
        if not opened.eof:
            raise SelectError("TruncatedInput")


def _bunzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    opened: bz2.BZ2Decompressor | None = None
    for chunk in chunks:
        data = chunk
        while data or (opened is not None and not opened.needs_input):
            if opened is None:
                opened = bz2.BZ2Decompressor()
            try:
                piece = opened.decompress(data, PIECE)
            except OSError:
                raise SelectError("TruncatedInput") from None
            if piece:
                yield piece
            data = b""
            if opened.eof:
                data, opened = opened.unused_data, None
    if opened is not None:
        raise SelectError("TruncatedInput")


def batches(pieces: Iterator[bytes], delimiter: bytes, span: Span | None, offset: int = 0) -> Iterator[str]:
    """Whole records at a time, as text without the last delimiter. With a span, `pieces` begin at `offset`, one
    delimiter before span.start at the latest. Raises SelectError OverMaxRecordSize, InvalidTextEncoding."""
    held = b""
    skipping = span is not None and span.start > 0
    ended = False
    for piece in pieces:
        held += piece
        if skipping:
            assert span is not None
            found = held.find(delimiter, max(0, span.start - len(delimiter) - offset))
            if found < 0:
                kept = max(0, len(held) - len(delimiter) + 1)
                offset, held = offset + kept, held[kept:]
                continue
            skipping = False
            offset, held = offset + found + len(delimiter), held[found + len(delimiter) :]
        if span is not None and span.end is not None:
            if offset > span.end:
                return
            cut = held.find(delimiter, max(0, span.end - offset - len(delimiter) + 1))
            if cut >= 0:
                held, ended = held[:cut], True
                break
        last = held.rfind(delimiter)
        if last >= 0:
            yield _text(held[:last])
            offset, held = offset + last + len(delimiter), held[last + len(delimiter) :]
        if len(held) > MAX_RECORD:
            raise SelectError("OverMaxRecordSize")
    if held and not skipping and (ended or span is None or span.end is None or offset <= span.end):
        yield _text(held)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SelectError("InvalidTextEncoding") from None


def csv_rows(texts: Iterator[str], form: Csv) -> Iterator[list[str]]:
    """Rows of fields; blank lines and comments are none."""
    for line in _lines(texts, form):
        if line and not (form.comment and line.startswith(form.comment)):
            yield _fields(line, form)


def _lines(texts: Iterator[str], form: Csv) -> Iterator[str]:
    """One record each, whole also where quotes may hold delimiters."""
    first = True
    begun: list[str] = []
    for text in texts:
        for each in (text.removeprefix("\ufeff") if first else text).split(form.record):
            line = each[:-1] if form.record == "\n" and each.endswith("\r") else each
            if not form.quoted_records:
                yield line
                continue
            begun.append(line)
            if _is_open(line, form) == (len(begun) > 1):
                yield form.record.join(begun)
                begun = []
            elif sum(map(len, begun)) > MAX_RECORD:
                raise SelectError("OverMaxRecordSize")
        first = False
    if begun:
        yield form.record.join(begun)


def _is_open(line: str, form: Csv) -> bool:
    if form.quote not in line:
        return False
    if form.escape != form.quote:
        line = line.replace(form.escape * 2, "").replace(form.escape + form.quote, "")
    return line.count(form.quote) % 2 == 1


def _fields(line: str, form: Csv) -> list[str]:
    if not form.quote or form.quote not in line:
        return line.split(form.field)
    doubled = form.escape == form.quote
    try:
        return next(
            csv.reader(
                [line],
                delimiter=form.field,
                quotechar=form.quote,
                doublequote=doubled,
                escapechar=None if doubled or not form.escape else form.escape,
            )
        )
    except (csv.Error, StopIteration):
        raise SelectError("CSVParsingError") from None


def json_lines(texts: Iterator[str]) -> Iterator[Value]:
    """A value a line, or several behind each other."""
    for text in texts:
        for each in text.split("\n"):
            at, line = 0, each.strip()
            while at < len(line):
                value, at = _value(line, at)
                yield value
                while at < len(line) and line[at] in " \t\r":
                    at += 1


def json_documents(pieces: Iterator[bytes]) -> Iterator[Value]:
    """The values of a document, which is read as a whole."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) > MAX_DOCUMENT:
            raise SelectError("OverMaxRecordSize")
    text = _text(bytes(held)).removeprefix("\ufeff").strip()
    at = 0
    while at < len(text):
        value, at = _value(text, at)
        yield value
        while at < len(text) and text[at] in " \t\r\n":
            at += 1


def _value(text: str, at: int) -> tuple[Value, int]:
    try:
        return _decode(text, at)
    except (ValueError, RecursionError):
        raise SelectError("JSONParsingError") from None


def walked(values: Iterator[Value], path: list[Name | int]) -> Iterator[Value]:
    """What a FROM path makes of each value: [*] unfolds lists; a name that isn't there is MISSING, and so a row."""
    if not path:
        return values
    return (found for value in values for found in _walk(value, path, 0))


def _walk(value: Value, path: list[Name | int], at: int) -> Iterator[Value]:
    if at == len(path):
        yield value
        return
    step = path[at]
    if step is EVERY:
        for each in value if isinstance(value, list) else [value]:  # as AWS has it: MISSING is one of it
            yield from _walk(each, path, at + 1)
    else:
        yield from _walk(member(value, step), path, at + 1)


def member(value: Value, step: Name | int) -> Value:
    """A field of an object or an element of a list; MISSING when it isn't there."""
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and step < len(value) else MISSING
    if not isinstance(value, dict):
        return MISSING
    found = value.get(step.text, MISSING)
    if found is MISSING and not step.quoted:
        wanted = step.text.lower()
        return next((each for name, each in value.items() if name.lower() == wanted), MISSING)
    return found


def json_getter(alias: Name, path: tuple[Name | int, ...]) -> Getter:
    """What a path means in a JSON record: its first step is the record's alias or a field of it."""
    root = path[0]
    assert isinstance(root, Name)
    if is_alias(alias, root):
        path = path[1:]
    if len(path) == 1:
        (step,) = path
        return lambda row: member(row, step)
    if path and path[0] == Name("_1", False):
        rest = path[1:]
        return lambda row: _along(row, path if member(row, path[0]) is not MISSING else rest)
    return lambda row: _along(row, path)


def _along(value: Value, path: tuple[Name | int, ...]) -> Value:
    for step in path:
        value = member(value, step)
    return value


def is_alias(alias: Name, root: Name) -> bool:
    """Whether a path's first step names the record itself."""
    same = root.text == alias.text if root.quoted and alias.quoted else root.text.lower() == alias.text.lower()
    return same or root.text.lower() == "s3object"


def csv_getter(alias: Name, header: list[str] | None, path: tuple[Name | int, ...]) -> Getter:
    """What a path means in a CSV row: a column by its position (_1) or by its header. Raises SelectError."""
    root = path[0]
    assert isinstance(root, Name)
    if len(path) > 1 and is_alias(alias, root):
        path = path[1:]
    elif len(path) == 1 and is_alias(alias, root) and (header is None or root.text not in header):
        return lambda row: row
    step = path[0]
    if len(path) > 1 or not isinstance(step, Name):
        raise SelectError("InvalidKeyPath", "The key path in the SQL expression is not valid.")
    index = _column(header, step)
    return lambda row: row[index] if index < len(row) else MISSING


def _column(header: list[str] | None, step: Name) -> int:
    if header is not None:
        if step.quoted:
            found = [index for index, name in enumerate(header) if name == step.text]
        else:
            found = [index for index, name in enumerate(header) if name.lower() == step.text.lower()]
        if len(found) > 1:
            raise SelectError("AmbiguousFieldName")
        if found:
            return found[0]
    if step.text[:1] == "_" and step.text[1:].isdigit():
        if int(step.text[1:]) == 0:
            raise SelectError("InvalidColumnIndex")
        return int(step.text[1:]) - 1
    raise SelectError("MissingHeaders")
