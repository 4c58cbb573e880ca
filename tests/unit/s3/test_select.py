"""S3 Select by itself: whatever is asked or read, it answers or says what is wrong, and never twice or not at all."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from haneul.services.s3.plane.reading import Held, Piece
from haneul.services.s3.plane.select import grammar, outputs, query
from haneul.services.s3.plane.select.compiling import like
from haneul.services.s3.plane.select.problems import SelectError
from haneul.services.s3.plane.select.records import Csv, Json, Progress, Span

ATOMS = st.sampled_from(
    ["1", "0", "2.5", "1e400", "'x'", "''", "'5'", "NULL", "MISSING", "TRUE", "s.a", "s.b", "a", "s.b[1].c", "`2020T`"]
)
MOLDS = st.sampled_from(
    [
        *("{0} + {1}", "{0} / {1}", "{0} % {1}", "{0} * {1}", "-{0}", "{0} || {1}", "{0} = {1}", "{0} < {1}"),
        *(
            "NOT ({0})",
            "({0}) AND ({1})",
            "({0}) OR ({1})",
            "{0} IN ({1}, 3)",
            "{0} BETWEEN {1} AND {0}",
            "{0} IS NULL",
        ),
        *(
            "{0} LIKE {1}",
            "{0} LIKE 'a!%' ESCAPE {1}",
            "CASE WHEN {0} THEN {1} END",
            "CASE {0} WHEN {1} THEN 1 ELSE 2 END",
        ),
        *("CAST({0} AS INT)", "CAST({0} AS BOOL)", "CAST({0} AS FLOAT)", "CAST({0} AS DECIMAL)", "CAST({0} AS STRING)"),
        *(
            "CAST({0} AS TIMESTAMP)",
            "TRIM({0} FROM {1})",
            "SUBSTRING({0}, {1})",
            "SUBSTRING({0}, 1, {1})",
            "LOWER({0})",
        ),
        *(
            "COALESCE({0}, {1})",
            "NULLIF({0}, {1})",
            "CHAR_LENGTH({0})",
            "EXTRACT(year FROM {0})",
            "TO_STRING({0}, {1})",
        ),
        *("DATE_ADD(month, {0}, {1})", "DATE_DIFF(year, {0}, {1})", "TO_TIMESTAMP({0})", "TO_TIMESTAMP({0}, {1})"),
        *("SUM({0})", "AVG({0})", "MIN({0})", "MAX({0})", "COUNT({0})"),
    ]
)
EXPRESSIONS = st.recursive(
    ATOMS, lambda inner: st.builds(lambda m, a, b: m.format(a, b), MOLDS, inner, inner), max_leaves=6
)
FIELDS = st.text(st.sampled_from("ab,\"'\né;|"), max_size=5)


def found(
    expression: str,
    data: bytes,
    form: Csv | Json,
    *,
    span: Span | None = None,
    compression: str = "NONE",
    step: int = 7,
) -> str:
    """The records as CSV, from an object read `step` bytes at a time."""

    def opened(start: int) -> Iterator[bytes]:
        return (data[at : at + step] for at in range(start, len(data), step))

    write = outputs.csv_writer(outputs.CsvForm())
    parsed = grammar.parse(expression)
    return b"".join(query.run(parsed, form, span, compression, write, opened, Progress(), 0.0)).decode()


@settings(max_examples=400)
@given(EXPRESSIONS, st.one_of(st.none(), EXPRESSIONS))
def test_expressions_are_run_or_refused(item: str, where: str | None) -> None:
    """No expression makes anything but an answer or a SelectError."""
    for form, data in ((Csv("USE"), b"a,b\n1,x\n,\n"), (Json(), b'{"a":1,"b":[1,{"c":null}]}\n{"a":"x","b":{}}\n')):
        try:
            found(f"SELECT {item} FROM S3Object s" + (f" WHERE {where}" if where else ""), data, form)
        except SelectError as error:
            assert error.code and error.message


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(["SELECT", "FROM", "S3Object", "*", ",", "(", ")", "=", "1", "'x'", "AND", "NOT", "IS", "."])
    )
)
def test_words_are_parsed_or_refused(words: list[str]) -> None:
    """No sequence of words makes anything but a query or a SelectError."""
    try:
        grammar.parse(" ".join(words))
    except SelectError as error:
        assert error.code and error.message


@given(st.lists(st.lists(FIELDS, min_size=2, max_size=4), min_size=1, max_size=6), st.integers(1, 30))
def test_csv_is_what_the_csv_module_wrote(rows: list[list[str]], step: int) -> None:
    """Quotes, delimiters and line ends in fields come back, wherever the chunks are cut."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    again = found("SELECT * FROM S3Object", text.getvalue().encode(), Csv(quoted_records=True), step=step)
    assert list(csv.reader(io.StringIO(again, newline=""))) == rows


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), st.integers(1, 25), st.integers(1, 9), st.booleans())
def test_scan_ranges_share_out_all_records(numbers: list[int], width: int, step: int, json: bool) -> None:
    """Every record is in exactly one of the ranges that follow each other."""
    shape = '{"_1":%d}\n' if json else "%d\n"
    data = "".join(shape % number for number in numbers).encode()
    parts = [
        found(
            "SELECT _1 FROM S3Object",
            data,
            Json() if json else Csv(),
            span=Span(start, start + width - 1),
            step=step,
        )
        for start in range(0, len(data), width)
    ]
    assert "".join(parts).split() == [str(number) for number in numbers]


