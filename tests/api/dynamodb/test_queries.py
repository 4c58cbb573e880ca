"""Query, Scan, batches and transactions: order, pages, indexes, limits."""

from __future__ import annotations

from decimal import Decimal

import pytest
from boto3.dynamodb.conditions import Attr, Key

from tests.api.dynamodb.conftest import refused

V = "ValidationException"


@pytest.fixture(scope="module")
def filled(make_table):
    """Twenty items in partition "a" with an LSI and a sparse GSI, five in "b"."""
    table = make_table(
        attributes={"x": "N", "g": "S"},
        LocalSecondaryIndexes=[
            {
                "IndexName": "byx",
                "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "x", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["extra"]},
            }
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "byg",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}, {"AttributeName": "x", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    with table.batch_writer() as batch:
        for n in range(20):
            item = {"p": "a", "c": f"{n:02d}", "x": 19 - n, "extra": n, "other": "o"}
            batch.put_item(Item=item | ({"g": "even"} if n % 2 == 0 else {}))
        for n in range(5):
            batch.put_item(Item={"p": "b", "c": f"{n:02d}"})
    return table


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (Key("c").eq("05"), ["05"]),
        (Key("c").lt("03"), ["00", "01", "02"]),
        (Key("c").lte("02"), ["00", "01", "02"]),
        (Key("c").gt("17"), ["18", "19"]),
        (Key("c").gte("18"), ["18", "19"]),
        (Key("c").between("04", "06"), ["04", "05", "06"]),
        (Key("c").begins_with("1"), [f"{n}" for n in range(10, 20)]),
    ],
)
def test_key_conditions(filled, condition, found):
    """Every comparison of a sort key."""
    got = filled.query(KeyConditionExpression=Key("p").eq("a") & condition)
    assert [item["c"] for item in got["Items"]] == found
    assert got["Count"] == got["ScannedCount"] == len(found)


def test_order_and_pages(filled):
    """Forwards and backwards, page by page, each item once."""
    for forward in (True, False):
        found, start = [], None
        while True:
            more = {"ExclusiveStartKey": start} if start else {}
            page = filled.query(
                KeyConditionExpression=Key("p").eq("a"), Limit=3, ScanIndexForward=forward, ConsistentRead=True, **more
            )
            assert page["Count"] <= 3
            found += [item["c"] for item in page["Items"]]
            start = page.get("LastEvaluatedKey")
            if start is None:
                break
        assert found == sorted(found, reverse=not forward)
        assert len(found) == 20


def test_filters_count_what_they_read(filled):
    """A filter is applied after the read: ScannedCount tells, Limit counts before it."""
    got = filled.query(KeyConditionExpression=Key("p").eq("a"), FilterExpression=Attr("extra").lt(5))
    assert (got["Count"], got["ScannedCount"]) == (5, 20)
    page = filled.query(KeyConditionExpression=Key("p").eq("a"), FilterExpression=Attr("extra").gt(18), Limit=5)
    assert page["Count"] == 0
    assert page["LastEvaluatedKey"] == {"p": "a", "c": "04"}
    assert filled.query(KeyConditionExpression=Key("p").eq("a"), Select="COUNT")["Count"] == 20
    refused(
        V,
        filled.query,
        "primary key attribute",
        KeyConditionExpression=Key("p").eq("a"),
        FilterExpression=Attr("c").eq("1"),
    )


def test_a_local_index(filled):
    """Sorted by its own key; what it doesn't project is fetched when asked for."""
    got = filled.query(IndexName="byx", KeyConditionExpression=Key("p").eq("a") & Key("x").lt(3))
    assert [item["x"] for item in got["Items"]] == [0, 1, 2]
    assert set(got["Items"][0]) == {"p", "c", "x", "extra"}
    whole = filled.query(
        IndexName="byx", KeyConditionExpression=Key("p").eq("a") & Key("x").eq(0), Select="ALL_ATTRIBUTES"
    )
    assert whole["Items"][0]["other"] == "o"


def test_a_global_index(filled):
    """Sparse: only items that have its key; no consistent reads; only what it projects."""
    got = filled.query(IndexName="byg", KeyConditionExpression=Key("g").eq("even"), ScanIndexForward=False)
    assert [item["x"] for item in got["Items"]] == sorted((Decimal(19 - n) for n in range(0, 20, 2)), reverse=True)
    assert set(got["Items"][0]) == {"p", "c", "x", "g"}
    assert filled.scan(IndexName="byg")["Count"] == 10
    even = Key("g").eq("even")
    strong = {"IndexName": "byg", "KeyConditionExpression": even, "ConsistentRead": True}
    refused(V, filled.query, "Consistent reads are not supported on global secondary indexes", **strong)
    everything = {"IndexName": "byg", "KeyConditionExpression": even, "Select": "ALL_ATTRIBUTES"}
    refused(V, filled.query, "ALL_ATTRIBUTES", **everything)
    refused(V, filled.query, "does not have the specified index", IndexName="nope", KeyConditionExpression=even)


