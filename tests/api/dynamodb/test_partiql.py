"""PartiQL as DynamoDB reads it: what statements may look like, and what it says of those that it refuses.

The words are AWS's own, as captured from it by those who measured.
"""

# ruff: noqa: E501  a statement and what is said of it are read on one line

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.dynamodb.conftest import refused

V = "ValidationException"
BAD = "Statement wasn't well formed, can't be processed: "
REST = BAD + "Unexpected token after expression"


def named(statement: str, table: str) -> str:
    """The statement, with T as the table's name."""
    return re.sub(r"\bT\b", f'"{table}"', statement, count=1)


@pytest.fixture(scope="module")
def numbered(make_table) -> Any:
    """A table whose key is a number."""
    return make_table(sort=None, hash_type="N").name


@pytest.fixture(scope="module")
def indexed(make_table) -> Any:
    """A table with a global and a local index that don't hold everything."""
    part = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x"]}
    return make_table(
        attributes={"g": "S", "l": "S"},
        GlobalSecondaryIndexes=[
            {"IndexName": "gsi", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": part}
        ],
        LocalSecondaryIndexes=[
            {
                "IndexName": "lsi", "Projection": part,
                "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "l", "KeyType": "RANGE"}],
            }
        ],
    ).name  # fmt: skip


REFUSED = [
    ("SELECT * FROM T WHERE p = 1 foo", REST),
    ("SELECT * FROM T WHERE p = 1 e5", REST),
    ("SELECT * FROM T WHERE p = 1)", REST),
    ("INSERT INTO T VALUE {'p': 1} foo", REST),
    ("INSERT INTO T t VALUE {'p': 1}", REST),
    ("DELETE FROM T WHERE p = 1 ORDER BY p", REST),
    ("SELECT * FROM T ORDER BY p WHERE p = 1", REST),
    ("SELECT * FROM T WHERE p = 1e2147483648", BAD),
    ("SELECT * FROM T WHERE p = 1.5e-2147483647", BAD),
    ("SELECT * FROM T WHERE p = 1 # note", BAD),
    ("SELECT * FROM T WHERE p = 1 /* note", BAD),
    ("SLECT * FROM T", BAD + "Expected data manipulation"),
    ("SELECT * FROM T t WHERE p = 1", "Aliasing is not supported"),
    ("UPDATE T AS t SET a = 1 WHERE p = 1", "Aliasing is not supported"),
    ("DELETE FROM T t WHERE p = 1", "Aliasing is not supported"),
    ("SELECT * FROM T.a.b WHERE p = 1", "A path may contain at most 2 components in the FROM clause"),
    ('SELECT * FROM T."" WHERE p = 1', "Path component cannot be an empty string"),
    ("SELECT * FROM T WHERE p = 1e126", "Number overflow. Attempting to store a number with magnitude larger than supported range under root"),
    ("INSERT INTO T VALUE {'p': 1, 'm': {'x': [1, 1e126]}}", "Number overflow. Attempting to store a number with magnitude larger than supported range under root.x[1]"),
    ("DELETE FROM T WHERE p = 1 RETURNING MODIFIED OLD *", "Invalid returning clause: RETURNING MODIFIED OLD *. Only RETURNING ALL OLD * is allowed in DELETE statements."),
    ("SELECT * FROM T WHERE p = 1 AND attribute_exists('s')", "Operator or function requires a document path; operator or function: attribute_exists"),
    ("SELECT * FROM T WHERE p = 1 AND attribute_exists()", "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 0"),
    ("SELECT * FROM T WHERE p = 1 AND a < true", "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL"),
    ("UPDATE T SET s = set_add(s, <<>>) WHERE p = 1", "Empty bags are not supported"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "message"), REFUSED)
def test_what_is_refused(dynamodb, numbered, statement, message):
    """A statement that AWS refuses must not run as something else; the message is the whole of AWS's."""
    told = refused(V, dynamodb.execute_statement, message, Statement=named(statement, numbered))
    assert told["Error"]["Message"] == message


PLACED = [
    ("UPDATE T SET t = set_add(s, <<'x'>>) WHERE p = 1", "The first argument to SET_ADD must equal the assignment value at 1:{}:7", "set_add"),
    ("UPDATE T SET s = set_add(s, 'x') WHERE p = 1", "The second argument to SET_ADD must be a value with type SET at 1:{}:1", "s, "),
    ("UPDATE T SET s = set_delete(s) WHERE p = 1", "SET_DELETE must have exactly two arguments at 1:{}:10", "set_delete"),
    ("SELECT * FROM T WHERE p = 1 AND set_add(s, <<'x'>>) = s", "Unrecognized function: set_add at 1:{}:7", "set_add"),
    ("SELECT attribute_exists(s) FROM T", "Unexpected path component at 1:{}:16", "attribute_exists"),
    ("INSERT INTO T VALUE {'p': 1, 's': set_add(<<'a'>>, <<'b'>>)}", "Unsupported data type: set_add under key root at 1:{}:7", "set_add"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "message", "at"), PLACED)
def test_places_of_functions(dynamodb, numbered, statement, message, at):
    """AWS says where in the statement a function stands that it can't have there."""
    statement = named(statement, numbered)
    told = refused(V, dynamodb.execute_statement, "at", Statement=statement)
    assert told["Error"]["Message"] == message.format(statement.index(at) + 1)


def test_forms_that_run(dynamodb, numbered):
    """Comments, exponents, numbers without a leading digit, FROM before SET, sets, functions in WHERE."""

    def run(statement: str) -> list[dict[str, Any]]:
        return dynamodb.execute_statement(Statement=named(statement, numbered))["Items"]

    assert run("INSERT INTO T VALUE {'p': 7.31e6, 's': <<'a', 'b'>>, 'f': true, 'm': {'x': 1}}") == []
    run("INSERT INTO T VALUE {'p': -.73e1}")
    for literal in ("7310000", "7.31E+6", "73100000e-1"):
        assert run(f"-- a note\nSELECT p FROM T /* WHERE */ WHERE p = {literal} -- the end") == [
            {"p": {"N": "7310000"}}
        ]
    assert run("SELECT p FROM T WHERE p = -7.3") == [{"p": {"N": "-7.3"}}]
    for held in ("attribute_exists(m.x) = true", "NOT attribute_exists(y)", "f IS BOOL", "size(s) = 2", "(f = true)"):
        assert len(run(f"SELECT * FROM T WHERE p = 7310000 AND {held}")) == 1, held
    assert run("SELECT * FROM T WHERE p = 7310000 AND attribute_exists(f) = false") == []
    run("UPDATE T SET s = set_add(s, <<'c'>>) SET a = 1 REMOVE m WHERE p = 7310000")
    (new,) = run("from T where p = 7310000 AND a = 1 set s = SET_DELETE(s, <<'a'>>), b = 2 RETURNING ALL NEW *")
    assert (sorted(new["s"]["SS"]), new["b"], "m" in new) == (["b", "c"], {"N": "2"}, False)
    refused("ConditionalCheckFailedException", run, statement="FROM T WHERE p = 99 SET a = 1")


def test_indexes(dynamodb, indexed):
    """A global index gives what it holds, at its own time; a local one fetches the other columns."""
    dynamodb.put_item(
        TableName=indexed, Item={name: {"S": name} for name in ("p", "c", "g", "l", "x", "other", "another")}
    )

    def run(statement: str, **more: Any) -> list[dict[str, Any]]:
        return dynamodb.execute_statement(Statement=named(statement, indexed), **more)["Items"]

    assert run("SELECT x FROM T.gsi WHERE g = 'g'") == [{"x": {"S": "x"}}]
    assert run("SELECT other FROM T.lsi WHERE p = 'p' AND l = 'l'", ConsistentRead=True) == [{"other": {"S": "other"}}]
    invalid = "One or more parameter values were invalid: "
    for statement, message in (
        ("SELECT other, another FROM T.gsi WHERE g = 'g'", invalid + "Global secondary index gsi does not project [other, another]"),
        ("SELECT p FROM T.gsi WHERE g = 'g' AND other = 'o'", invalid + "Secondary index gsi does not project one or more filter attributes: [other]"),
        ("SELECT p FROM T.lsi WHERE p = 'p' AND other = 'o'", invalid + "Secondary index lsi does not project one or more filter attributes: [other]"),
        ("SELECT p FROM T.none WHERE p = 'p'", "The table does not have the specified index"),
    ):  # fmt: skip
        assert refused(V, run, message, statement=statement)["Error"]["Message"] == message
    told = refused(V, run, "Strongly", statement="SELECT * FROM T.gsi WHERE g = 'g'", ConsistentRead=True)
    assert told["Error"]["Message"] == "Strongly consistent read is not supported on Global Secondary Indexes"


def test_batches_and_transactions(dynamodb, numbered):
    """Statements of a batch fail alone; those of a transaction are refused with their number, before any of them runs."""
    where = f'"{numbered}" WHERE p = 4711'
    dynamodb.put_item(TableName=numbered, Item={"p": {"N": "4711"}, "a": {"N": "1"}})
    batch = [
        f"SLECT * FROM {where}",
        f"SELECT * FROM {where}",
        f"SELECT * FROM {where} AND a = 1 AND p > 1",
        f'SELECT * FROM "{numbered}"',
    ]
    told = dynamodb.batch_execute_statement(Statements=[{"Statement": each} for each in batch])["Responses"]
    assert told[0] == {"Error": {"Code": "ValidationError", "Message": BAD + "Expected data manipulation"}}
    assert told[1]["Item"]["a"] == {"N": "1"}
    assert told[3]["Error"]["Message"] == (
        "Select statements within BatchExecuteStatement must specify the primary key in the where clause."
    )

    def transact(*statements: str, **more: Any) -> dict[str, Any]:
        return dynamodb.execute_transaction(TransactStatements=[{"Statement": each} for each in statements], **more)

    for statement, message in (
        (f'UPDATE "{numbered}" SET a = 5 WHERE p = 4711 RETURNING ALL NEW *', "RETURNING clause is not supported in ExecuteTransaction."),
        (f'SELECT * FROM "{numbered}"."i" WHERE g = 1', "Reads on indices are not supported within transactions."),
        (f'SELECT * FROM "{numbered}"', "Select statements within ExecuteTransaction must specify the primary key in the where clause."),
        (f"EXISTS(SELECT * FROM {where})", "EXISTS() must contain a single item read with additional condition"),
    ):  # fmt: skip
        told = refused(V, lambda which=statement: transact(which), message)
        assert told["Error"]["Message"] == f"Validation failed in TransactStatements[0]: {message}"
    update = f'UPDATE "{numbered}" SET a = a + 1 WHERE p = 4711'
    options = {"ClientRequestToken": "once", "ReturnConsumedCapacity": "TOTAL"}
    done = transact(f'EXISTS(SELECT * FROM "{numbered}" WHERE p = 4712 AND attribute_not_exists(p))', update, **options)
    assert done["Responses"] == []
    again = transact(
        f'EXISTS(SELECT * FROM "{numbered}" WHERE p = 4712 AND attribute_not_exists(p))', update, **options
    )
    assert again["ConsumedCapacity"][0]["ReadCapacityUnits"] == 4
    assert dynamodb.get_item(TableName=numbered, Key={"p": {"N": "4711"}})["Item"]["a"] == {"N": "2"}


def test_numbers_of_parameters(dynamodb, numbered):
    """A parameter's number is read as by the older of AWS's checks, whose exponents are of 32 bits."""
    bad = "The parameter cannot be converted to a numeric value"
    small = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
    large = "Number overflow. Attempting to store a number with magnitude larger than supported range"
    for number, message in (
        ("1e99999999999", f"{bad}: 1e99999999999"), ("1e2147483648", f"{bad}: 1e2147483648"), ("", bad),
        ("1e2147483647", small), ("1e126", large), ("1e-131", small),
    ):  # fmt: skip
        statement = named("SELECT * FROM T WHERE p = 1 AND n = ?", numbered)
        told = refused(V, dynamodb.execute_statement, "", Statement=statement, Parameters=[{"N": number}])
        assert told["Error"]["Message"] == message
