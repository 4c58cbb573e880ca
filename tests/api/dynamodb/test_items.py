"""Items: put, get, update, delete, their conditions and what they return."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from tests.api.dynamodb.conftest import refused

V = "ValidationException"


def test_every_type_comes_back(table, key):
    """All ten types, nested, byte for byte."""
    item = {
        "p": key, "c": "1", "s": "text ünï", "n": Decimal("-1.50"), "b": b"\x00\xff", "t": True, "f": False, "z": None,
        "l": [1, "two", [None]], "m": {"a": {"b": []}}, "ss": {"a", "b"}, "ns": {Decimal(1), Decimal("2.5")},
        "bs": {b"x"}, "empty": "", "eb": b"",
    }  # fmt: skip
    table.put_item(Item=item)
    got = table.get_item(Key={"p": key, "c": "1"}, ConsistentRead=True)["Item"]
    assert got["n"] == Decimal("-1.5")
    assert got["b"].value == b"\x00\xff"
    assert {k: v for k, v in got.items() if k not in ("b", "eb", "bs")} == {
        k: v for k, v in item.items() if k not in ("b", "eb", "bs")
    }
    assert {each.value for each in got["bs"]} == {b"x"}


def test_a_missing_item_is_no_error(table, key):
    """GetItem without Item; DeleteItem of nothing."""
    assert "Item" not in table.get_item(Key={"p": key, "c": "never"})
    assert "Attributes" not in table.delete_item(Key={"p": key, "c": "never"}, ReturnValues="ALL_OLD")


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("1", "1"), ("1.0", "1"), ("100", "100"), ("1e3", "1000"), ("0.00", "0"), ("-0", "0"), ("1e-3", "0.001"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("9.9999999999999999999999999999999999999E+125", "9.9999999999999999999999999999999999999E+125"),
    ],
)  # fmt: skip
def test_numbers_are_kept_exactly(dynamodb, table, key, number, shown):
    """38 digits, no floats, canonical form on the way out."""
    dynamodb.put_item(TableName=table.name, Item={"p": {"S": key}, "c": {"S": "n"}, "v": {"N": number}})
    got = dynamodb.get_item(TableName=table.name, Key={"p": {"S": key}, "c": {"S": "n"}})["Item"]["v"]["N"]
    assert Decimal(got) == Decimal(shown)
    if "E" not in shown:
        assert got == shown


@pytest.mark.parametrize(
    ("value", "phrase"),
    [
        ({"N": "1" * 39}, "more than 38 significant digits"),
        ({"N": "1e126"}, "Number overflow"),
        ({"N": "1e-131"}, "Number underflow"),
        ({"N": "abc"}, "cannot be converted to a numeric value"),
        ({"N": ""}, "cannot be converted to a numeric value"),
        ({"SS": []}, "set  may not be empty"),
        ({"SS": ["a", "a"]}, "duplicates"),
        ({"NS": ["1", "1.0"]}, "duplicates"),
        ({"SS": ["a"], "S": "b"}, "contains more than one"),
        ({}, "must contain exactly one"),
    ],
)
def test_bad_values(dynamodb, table, key, value, phrase):
    """AWS's phrases for what is no value."""
    item = {"p": {"S": key}, "c": {"S": "x"}, "v": value}
    import botocore.exceptions

    try:
        dynamodb.put_item(TableName=table.name, Item=item)
    except botocore.exceptions.ParamValidationError:
        pytest.skip("botocore refuses it first")
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == V
        if phrase not in ("set  may not be empty", "must contain exactly one", "contains more than one"):
            assert phrase.lower() in error.response["Error"]["Message"].lower()
    else:
        raise AssertionError("it was accepted")