def test_an_index_follows_its_table(make_table):
    """Changed and deleted items leave the index they were in."""
    gsi = {
        "IndexName": "byg",
        "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    table = make_table(attributes={"g": "S"}, GlobalSecondaryIndexes=[gsi])
    table.put_item(Item={"p": "a", "c": "1", "g": "x"})
    table.update_item(Key={"p": "a", "c": "1"}, UpdateExpression="SET g = :g", ExpressionAttributeValues={":g": "y"})
    assert table.query(IndexName="byg", KeyConditionExpression=Key("g").eq("x"))["Count"] == 0
    assert table.query(IndexName="byg", KeyConditionExpression=Key("g").eq("y"))["Count"] == 1
    refused(V, table.put_item, "Type mismatch for Index Key g", Item={"p": "a", "c": "2", "g": 5})
    refused(V, table.put_item, "Index Key", Item={"p": "a", "c": "2", "g": ""})
    table.delete_item(Key={"p": "a", "c": "1"})
    assert table.scan(IndexName="byg")["Count"] == 0


@pytest.mark.parametrize(
    ("more", "phrase"),
    [
        (
            {"KeyConditionExpression": "c = :v", "ExpressionAttributeValues": {":v": "1"}},
            "missed key schema element: p",
        ),
        ({"KeyConditionExpression": "p > :v", "ExpressionAttributeValues": {":v": "1"}}, "key condition not supported"),
        ({"KeyConditionExpression": "p = :v OR c = :v", "ExpressionAttributeValues": {":v": "1"}}, "OR"),
        (
            {"KeyConditionExpression": "p = :v AND x = :v", "ExpressionAttributeValues": {":v": "1"}},
            "missed key schema element",
        ),
        ({"KeyConditionExpression": "p = :v", "ExpressionAttributeValues": {":v": 1}}, "type"),
        ({}, "KeyConditions or KeyConditionExpression"),
        (
            {"KeyConditionExpression": Key("p").eq("a"), "ExclusiveStartKey": {"p": "a"}},
            "The provided starting key is invalid",
        ),
    ],
)
def test_wrong_queries(filled, more, phrase):
    """AWS's phrases."""
    refused(V, filled.query, phrase, **more)


def test_scans(filled):
    """All items, in segments that cover each once."""
    assert filled.scan()["Count"] == 25
    seen = []
    for segment in range(4):
        seen += [(i["p"], i["c"]) for i in filled.scan(Segment=segment, TotalSegments=4)["Items"]]
    assert sorted(seen) == sorted((i["p"], i["c"]) for i in filled.scan()["Items"])
    refused(V, filled.scan, "Segment", Segment=4, TotalSegments=4)
    refused(V, filled.scan, "TotalSegments", Segment=0)


def test_a_page_is_a_megabyte(make_table):
    """Twenty items of 100 KB need two pages at least, with or without a Limit."""
    table = make_table()
    for n in range(20):
        table.put_item(Item={"p": "a", "c": f"{n:02d}", "v": "x" * 100_000})
    page = table.query(KeyConditionExpression=Key("p").eq("a"))
    assert 10 <= page["Count"] <= 11
    assert "LastEvaluatedKey" in page
    assert table.scan()["Count"] <= 11


def test_numbers_sort_as_numbers(make_table):
    """Negative before positive, 9 before 10."""
    table = make_table(sort="N")
    numbers = [Decimal(n) for n in ("-100", "-9.5", "-1", "0", "0.001", "1", "9", "10", "1e20")]
    for n in reversed(numbers):
        table.put_item(Item={"p": "a", "c": n})
    assert [i["c"] for i in table.query(KeyConditionExpression=Key("p").eq("a"))["Items"]] == numbers
    got = table.query(KeyConditionExpression=Key("p").eq("a") & Key("c").between(-2, 9))["Items"]
    assert [i["c"] for i in got] == [-1, 0, Decimal("0.001"), 1, 9]


def test_bytes_sort_unsigned(make_table):
    """0x7f before 0x80."""
    table = make_table(sort="B")
    for value in (b"\x80", b"\x7f", b"\x00", b"\xff\x00", b"\xff"):
        table.put_item(Item={"p": "a", "c": value})
    got = [i["c"].value for i in table.query(KeyConditionExpression=Key("p").eq("a"))["Items"]]
    assert got == [b"\x00", b"\x7f", b"\x80", b"\xff", b"\xff\x00"]


def test_batches(dynamodb, table, key):
    """25 writes, 100 reads; duplicates and too many are refused."""
    name = table.name

    def put(n):
        return {"PutRequest": {"Item": {"p": {"S": key}, "c": {"S": f"{n:03d}"}}}}

    def where(n):
        return {"p": {"S": key}, "c": {"S": f"{n:03d}"}}

    for start in range(0, 100, 25):
        done = dynamodb.batch_write_item(RequestItems={name: [put(n) for n in range(start, start + 25)]})
        assert done["UnprocessedItems"] == {}
    got = dynamodb.batch_get_item(RequestItems={name: {"Keys": [where(n) for n in range(100)], "ConsistentRead": True}})
    assert len(got["Responses"][name]) == 100
    refused(V, dynamodb.batch_write_item, "less than or equal to 25", RequestItems={name: [put(n) for n in range(26)]})
    refused(V, dynamodb.batch_write_item, "contains duplicates", RequestItems={name: [put(1), put(1)]})
    refused(
        V,
        dynamodb.batch_get_item,
        "less than or equal to 100",
        RequestItems={name: {"Keys": [where(n) for n in range(101)]}},
    )
    refused(V, dynamodb.batch_get_item, "contains duplicates", RequestItems={name: {"Keys": [where(1), where(1)]}})
    gone = {"no-such-table": {"Keys": [where(1)]}}
    refused("ResourceNotFoundException", dynamodb.batch_get_item, RequestItems=gone)


def test_transactions(dynamodb, table, key):
    """All or nothing, with a reason for each; a token makes a repeat harmless."""
    name = table.name

    def where(c):
        return {"p": {"S": key}, "c": {"S": c}}

    def put(c, **more):
        return {"Put": {"TableName": name, "Item": where(c), **more}}

    dynamodb.transact_write_items(TransactItems=[put("1"), put("2")])
    check = {"ConditionCheck": {"TableName": name, "Key": where("9"), "ConditionExpression": "attribute_exists(p)"}}
    told = refused("TransactionCanceledException", dynamodb.transact_write_items, "[None, ConditionalCheckFailed]",
                   TransactItems=[put("3"), check])  # fmt: skip
    assert [reason["Code"] for reason in told["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert "Item" not in dynamodb.get_item(TableName=name, Key=where("3"))
    twice = [put("4"), {"Delete": {"TableName": name, "Key": where("4")}}]
    refused(V, dynamodb.transact_write_items, "multiple operations on one item", TransactItems=twice)
    count = {
        "Update": {
            "TableName": name, "Key": where("n"), "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }  # fmt: skip
    for _ in range(2):
        dynamodb.transact_write_items(TransactItems=[count], ClientRequestToken=f"token-{key}")
    other = {"TransactItems": [put("5")], "ClientRequestToken": f"token-{key}"}
    refused("IdempotentParameterMismatchException", dynamodb.transact_write_items, **other)
    got = dynamodb.transact_get_items(
        TransactItems=[{"Get": {"TableName": name, "Key": where(c)}} for c in ("n", "1", "absent")]
    )["Responses"]
    assert got[0]["Item"]["n"] == {"N": "1"}
    assert "Item" in got[1]
    assert "Item" not in got[2]


def test_partiql(dynamodb, table, key):
    """Insert, select, update, delete; parameters; batches tell of each."""
    name = table.name

    def run(statement, *parameters, **more):
        given = {"Parameters": list(parameters)} if parameters else {}
        return dynamodb.execute_statement(Statement=statement.replace("TABLE", f'"{name}"', 1), **given, **more)

    run("INSERT INTO TABLE VALUE {'p': ?, 'c': '1', 'n': 1, 'l': [1, 'x'], 's': <<'a', 'b'>>}", {"S": key})
    refused("DuplicateItemException", run, statement=f"INSERT INTO TABLE VALUE {{'p': '{key}', 'c': '1'}}")
    got = run("SELECT n, l[1] FROM TABLE WHERE p = ? AND c = '1'", {"S": key})["Items"]
    assert got[0]["n"] == {"N": "1"}
    new = run("UPDATE TABLE SET n = n + 1 WHERE p = ? AND c = '1' RETURNING ALL NEW *", {"S": key})["Items"]
    assert new[0]["n"] == {"N": "2"}
    run("DELETE FROM TABLE WHERE p = ? AND c = '1'", {"S": key})
    assert run("SELECT * FROM TABLE WHERE p = ?", {"S": key})["Items"] == []
    refused(V, run, statement="SELEC * FROM TABLE")
    both = [
        {"Statement": f"INSERT INTO \"{name}\" VALUE {{'p': '{key}', 'c': '2'}}"},
        {"Statement": f"UPDATE \"{name}\" SET n = 1 WHERE p = '{key}' AND c = 'absent'"},
    ]
    told = dynamodb.batch_execute_statement(Statements=both)["Responses"]
    assert "Error" not in told[0]
    assert told[1]["Error"]["Code"] == "ConditionalCheckFailed"
