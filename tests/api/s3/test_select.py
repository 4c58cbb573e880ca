"""SelectObjectContent: SQL over CSV and JSON objects, plain, compressed and encrypted, as clients see it."""

from __future__ import annotations

import bz2
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError

Client = Callable[..., Any]
PEOPLE = (
    b'id,name,age,city\n1,Ann,31,Oslo\n2,"Bob, Jr.",45,Rome\n3,Carol,,"Quo ""te"""\n# a comment\n4,Dan,9,Oslo\r\n'
    b"5,Eve,45,Lima\n"
)
BOOKS = [
    {"title": "A", "price": 1.10, "tags": ["x", "y"], "by": {"name": "Ann"}, "sold": None},
    {"title": "B", "price": 20, "tags": [], "by": {"name": "Bob"}, "on": True},
    {"title": "c%d", "price": 3.5e2, "by": {}},
]
USE = {"CSV": {"FileHeaderInfo": "USE"}}
LINES = {"JSON": {"Type": "LINES"}}


@pytest.fixture(scope="module")
def bucket(client: Client) -> str:
    import uuid

    name = f"select-{uuid.uuid4().hex[:8]}"
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    lines = "".join(json.dumps(book) + "\n" for book in BOOKS).encode()
    for key, body in {
        "people.csv": PEOPLE,
        "people.csv.gz": gzip.compress(PEOPLE[:40]) + gzip.compress(PEOPLE[40:]),
        "people.csv.bz2": bz2.compress(PEOPLE),
        "books.jsonl": lines,
        "books.json": json.dumps({"shelf": {"books": BOOKS}}, indent=2).encode(),
        "array.json": json.dumps(BOOKS).encode(),
        "odd.csv": b"a|'x;y'|1;b|'it''s'|2;",
        "empty.csv": b"",
        "many.csv": b"".join(b"%d,row number %d\n" % (n, n) for n in range(100_000)),
    }.items():
        s3.put_object(Bucket=name, Key=key, Body=body)
    return name


@pytest.fixture
def select(client: Client, bucket: str) -> Callable[..., str]:
    """select("people.csv", "SELECT ...", USE, ...) -> the records as text; CSV out unless `out` says otherwise."""

    def run(
        key: str, expression: str, given: dict[str, Any] | None = None, out: dict[str, Any] | None = None, **more: Any
    ) -> str:
        answer = client("s3").select_object_content(
            Bucket=bucket,
            Key=key,
            Expression=expression,
            ExpressionType="SQL",
            InputSerialization=given or {"CSV": {}},
            OutputSerialization=out or {"CSV": {}},
            **more,
        )
        events = list(answer["Payload"])
        assert [next(iter(event)) for event in events[-2:]] == ["Stats", "End"]
        return b"".join(event["Records"]["Payload"] for event in events if "Records" in event).decode()

    return run


def code_of(select: Callable[..., str], *args: Any, **more: Any) -> str:
    with pytest.raises(ClientError) as caught:
        select(*args, **more)
    return str(caught.value.response["Error"]["Code"])


def test_csv_in_all_its_forms(select: Callable[..., str]) -> None:
    # Headers used, ignored or none; quotes, comments, line ends and delimiters of one's own.
    assert select("people.csv", "SELECT s.name FROM S3Object s WHERE s.city = 'Oslo'", USE) == "Ann\nDan\n"
    assert select("people.csv", "select * from s3object limit 2", USE) == '1,Ann,31,Oslo\n2,"Bob, Jr.",45,Rome\n'
    assert select("people.csv", "SELECT _2 FROM S3Object", {"CSV": {}}).splitlines()[0] == "name"
    ignored = {"CSV": {"FileHeaderInfo": "IGNORE"}}
    assert select("people.csv", "SELECT s._1 FROM S3Object s", ignored) == "1\n2\n3\n4\n5\n"
    assert select("people.csv", 'SELECT s."city" FROM S3Object s WHERE s.ID = 3', USE) == '"Quo ""te"""\n'
    odd = {"CSV": {"FieldDelimiter": "|", "RecordDelimiter": ";", "QuoteCharacter": "'"}}
    assert (
        select("odd.csv", "SELECT _2 FROM S3Object", odd | {"CSV": odd["CSV"] | {"AllowQuotedRecordDelimiter": True}})
        == "x;y\nit's\n"
    )
    assert select("empty.csv", "SELECT * FROM S3Object", USE) == ""
    assert select("empty.csv", "SELECT COUNT(*) FROM S3Object") == "0\n"