@given(st.text("ab%_", max_size=8), st.text("ab", max_size=8))
def test_like_is_its_definition(pattern: str, text: str) -> None:
    """Against the recursive definition."""

    def fits(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "%":
            return any(fits(pattern[1:], text[at:]) for at in range(len(text) + 1))
        return bool(text) and pattern[0] in ("_", text[0]) and fits(pattern[1:], text[1:])

    assert (like(pattern, None).fullmatch(text) is not None) == fits(pattern, text)


def test_like_has_no_traps() -> None:
    """What would take a backtracking matcher for ever."""
    assert like("%a" * 30 + "%b", None).fullmatch("a" * 5000) is None


@given(st.binary(max_size=200), st.sampled_from(["GZIP", "BZIP2", "NONE"]), st.integers(1, 50))
def test_rotten_data_is_refused(data: bytes, compression: str, step: int) -> None:
    """Any bytes are rows, or an error with S3's name."""
    for form in (Csv(), Json(), Json(document=True)):
        try:
            found("SELECT * FROM S3Object", data, form, compression=compression, step=step)
        except SelectError as error:
            assert error.code in {
                "TruncatedInput",
                "InvalidTextEncoding",
                "CSVParsingError",
                "JSONParsingError",
                "OverMaxRecordSize",
            }


def test_compressed_bombs_are_read_piece_by_piece() -> None:
    """16 MB out of a few kB: counted, never held. Cut off, it is refused."""
    data = b"0123456789abcde\n" * (1 << 20)
    for packed, kind in ((gzip.compress(data, 1), "GZIP"), (bz2.compress(data[: 1 << 22]), "BZIP2")):
        count = found("SELECT COUNT(*) FROM S3Object", packed, Csv(), compression=kind, step=65_536)
        assert int(count) in (1 << 20, 1 << 18)
        try:
            found("SELECT COUNT(*) FROM S3Object", packed[:-9], Csv(), compression=kind, step=65_536)
        except SelectError as error:
            assert error.code == "TruncatedInput"
        else:
            raise AssertionError("a torn file was read as a whole one")


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5), st.integers(0, 150))
def test_held_bodies_start_anywhere(pieces: list[bytes], start: int) -> None:
    """A body in pieces, from any offset."""
    cuts = [(Piece(len(data), data, "", None), 0, len(data)) for data in pieces]

    def ranges(blob: str, offset: int, length: int) -> object:
        raise AssertionError("nothing lies in files here")

    held = Held(cuts, ranges)  # type: ignore[arg-type]
    assert b"".join(held.chunks(start)) == b"".join(pieces)[start:]