def test_keys_are_checked(table, key):
    """Missing, extra, wrongly typed and empty key attributes."""
    refused(V, table.put_item, "Missing the key c in the item", Item={"p": key})
    refused(V, table.put_item, "Type mismatch for key c expected: S actual: N", Item={"p": key, "c": 1})
    refused(V, table.put_item, "empty string", Item={"p": key, "c": ""})
    refused(V, table.get_item, "The provided key element does not match the schema", Key={"p": key})
    refused(V, table.get_item, "The provided key element does not match the schema", Key={"p": key, "c": 1})
    refused(V, table.get_item, "The provided key element does not match the schema", Key={"p": key, "c": "1", "x": "1"})
    refused(V, table.put_item, "2048 bytes", Item={"p": "x" * 2049, "c": "1"})
    refused(V, table.put_item, "1024 bytes", Item={"p": key, "c": "x" * 1025})


def test_an_item_is_at_most_400_kb(table, key):
    """Names count as well as values."""
    table.put_item(Item={"p": key, "c": "big", "v": "x" * (400 * 1024 - len(key) - 6)})
    refused(V, table.put_item, "Item size has exceeded", Item={"p": key, "c": "big", "v": "x" * (400 * 1024)})
    grown = {"UpdateExpression": "SET w = :w", "ExpressionAttributeValues": {":w": "x" * 1000}}
    refused(V, table.update_item, "Item size to update has exceeded", Key={"p": key, "c": "big"}, **grown)


def test_unknown_tables(dynamodb):
    """ResourceNotFoundException, whatever is asked."""
    name, where = "no-such-table", {"p": {"S": "x"}}
    refused("ResourceNotFoundException", dynamodb.get_item, TableName=name, Key=where)
    refused("ResourceNotFoundException", dynamodb.put_item, TableName=name, Item=where)
    refused("ResourceNotFoundException", dynamodb.describe_table, f"Table: {name} not found", TableName=name)
    refused("ResourceNotFoundException", dynamodb.scan, TableName=name)


def test_return_values_of_put_and_delete(table, key):
    """NONE or ALL_OLD, nothing else."""
    where = {"p": key, "c": "1"}
    assert "Attributes" not in table.put_item(Item={**where, "a": 1})
    assert table.put_item(Item={**where, "a": 2}, ReturnValues="ALL_OLD")["Attributes"]["a"] == 1
    refused(V, table.put_item, "ReturnValues", Item=where, ReturnValues="ALL_NEW")
    assert table.delete_item(Key=where, ReturnValues="ALL_OLD")["Attributes"]["a"] == 2
    refused(V, table.delete_item, "ReturnValues", Key=where, ReturnValues="UPDATED_OLD")


def test_return_values_of_update(table, key):
    """All five kinds, of exactly the paths that changed."""
    where = {"p": key, "c": "1"}
    table.put_item(Item={**where, "a": 1, "b": 2, "m": {"x": 1, "y": 2}})

    def update(kind, expression, **values):
        return table.update_item(
            Key=where, UpdateExpression=expression, ReturnValues=kind,
            **({"ExpressionAttributeValues": {f":{k}": v for k, v in values.items()}} if values else {}),
        ).get("Attributes")  # fmt: skip

    assert update("NONE", "SET a = :v", v=2) is None
    assert update("UPDATED_OLD", "SET a = :v, n = :v", v=3) == {"a": 2}
    assert update("UPDATED_NEW", "SET a = :v, m.x = :v", v=4) == {"a": 4, "m": {"x": 4}}
    assert update("ALL_OLD", "SET a = :v", v=5)["a"] == 4
    new = update("ALL_NEW", "REMOVE b, m.y")
    assert new == {**where, "a": 5, "n": 3, "m": {"x": 4}}
    assert update("UPDATED_NEW", "REMOVE n") is None