@pytest.mark.parametrize(("key", "kind"), [("people.csv.gz", "GZIP"), ("people.csv.bz2", "BZIP2")])
def test_compressed(select: Callable[..., str], key: str, kind: str) -> None:
    # GZIP (of several members, too) and BZIP2.
    assert select(key, "SELECT COUNT(*) FROM S3Object", {**USE, "CompressionType": kind}) == "5\n"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("SELECT name FROM S3Object WHERE CAST(age AS INT) > 30 AND city <> 'Rome'", None),
        ("SELECT name FROM S3Object WHERE age > 30 AND NOT city = 'Rome'", "Ann\nEve\n"),
        ("SELECT name FROM S3Object WHERE age BETWEEN 30 AND 40 OR id IN (4, '5')", "Ann\nDan\nEve\n"),
        ("SELECT name FROM S3Object WHERE name LIKE '_a%'", "Carol\nDan\n"),
        ("SELECT name FROM S3Object WHERE name NOT LIKE '%o%' AND age <> ''", "Ann\nDan\nEve\n"),
        ("SELECT name || '@' || city, id * 2 + 1 FROM S3Object LIMIT 1", "Ann@Oslo,3\n"),
        ("SELECT CASE WHEN age > 40 THEN 'old' WHEN age > 20 THEN 'mid' ELSE 'young' END FROM S3Object WHERE age <> ''",
         "mid\nold\nyoung\nold\n"),
        ("SELECT CASE city WHEN 'Oslo' THEN 1 END FROM S3Object LIMIT 2", "1\n\n"),
        ("SELECT UPPER(name), LOWER(city), CHAR_LENGTH(name), SUBSTRING(name, 2), SUBSTRING(name FROM 1 FOR 2) "
         "FROM S3Object LIMIT 1", "ANN,oslo,3,nn,An\n"),
        ("SELECT TRIM('  x '), TRIM(LEADING FROM '  x'), TRIM(BOTH '*-' FROM '-*x*-') FROM S3Object LIMIT 1",
         "x,x,x\n"),
        ("SELECT COALESCE(NULL, name), NULLIF(id, 1), NULLIF(id, 2) FROM S3Object LIMIT 1", "Ann,,1\n"),
        ("SELECT COUNT(*), COUNT(age), SUM(CAST(id AS INT)), AVG(id), MIN(id), MAX(id) FROM S3Object",
         "5,5,15,3,1,5\n"),
        ("SELECT SUM(id) / COUNT(*) AS mean FROM S3Object WHERE id < 3", "1\n"),
        ("SELECT AVG(CAST(id AS DECIMAL)) FROM S3Object WHERE id < 3", "1.5\n"),
        ("SELECT CAST('2' AS FLOAT), CAST(1.7 AS INT), CAST('true' AS BOOL), CAST(5 AS STRING) FROM S3Object LIMIT 1",
         "2.0,1,true,5\n"),
        ("SELECT EXTRACT(YEAR FROM TO_TIMESTAMP('2020-02-29T10:20:30Z')), "
         "TO_STRING(DATE_ADD(year, 1, `2020-02-29T`), 'MMM d, y'), "
         "DATE_DIFF(day, `2020-01-01T`, `2020-03-01T`) FROM S3Object LIMIT 1", '2020,"Feb 28, 2021",60\n'),
        ("SELECT TO_STRING(TO_TIMESTAMP('1/2/2021 3:04 PM', 'd/M/y h:m a'), 'yyyy-MM-dd''T''HH:mm') "
         "FROM S3Object LIMIT 1",
         "2021-02-01T15:04\n"),
        ("SELECT 7 / 2, 7 % 2, -7 / 2, 7.0 / 2, 1e2 FROM S3Object LIMIT 1", "3,1,-3,3.5,100\n"),
        ("SELECT name FROM S3Object LIMIT 0", ""),
        ("SELECT id FROM S3Object WHERE '1_0' = 10 OR 'inf' > 1", ""),
    ],
)  # fmt: skip
def test_sql(select: Callable[..., str], expression: str, expected: str | None) -> None:
    # The whole of the subset: conditions of three values, functions, casts, aggregates. (An empty field doesn't cast.)
    if expected is None:
        with pytest.raises((ClientError, EventStreamError), match="CastFailed"):
            select("people.csv", expression, USE)
        return
    assert select("people.csv", expression, USE) == expected


