"""A query under way: chunks of an object in, chunks of records out, one at a time, in whichever thread asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from haneul.services.s3.plane.select import records
from haneul.services.s3.plane.select.compiling import Compiler, Evaluate, Resolve
from haneul.services.s3.plane.select.outputs import Write
from haneul.services.s3.plane.select.problems import SelectError
from haneul.services.s3.plane.select.records import Csv, Json, Progress, Span
from haneul.services.s3.plane.select.tree import Item, Name, Node, Query
from haneul.services.s3.plane.select.values import Value

BATCH = 256 << 10
"""Bytes of records that are answered together."""
LOOK_UP = 8 << 20
"""Bytes read after which the caller hears from a query that found nothing."""
Open = Callable[[int], Iterator[bytes]]
"""The object's bytes from an offset."""


def run(
    query: Query,
    form: Csv | Json,
    span: Span | None,
    compression: str,
    write: Write,
    opened: Open,
    progress: Progress,
    now: float,
) -> Iterator[bytes]:
    """The records that the query finds, as bytes, in pieces (some empty, so that progress can be told).

    Raises SelectError, before the first piece where the expression or the head of the data is wrong.
    """
    if isinstance(form, Csv):
        if query.source:
            raise SelectError("InvalidKeyPath", "The key path in the SQL expression is not valid.")
        header, rows = _csv(form, span, compression, opened, progress)
        resolve: Resolve = lambda path: records.csv_getter(query.alias, header, path)
        everything = _csv_everything(header if form.header == "USE" else None)
    else:
        rows = _json(query, form, span, compression, opened, progress)
        resolve = lambda path: records.json_getter(query.alias, path)
        everything = _json_everything
    compiler = Compiler(resolve, now)
    where = None if query.where is None else compiler.compile(query.where)
    found = rows if where is None else (row for row in rows if where(row) is True)
    if query.aggregates:
        return _summed(query, compiler, found, write)
    shown = everything if query.items is None else _picked(query.items, compiler)
    return _written(found, shown, query.limit, write, progress)


Shown = Callable[[Value], tuple[list[str], list[Value]]]


def _csv(
    form: Csv, span: Span | None, compression: str, opened: Open, progress: Progress
) -> tuple[list[str] | None, Iterator[list[str]]]:
    """The header, if it is used, and the rows behind it."""
    delimiter = form.record.encode()
    header: list[str] | None = None
    if span is not None and span.start > 0:
        if form.header == "USE":
            header = next(records.csv_rows(records.batches(opened(0), delimiter, None), form), None)
        offset = max(0, span.start - len(delimiter))
        pieces = records.plain(opened(offset), compression, progress)
        return header, records.csv_rows(records.batches(pieces, delimiter, span, offset), form)
    pieces = records.plain(opened(0), compression, progress)
    rows = records.csv_rows(records.batches(pieces, delimiter, span), form)
    first = next(rows, None)
    if first is None:
        return None, iter(())
    if form.header == "NONE":
        return None, chain([first], rows)
    return (first if form.header == "USE" else None), rows


def _json(
    query: Query, form: Json, span: Span | None, compression: str, opened: Open, progress: Progress
) -> Iterator[Value]:
    offset = max(0, span.start - 1) if span is not None else 0
    pieces = records.plain(opened(offset), compression, progress)
    if form.document:
        values = records.json_documents(pieces)
    else:
        values = records.json_lines(records.batches(pieces, b"\n", span, offset))
    return records.walked(values, query.source)


def _csv_everything(header: list[str] | None) -> Shown:
    names = list(header or ())

    def shown(row: list[str]) -> tuple[list[str], list[Value]]:
        while len(names) < len(row):
            names.append(f"_{len(names) + 1}")
        return names, row

    return shown


def _json_everything(row: Value) -> tuple[list[str], list[Value]]:
    if isinstance(row, dict):
        return list(row), list(row.values())
    return ["_1"], [row]


def _picked(items: list[Item], compiler: Compiler) -> Shown:
    names = [_called(item, number) for number, item in enumerate(items, 1)]
    picks: list[Evaluate] = [compiler.compile(item.node) for item in items]
    return lambda row: (names, [pick(row) for pick in picks])


def _called(item: Item, number: int) -> str:
    """The name of an output column: its alias, the last name of its path, or its position."""
    if item.alias:
        return item.alias
    node: Node = item.node
    last = node.args[-1] if node.kind == "path" else None
    return last.text if isinstance(last, Name) else f"_{number}"


def _summed(query: Query, compiler: Compiler, rows: Iterator[Value], write: Write) -> Iterator[bytes]:
    assert query.items is not None
    shown = _picked(query.items, compiler)

    def summed() -> Iterator[bytes]:
        aggregates = compiler.aggregates
        for count, row in enumerate(rows, 1):
            for aggregate in aggregates:
                aggregate.add(row)
            if count % 65_536 == 0:
                yield b""
        if query.limit != 0:
            yield write(*shown(None))

    return summed()


def _written(
    rows: Iterator[Value], shown: Shown, limit: int | None, write: Write, progress: Progress
) -> Iterator[bytes]:
    held: list[bytes] = []
    size = told = 0
    if limit == 0:
        return
    for count, row in enumerate(rows, 1):
        record = write(*shown(row))
        if len(record) > records.MAX_RECORD:
            raise SelectError("OverMaxRecordSize")
        held.append(record)
        size += len(record)
        if size >= BATCH or count == limit:
            yield b"".join(held)
            held, size = [], 0
            if count == limit:
                return
        elif progress.processed - told > LOOK_UP:
            told = progress.processed
            yield b""
    if held:
        yield b"".join(held)