@pytest.mark.parametrize(
    ("expression", "values", "after"),
    [
        ("SET a = :v", {":v": 7}, {"a": 7}),
        ("SET a = a + :v", {":v": 7}, {"a": 8}),
        ("SET a = a - :v", {":v": Decimal("0.5")}, {"a": Decimal("0.5")}),
        ("SET n = if_not_exists(n, :v) + :v", {":v": 3}, {"n": 6}),
        ("SET a = if_not_exists(a, :v)", {":v": 3}, {"a": 1}),
        ("SET l = list_append(l, :v)", {":v": [3]}, {"l": [1, 2, 3]}),
        ("SET l = list_append(:v, l)", {":v": [0]}, {"l": [0, 1, 2]}),
        ("SET l[0] = :v", {":v": 9}, {"l": [9, 2]}),
        ("SET l[7] = :v", {":v": 9}, {"l": [1, 2, 9]}),
        ("REMOVE l[0]", {}, {"l": [2]}),
        ("REMOVE l[0], l[1]", {}, {"l": []}),
        ("SET m.k.z = :v", {":v": 9}, {"m": {"k": {"z": 9}}}),
        ("ADD a :v", {":v": 2}, {"a": 3}),
        ("ADD fresh :v", {":v": 2}, {"fresh": 2}),
        ("ADD ss :v", {":v": {"c"}}, {"ss": {"a", "b", "c"}}),
        ("DELETE ss :v", {":v": {"a", "z"}}, {"ss": {"b"}}),
        ("DELETE ss :v", {":v": {"a", "b"}}, {"ss": None}),
        ("SET a = :v REMOVE l ADD n :v DELETE ss :s", {":v": 5, ":s": {"a"}}, {"a": 5, "l": None, "n": 5, "ss": {"b"}}),
        ("SET x = a, a = :v", {":v": 5}, {"x": 1, "a": 5}),
    ],
)
def test_update_expressions(table, key, expression, values, after):
    """What each clause does; right-hand sides see the item as it was."""
    where = {"p": key, "c": "1"}
    table.put_item(Item={**where, "a": 1, "l": [1, 2], "m": {"k": {}}, "ss": {"a", "b"}})
    more = {"ExpressionAttributeValues": values} if values else {}
    got = table.update_item(Key=where, UpdateExpression=expression, ReturnValues="ALL_NEW", **more)["Attributes"]
    for name, value in after.items():
        assert got.get(name) == value