@pytest.mark.parametrize(
    ("key", "kind", "expression", "expected"),
    [
        ("books.jsonl", "LINES", "SELECT s.title, s.price FROM S3Object s", [
            {"title": "A", "price": 1.1}, {"title": "B", "price": 20}, {"title": "c%d", "price": 350}]),
        ("books.jsonl", "LINES", "SELECT * FROM S3Object s LIMIT 1", BOOKS[:1]),
        ("books.jsonl", "LINES", "SELECT s.* FROM S3Object s WHERE s.price = 20", BOOKS[1:2]),
        ("books.jsonl", "LINES", "SELECT s.by.name AS who, s.tags[1], s['title'] FROM S3Object[*] s LIMIT 1",
         [{"who": "Ann", "_2": "y", "title": "A"}]),
        ("books.jsonl", "LINES", "SELECT title FROM S3Object s WHERE s.sold IS NULL AND s.sold IS NOT MISSING",
         [{"title": "A"}]),
        ("books.jsonl", "LINES", "SELECT title FROM S3Object s WHERE s.sold IS MISSING", [
            {"title": "B"}, {"title": "c%d"}]),
        ("books.jsonl", "LINES", "SELECT s.on FROM S3Object s WHERE s.on = true", [{"on": True}]),
        ("books.jsonl", "LINES", "SELECT TITLE FROM S3Object s WHERE title LIKE '%!%_' ESCAPE '!'", [{"TITLE": "c%d"}]),
        ("books.jsonl", "LINES", "SELECT COUNT(s.on), MAX(s.price) AS most FROM S3Object s", [{"_1": 1, "most": 350}]),
        ("books.json", "DOCUMENT", "SELECT b.title FROM S3Object[*].shelf.books[*] b WHERE b.price > 10", [
            {"title": "B"}, {"title": "c%d"}]),
        ("books.json", "DOCUMENT", "SELECT * FROM S3Object[*].shelf.books[*].title", [
            {"_1": "A"}, {"_1": "B"}, {"_1": "c%d"}]),
        ("books.json", "DOCUMENT", "SELECT name FROM S3Object[*].shelf.books[*].by.name", [
            {"name": "Ann"}, {"name": "Bob"}, {}]),
        ("array.json", "DOCUMENT", "SELECT s.title FROM S3Object[*][*] s LIMIT 1", [{"title": "A"}]),
        ("array.json", "DOCUMENT", "SELECT * FROM S3Object[*].title[*]", [{}]),
    ],
)  # fmt: skip
def test_json(select: Callable[..., str], key: str, kind: str, expression: str, expected: Any) -> None:
    # Paths, nulls beside missing fields, unfolded lists, numbers as they were written.
    found = select(key, expression, {"JSON": {"Type": kind}}, {"JSON": {}})
    assert [json.loads(line) for line in found.splitlines()] == expected


def test_outputs(select: Callable[..., str]) -> None:
    # Delimiters and quotes of the client's choice; CSV as JSON and back.
    csv = {"CSV": {"FieldDelimiter": ";", "RecordDelimiter": "|", "QuoteFields": "ALWAYS", "QuoteCharacter": "'"}}
    assert select("people.csv", "SELECT id, name FROM S3Object LIMIT 1", USE, csv) == "'1';'Ann'|"
    assert json.loads(select("people.csv", "SELECT * FROM S3Object LIMIT 1", USE, {"JSON": {}})) == {
        "id": "1",
        "name": "Ann",
        "age": "31",
        "city": "Oslo",
    }
    assert select("people.csv", "SELECT * FROM S3Object LIMIT 1", None, {"JSON": {"RecordDelimiter": ";"}}) == (
        '{"_1":"id","_2":"name","_3":"age","_4":"city"};'
    )
    assert select("books.jsonl", "SELECT tags, sold, price FROM S3Object LIMIT 1", LINES) == '"[""x"",""y""]",,1.1\n'


def test_scan_range(select: Callable[..., str]) -> None:
    # Ranges that follow each other find every record exactly once; one that has only an end means the last bytes.
    whole = select("many.csv", "SELECT _1 FROM S3Object")
    size, found = 2_000_000, ""
    for start in range(0, size * 2, 300_007):
        try:
            found += select("many.csv", "SELECT _1 FROM S3Object", ScanRange={"Start": start, "End": start + 300_006})
        except ClientError as error:
            assert error.response["Error"]["Code"] == "InvalidScanRange"
            break
    assert found == whole
    assert select("many.csv", "SELECT _1 FROM S3Object", ScanRange={"End": 25}) == "99999\n"
    assert select("people.csv", "SELECT name FROM S3Object", USE, ScanRange={"Start": 20, "End": 34}) == '"Bob, Jr."\n'
    zipped = {**USE, "CompressionType": "GZIP"}
    assert code_of(select, "people.csv.gz", "SELECT * FROM S3Object", zipped, ScanRange={"Start": 1, "End": 2}) == (
        "UnsupportedScanRangeInput"
    )