@pytest.mark.parametrize(
    ("expression", "values", "phrase"),
    [
        ("", {}, "The expression can not be empty"),
        ("SET a", {}, "Syntax error"),
        ("SET a = ", {}, "Syntax error"),
        ("FOO a = :v", {":v": 1}, "Syntax error"),
        ("SET a = :missing", {}, "attribute value used in expression is not defined; attribute value: :missing"),
        ("SET #x = :v", {":v": 1}, "attribute name used in the document path is not defined; attribute name: #x"),
        ("SET a = :v", {":v": 1, ":w": 1}, "unused in expressions: keys: {:w}"),
        ("SET a = :v SET b = :v", {":v": 1}, 'The "SET" section can only be used once'),
        ("SET a = :v, a = :v", {":v": 1}, "Two document paths overlap"),
        ("SET a.b = :v, a = :v", {":v": 1}, "Two document paths overlap"),
        ("SET a[0] = :v, a.b = :v", {":v": 1}, "Two document paths conflict"),
        ("SET p = :v", {":v": "x"}, "Cannot update attribute p. This attribute is part of the key"),
        ("SET comment = :v", {":v": 1}, "reserved keyword: comment"),
        ("SET a = nope(:v)", {":v": 1}, "Invalid function name; function: nope"),
        ("SET nothere = absent1", {}, "attribute that does not exist in the item"),
        ("SET nothere.x = :v", {":v": 1}, "document path provided in the update expression is invalid for update"),
        ("SET s = s + :v", {":v": 1}, "incorrect data type"),
        ("ADD s :v", {":v": 1}, "incorrect data type"),
        ("ADD s :v", {":v": "x"}, "incorrect operand type"),
        ("DELETE a :v", {":v": 1}, "incorrect operand type"),
    ],
)
def test_wrong_update_expressions(table, key, expression, values, phrase):
    """AWS's phrases."""
    where = {"p": key, "c": "1"}
    table.put_item(Item={**where, "a": 1, "s": "text"})
    more = {"ExpressionAttributeValues": values} if values else {}
    refused(V, table.update_item, phrase, Key=where, UpdateExpression=expression, **more)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("attribute_exists(a)", True),
        ("attribute_not_exists(a)", False),
        ("attribute_exists(m.x)", True),
        ("attribute_exists(m.y)", False),
        ("attribute_type(a, :N)", True),
        ("attribute_type(s, :N)", False),
        ("begins_with(s, :te)", True),
        ("contains(s, :ex)", True),
        ("contains(ss, :one)", True),
        ("contains(l, :two)", True),
        ("size(s) = :four", True),
        ("size(l) > :two", False),
        ("a = :one_n", True),
        ("a <> :one_n", False),
        ("a < :two", True),
        ("a <= :one_n", True),
        ("a > :two", False),
        ("a BETWEEN :one_n AND :two", True),
        ("a IN (:two, :one_n)", True),
        ("NOT a = :one_n", False),
        ("a = :two OR s = :text", True),
        ("a = :two AND s = :text", False),
        ("NOT (a = :two OR a = :one_n) OR a = :one_n", True),
        ("absent1 = :one_n", False),
        ("absent1 <> :one_n", True),
        ("m = :m", True),
        ("l[0] = :one_n", True),
        ("l[9] = :one_n", False),
        ("s > :one_n", False),
        ("a = :two OR a = :one_n AND s = :no", False),
        ("(a = :two OR a = :one_n) AND s = :text", True),
    ],
)
def test_conditions(table, key, condition, holds):
    """Every comparison, function and connective."""
    where = {"p": key, "c": "1"}
    table.put_item(Item={**where, "a": 1, "s": "text", "ss": {"one"}, "l": [1, 2], "m": {"x": 1}})
    pool = {
        ":N": "N", ":te": "te", ":ex": "ex", ":one": "one", ":two": 2, ":four": 4, ":one_n": 1, ":text": "text",
        ":m": {"x": 1}, ":no": "no",
    }  # fmt: skip
    import re

    values = {name: pool[name] for name in set(re.findall(r":\w+", condition))}
    more = {"ExpressionAttributeValues": values} if values else {}
    put = {"Item": {**where, "done": True}, "ConditionExpression": condition, **more}
    if holds:
        table.put_item(**put)
        assert table.get_item(Key=where)["Item"]["done"]
    else:
        refused("ConditionalCheckFailedException", table.put_item, "The conditional request failed", **put)
        assert "done" not in table.get_item(Key=where)["Item"]


@pytest.mark.parametrize(
    ("condition", "values", "phrase"),
    [
        ("", {}, "The expression can not be empty"),
        ("a", {}, "Syntax error"),
        ("a = ", {}, "Syntax error"),
        ("a = :v AND", {":v": 1}, "Syntax error"),
        ("a == :v", {":v": 1}, "Syntax error"),
        ("contains(a)", {}, "Incorrect number of operands"),
        ("nofunction(a)", {}, "Invalid function name"),
        ("attribute_exists(:v)", {":v": 1}, "Operator or function requires a document path"),
        ("size(a)", {}, "not allowed to be used this way"),
        ("a BETWEEN :hi AND :lo", {":hi": 2, ":lo": 1}, "upper bound to be greater than or equal to lower bound"),
        ("a BETWEEN :hi AND :lo", {":hi": 2, ":lo": "1"}, "same data type"),
        ("attribute_type(a, :v)", {":v": "XX"}, "Invalid attribute type name found"),
        ("begins_with(a, :v)", {":v": 1}, "Incorrect operand type"),
    ],
)
def test_wrong_conditions(table, key, condition, values, phrase):
    """AWS's phrases."""
    more = {"ExpressionAttributeValues": values} if values else {}
    refused(V, table.put_item, phrase, Item={"p": key, "c": "1"}, ConditionExpression=condition, **more)


def test_the_item_that_failed_comes_with_the_error(table, key):
    """ReturnValuesOnConditionCheckFailure."""
    where = {"p": key, "c": "1"}
    table.put_item(Item={**where, "a": 1})
    told = refused(
        "ConditionalCheckFailedException", table.delete_item, Key=where, ConditionExpression="attribute_not_exists(p)",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )  # fmt: skip
    assert told["Item"]["a"] == {"N": "1"}


def test_projections(table, key):
    """Paths, nested and by index; only what is there."""
    where = {"p": key, "c": "1"}
    table.put_item(Item={**where, "a": 1, "l": [1, {"x": 2, "y": 3}, 4], "m": {"k": 1, "j": 2}})

    def project(expression, **names):
        more = {"ExpressionAttributeNames": names} if names else {}
        return table.get_item(Key=where, ProjectionExpression=expression, **more)["Item"]

    assert project("a, m.k") == {"a": 1, "m": {"k": 1}}
    assert project("l[2], l[1].x") == {"l": [{"x": 2}, 4]}
    assert project("#a", **{"#a": "a"}) == {"a": 1}
    assert project("absent1") == {}
    refused(V, table.get_item, "overlap", Key=where, ProjectionExpression="m, m.k")
    unused = {"#a": "a", "#b": "b"}
    refused(
        V,
        table.get_item,
        "unused in expressions",
        Key=where,
        ProjectionExpression="#a",
        ExpressionAttributeNames=unused,
    )


def test_legacy_parameters(table, key):
    """AttributeUpdates and Expected, as old programs use them; not together with expressions."""
    where = {"p": key, "c": "1"}
    table.put_item(Item={**where, "n": 1})
    updates = {"n": {"Action": "ADD", "Value": 2}, "new": {"Value": "x"}, "gone": {"Action": "DELETE"}}
    got = table.update_item(Key=where, AttributeUpdates=updates, ReturnValues="ALL_NEW")["Attributes"]
    assert got == {**where, "n": 3, "new": "x"}
    expected = {"n": {"ComparisonOperator": "GE", "AttributeValueList": [3]}, "gone": {"Exists": False}}
    table.put_item(Item={**where, "n": 4}, Expected=expected)
    refused("ConditionalCheckFailedException", table.put_item, Item=where, Expected={"n": {"Value": 99}})
    mixed = {"Expected": {"n": {"Value": 4}}, "ConditionExpression": "attribute_exists(n)"}
    refused(V, table.put_item, "Can not use both expression and non-expression parameters", Item=where, **mixed)


def test_consumed_capacity(make_table):
    """Units by size: 4 KB reads (half when eventual), 1 KB writes, each index by itself."""
    gsi = {
        "IndexName": "byx",
        "KeySchema": [{"AttributeName": "x", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    table = make_table(attributes={"x": "S"}, GlobalSecondaryIndexes=[gsi])
    put = table.put_item(Item={"p": "a", "c": "1", "x": "k", "v": "x" * 1500}, ReturnConsumedCapacity="INDEXES")
    assert put["ConsumedCapacity"]["Table"]["CapacityUnits"] == 2
    assert put["ConsumedCapacity"]["GlobalSecondaryIndexes"]["byx"]["CapacityUnits"] == 2
    assert put["ConsumedCapacity"]["CapacityUnits"] == 4
    where = {"p": "a", "c": "1"}
    assert table.get_item(Key=where, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]["CapacityUnits"] == 0.5
    strong = table.get_item(Key=where, ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
    assert strong["ConsumedCapacity"]["CapacityUnits"] == 1
    assert "ConsumedCapacity" not in table.get_item(Key=where)


def test_concurrent_adds_all_count(table, key):
    """8 x 50 ADD 1 make 400."""
    where = {"p": key, "c": "1"}

    def add(_):
        for _ in range(50):
            table.update_item(Key=where, UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert table.get_item(Key=where, ConsistentRead=True)["Item"]["n"] == 400


def test_a_path_has_at_most_32_elements(table, key):
    """One element more than a value can be deep is refused before the item is looked at."""
    where = {"p": key, "c": "deep"}
    assert "Item" not in table.get_item(Key=where, ProjectionExpression="a" + ".b" * 31)
    refused(V, table.get_item, "nesting levels: 33", Key=where, ProjectionExpression="a" + ".b" * 32)