def test_streaming_events(client: Client, bucket: str) -> None:
    # Much output comes in several messages; progress and stats count what was read and told.
    answer = client("s3").select_object_content(
        Bucket=bucket,
        Key="many.csv",
        Expression="SELECT * FROM S3Object",
        ExpressionType="SQL",
        InputSerialization={"CSV": {}},
        OutputSerialization={"CSV": {}},
        RequestProgress={"Enabled": True},
    )
    events = list(answer["Payload"])
    payloads = [event["Records"]["Payload"] for event in events if "Records" in event]
    assert len(payloads) > 3 and all(len(payload) <= 1 << 20 for payload in payloads)
    size = client("s3").head_object(Bucket=bucket, Key="many.csv")["ContentLength"]
    (stats,) = [event["Stats"]["Details"] for event in events if "Stats" in event]
    assert stats == {"BytesScanned": size, "BytesProcessed": size, "BytesReturned": size}
    assert sum(map(len, payloads)) == size
    assert any("Progress" in event for event in events)


def test_encrypted_with_the_customers_key(client: Client, bucket: str) -> None:
    # The key is needed, and opens a body made of many blocks.
    s3 = client("s3")
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
    body = b"".join(b"%d,x\n" % n for n in range(200_000))
    s3.put_object(Bucket=bucket, Key="secret.csv", Body=body, **key)
    ask = {
        "Bucket": bucket,
        "Key": "secret.csv",
        "Expression": "SELECT COUNT(*), MAX(_1) FROM S3Object",
        "ExpressionType": "SQL",
        "InputSerialization": {"CSV": {}},
        "OutputSerialization": {"CSV": {}},
    }
    events = list(s3.select_object_content(**ask, **key)["Payload"])
    assert [each["Records"]["Payload"] for each in events if "Records" in each] == [b"200000,199999\n"]
    with pytest.raises(ClientError):
        s3.select_object_content(**ask)


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("SELECT", "ParseEmptySelect"),
        ("SELECT *", "ParseSelectMissingFrom"),
        ("SELECT * FROM S3Object WHERE", "ParseUnexpectedToken"),
        ("SELECT * FROM S3Object WHERE name = 'x", "LexerInvalidLiteral"),
        ("SELECT * FROM S3Object WHERE name ~ 'x'", "LexerInvalidChar"),
        ("SELECT NOSUCH(name) FROM S3Object", "UnsupportedFunction"),
        ("SELECT UPPER(name, id) FROM S3Object", "EvaluatorInvalidArguments"),
        ("SELECT nosuch FROM S3Object", "MissingHeaders"),
        ("SELECT _0 FROM S3Object", "InvalidColumnIndex"),
        ("SELECT name FROM S3Object GROUP BY name", "UnsupportedSqlStructure"),
        ("SELECT name FROM S3Object ORDER BY name", "UnsupportedSqlStructure"),
        ("SELECT name, COUNT(*) FROM S3Object", "UnsupportedSqlStructure"),
        ("SELECT name FROM elsewhere", "InvalidTableAlias"),
        ("UPDATE S3Object SET a = 1", "UnsupportedSqlOperation"),
        ("SELECT CAST(name AS INT) FROM S3Object", "CastFailed"),
        ("SELECT CAST(name AS BLOB) FROM S3Object", "ParseExpectedTypeName"),
    ],
)
def test_wrong_expressions(select: Callable[..., str], expression: str, code: str) -> None:
    # Each is refused before anything is answered, by S3's name for it.
    assert code_of(select, "people.csv", expression, USE) == code


def test_wrong_requests(select: Callable[..., str], client: Client, bucket: str) -> None:
    # The frame around the expression.
    every = "SELECT * FROM S3Object"
    assert code_of(select, "people.csv", every, {"CompressionType": "NONE"}) == "MissingRequiredParameter"
    assert code_of(select, "people.csv", every, {**USE, **LINES}) == "ObjectSerializationConflict"
    assert code_of(select, "people.csv", every, {"CSV": {"FileHeaderInfo": "SOME"}}) == "InvalidFileHeaderInfo"
    assert code_of(select, "people.csv", every, {"JSON": {"Type": "TREE"}}) == "InvalidJsonType"
    assert code_of(select, "people.csv", every, {**USE, "CompressionType": "ZIP"}) == "InvalidCompressionFormat"
    assert code_of(select, "people.csv", every, {**USE, "CompressionType": "GZIP"}) == "TruncatedInput"
    assert code_of(select, "people.csv", every, LINES) == "JSONParsingError"
    assert code_of(select, "people.csv", every, {"Parquet": {}}) == "NotImplemented"
    assert code_of(select, "nobody.csv", every, USE) == "NoSuchKey"
    with pytest.raises(ClientError, match="InvalidExpressionType"):
        client("s3").select_object_content(
            Bucket=bucket,
            Key="people.csv",
            Expression=every,
            ExpressionType="XPATH",
            InputSerialization=USE,
            OutputSerialization={"CSV": {}},
        )
