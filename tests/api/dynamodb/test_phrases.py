"""What AWS says when a request is wrong: one line per request, with the code and a phrase of the message."""

# ruff: noqa: E501  a request, its code and its phrase are read on one line

from __future__ import annotations

from typing import Any

import pytest

from tests.api.dynamodb.conftest import refused

V = "ValidationException"
S, N = {"S": "x"}, {"N": "1"}
KEY = {"p": {"S": "phrases"}, "c": {"S": "1"}}


@pytest.fixture(scope="module")
def indexed(make_table) -> Any:
    """A table with a local and two global indexes, one of them over several attributes."""
    names = {"l": "S", "g": "S", "n": "N", "h1": "S", "h2": "N", "r1": "S", "r2": "S"}
    return make_table(
        attributes=names,
        LocalSecondaryIndexes=[
            {"IndexName": "local", "KeySchema": _keys("p", "l"), "Projection": {"ProjectionType": "KEYS_ONLY"}}
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "global", "KeySchema": _keys("g", "n"),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x"]},
            },
            {
                "IndexName": "many", "Projection": {"ProjectionType": "ALL"},
                "KeySchema": [
                    {"AttributeName": "h1", "KeyType": "HASH"}, {"AttributeName": "h2", "KeyType": "HASH"},
                    {"AttributeName": "r1", "KeyType": "RANGE"}, {"AttributeName": "r2", "KeyType": "RANGE"},
                ],
            },
        ],
    ).name  # fmt: skip


def _keys(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]


ITEMS = [
    ("put_item", {"Item": {"c": S}}, "One or more parameter values were invalid: Missing the key p in the item"),
    ("put_item", {"Item": {"p": S}}, "Missing the key c in the item"),
    ("put_item", {"Item": {"p": N, "c": S}}, "Type mismatch for key p expected: S actual: N"),
    ("put_item", {"Item": {"p": {"S": ""}, "c": S}}, "cannot contain an empty string value. Key: p"),
    ("put_item", {"Item": {**KEY, "g": N}}, "Type mismatch for Index Key g Expected: S Actual: N IndexName: global"),
    ("put_item", {"Item": {**KEY, "n": S}}, "Type mismatch for Index Key n Expected: N Actual: S IndexName: global"),
    ("put_item", {"Item": {**KEY, "g": {"S": ""}}}, "cannot contain an empty string value. IndexName: global, IndexKey: g"),
    ("put_item", {"Item": {**KEY, "r2": {"S": "x" * 1025}}}, "exceeded the size limit of 1024 bytes"),
    ("put_item", {"Item": {**KEY, "g": {"S": "x" * 2049}}}, "maximum size limit of2048 bytes"),
    ("put_item", {"Item": {"p": {"S": "x" * 2049}, "c": S}}, "Size of hashkey has exceeded the maximum size limit of2048"),
    ("put_item", {"Item": {"p": S, "c": {"S": "x" * 1025}}}, "Aggregated size of all range keys has exceeded"),
    ("put_item", {"Item": KEY, "ReturnValues": "ALL_NEW"}, "ReturnValues can only be ALL_OLD or NONE"),
    ("put_item", {"Item": {**KEY, "a": {"NULL": False}}}, "Null attribute value types must have the value of true"),
    ("put_item", {"Item": {**KEY, "a": {"BS": []}}}, "Binary sets should not be empty"),
    ("put_item", {"Item": {**KEY, "a": {"NS": []}}}, "An number set  may not be empty"),
    ("put_item", {"Item": {**KEY, "a": {"BS": [b"x", b"x"]}}}, "of type BS contains duplicates."),
    ("put_item", {"Item": {**KEY, "a": {"SS": ["x", "x"]}}}, "Input collection [\"x\", \"x\"] contains duplicates."),
    ("put_item", {"Item": {**KEY, "x" * 65536: N}}, "6553"),
    ("put_item", {"Item": KEY, "ConditionalOperator": "OR"}, "ConditionalOperator cannot be used without Filter or Expected"),
    (
        "put_item", {"Item": KEY, "ConditionalOperator": "OR", "Expected": {"a": {"Exists": False}}},
        "ConditionalOperator can only be used when Filter or Expected has two or more elements",
    ),
    ("put_item", {"Item": KEY, "Expected": {"a": {}}}, "Value must be provided when Exists is null for Attribute: a"),
    ("put_item", {"Item": KEY, "Expected": {"a": {"Exists": True}}}, "Value must be provided when Exists is true"),
    ("put_item", {"Item": KEY, "Expected": {"a": {"Exists": False, "Value": S}}}, "Value cannot be used when Exists is false"),
    (
        "put_item", {"Item": KEY, "Expected": {"a": {"Value": S, "AttributeValueList": [S], "ComparisonOperator": "EQ"}}},
        "Value and AttributeValueList cannot be used together for Attribute: a",
    ),
    ("put_item", {"Item": KEY, "Expected": {"a": {"AttributeValueList": [S]}}}, "AttributeValueList can only be used with"),
    (
        "put_item", {"Item": KEY, "Expected": {"a": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [S]}}},
        "Invalid number of argument(s) for the BETWEEN ComparisonOperator",
    ),
    (
        "put_item", {"Item": KEY, "Expected": {"a": {"ComparisonOperator": "LT", "AttributeValueList": [{"L": []}]}}},
        "ComparisonOperator LT is not valid for L AttributeValue type",
    ),
    (
        "put_item",
        {"Item": KEY, "Expected": {"a": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [{"N": "2"}, N]}}},
        "lower bound is greater than the upper bound",
    ),
    (
        "put_item", {"Item": KEY, "Expected": {"a": {"Value": S}}, "ConditionExpression": "attribute_exists(a)"},
        "Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}",
    ),
    (
        "put_item", {"Item": KEY, "ExpressionAttributeNames": {"#a": "a"}},
        "ExpressionAttributeNames can only be specified when using expressions",
    ),
    (
        "put_item", {"Item": KEY, "ExpressionAttributeValues": {":a": S}},
        "ExpressionAttributeValues can only be specified when using expressions",
    ),
    ("get_item", {"Key": {"p": S}}, "The provided key element does not match the schema"),
    ("get_item", {"Key": {"p": S, "c": N}}, "The provided key element does not match the schema"),
    ("get_item", {"Key": {**KEY, "x": S}}, "The provided key element does not match the schema"),
    ("get_item", {"Key": {"p": {"S": ""}, "c": S}}, "cannot contain an empty string value. Key: p"),
    ("get_item", {"Key": KEY, "AttributesToGet": ["a", "a"]}, "Duplicate value in attribute name: a"),
    (
        "get_item", {"Key": KEY, "AttributesToGet": ["a"], "ProjectionExpression": "a"},
        "Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}",
    ),
    ("get_item", {"Key": KEY, "ProjectionExpression": ""}, "Invalid ProjectionExpression: The expression can not be empty;"),
    (
        "get_item", {"Key": KEY, "ProjectionExpression": "a,"},
        'Invalid ProjectionExpression: Syntax error; token: "<EOF>", near: ","',
    ),
    (
        "get_item", {"Key": KEY, "ProjectionExpression": "whatever(stuff)"},
        'Invalid ProjectionExpression: Syntax error; token: "(", near: "whatever(stuff"',
    ),
    (
        "get_item", {"Key": KEY, "ProjectionExpression": "a.b, a"},
        "Two document paths overlap with each other; must remove or rewrite one of these paths; "
        "path one: [a, b], path two: [a]",
    ),
    (
        "get_item", {"Key": KEY, "ProjectionExpression": "a.b, a[1]"},
        "Two document paths conflict with each other; must remove or rewrite one of these paths; "
        "path one: [a, b], path two: [a, [1]]",
    ),
    ("get_item", {"Key": KEY, "ProjectionExpression": "p.x"}, "Key attributes must be scalars"),
    ("get_item", {"Key": KEY, "ProjectionExpression": "g[0]"}, "are not allowed: IndexKey: g"),
    ("get_item", {"Key": KEY, "ProjectionExpression": "abort"}, "reserved keyword: abort"),
    (
        "get_item", {"Key": KEY, "ProjectionExpression": "#a", "ExpressionAttributeNames": {"#b": "a"}},
        "An expression attribute name used in the document path is not defined; attribute name: #a",
    ),
    (
        "get_item", {"Key": KEY, "ProjectionExpression": "#a", "ExpressionAttributeNames": {"#a": "a", "#b": "a"}},
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}",
    ),
    (
        "get_item", {"Key": KEY, "ProjectionExpression": "a", "ExpressionAttributeNames": {}},
        "ExpressionAttributeNames must not be empty",
    ),
    (
        "get_item", {"Key": KEY, "ProjectionExpression": "a", "ExpressionAttributeNames": {"a": "a"}},
        'ExpressionAttributeNames contains invalid key: Syntax error; key: "a"',
    ),
    ("delete_item", {"Key": KEY, "ReturnValues": "UPDATED_NEW"}, "ReturnValues can only be ALL_OLD or NONE"),
    ("update_item", {"Key": KEY, "UpdateExpression": "SET p = :v"}, "Cannot update attribute p. This attribute is part of the key"),
    ("update_item", {"Key": KEY, "UpdateExpression": "SET p.x = :v"}, "are not allowed: Key: p"),
    ("update_item", {"Key": KEY, "UpdateExpression": "SET g.x = :v"}, "are not allowed: IndexKey: g"),
    ("update_item", {"Key": KEY, "UpdateExpression": "SET n = :v"}, "Type mismatch for Index Key n Expected: N Actual: S"),
    ("update_item", {"Key": KEY, "UpdateExpression": "SET a = attribute_exists(b), b = :v"}, "not allowed to be used this way"),
    (
        "update_item", {"Key": KEY, "AttributeUpdates": {"a": {"Action": "PUT"}}},
        "Only DELETE action is allowed when no attribute value is specified",
    ),
    (
        "update_item", {"Key": KEY, "AttributeUpdates": {"a": {"Action": "ADD", "Value": S}}},
        "ADD action is not supported for the type S",
    ),
    (
        "update_item", {"Key": KEY, "AttributeUpdates": {"a": {"Action": "DELETE", "Value": N}}},
        "DELETE action with value is not supported for the type N",
    ),
    ("update_item", {"Key": KEY, "AttributeUpdates": {"p": {"Value": S}}}, "This attribute is part of the key"),
    (
        "update_item", {"Key": KEY, "AttributeUpdates": {}, "ConditionExpression": "attribute_exists(a)"},
        "Non-expression parameters: {AttributeUpdates} Expression parameters: {ConditionExpression}",
    ),
    (
        "update_item", {"Key": KEY, "ConditionExpression": "if_not_exists(a, b) = c"},
        "The function is not allowed to be used this way in an expression; function: if_not_exists",
    ),
    ("update_item", {"Key": KEY, "ConditionExpression": "p.x = a"}, "Key attributes must be scalars"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "members", "phrase"), ITEMS)
def test_single_items(dynamodb, indexed, operation, members, phrase):
    """PutItem, GetItem, UpdateItem and DeleteItem, and what they refuse."""
    if ":v" in members.get("UpdateExpression", ""):
        members = {**members, "ExpressionAttributeValues": {":v": S}}
    refused(V, getattr(dynamodb, operation), phrase, TableName=indexed, **members)


P = {":p": S}
QUERIES = [
    ({}, {}, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."),
    ({"KeyConditionExpression": "c = :p"}, P, "Query condition missed key schema element: p"),
    ({"KeyConditionExpression": "p = :p AND x = :p"}, P, "Query condition missed key schema element: c"),
    ({"KeyConditionExpression": "p > :p"}, P, "Query key condition not supported"),
    ({"KeyConditionExpression": "p = :p OR c = :p"}, P, "Invalid operator used in KeyConditionExpression: OR"),
    ({"KeyConditionExpression": "p = :p AND NOT c = :p"}, P, "Invalid operator used in KeyConditionExpression: NOT"),
    ({"KeyConditionExpression": "p = :p AND c <> :p"}, P, "Invalid operator used in KeyConditionExpression: <>"),
    ({"KeyConditionExpression": "p = :p AND c IN (:p)"}, P, "Invalid operator used in KeyConditionExpression: IN"),
    ({"KeyConditionExpression": "p = :p AND contains(c, :p)"}, P, "Invalid operator used in KeyConditionExpression: contains"),
    ({"KeyConditionExpression": "p = :p AND c.x = :p"}, P, "cannot have conditions on nested attributes"),
    ({"KeyConditionExpression": "p = :p AND p = :p"}, P, "KeyConditionExpressions must only contain one condition per key"),
    ({"KeyConditionExpression": "p = c"}, {}, "Multiple attribute names used in one condition"),
    ({"KeyConditionExpression": "p = :p AND size(c) = :p"}, P, "KeyConditionExpressions cannot contain nested operations"),
    ({"KeyConditionExpression": "p = :p AND begins_with(:p, c)"}, P, "must have the key attribute as its first operand"),
    ({"KeyConditionExpression": "p = :n"}, {":n": N}, "Condition parameter type does not match schema type"),
    ({"KeyConditionExpression": "p = :e"}, {":e": {"S": ""}}, "cannot contain an empty string value. Key: p"),
    ({"KeyConditionExpression": "p = :p AND c = :p AND x = :p"}, P, "The number of query conditions (3) exceeds the number of key attributes defined in the schema (2)"),
    ({"KeyConditionExpression": "p = :p", "FilterExpression": "c = :p"}, P, "Primary key attribute: c"),
    ({"KeyConditionExpression": "p = :p", "QueryFilter": {"x": {"ComparisonOperator": "NULL"}}}, P, "QueryFilter"),
    ({"KeyConditionExpression": "p = :p", "IndexName": "wrong"}, P, "The table does not have the specified index: wrong"),
    (
        {"KeyConditionExpression": "g = :p", "IndexName": "global", "ConsistentRead": True}, P,
        "Consistent reads are not supported on global secondary indexes",
    ),
    (
        {"KeyConditionExpression": "g = :p", "IndexName": "global", "Select": "ALL_ATTRIBUTES"}, P,
        "Select type ALL_ATTRIBUTES is not supported for global secondary index global because its projection type is not ALL",
    ),
    ({"KeyConditionExpression": "g = :p", "IndexName": "global", "ProjectionExpression": "zz"}, P, "does not project [zz]"),
    ({"KeyConditionExpression": "p = :p", "Select": "ALL_PROJECTED_ATTRIBUTES"}, P, "ALL_PROJECTED_ATTRIBUTES can be used only"),
    ({"KeyConditionExpression": "p = :p", "Select": "SPECIFIC_ATTRIBUTES"}, P, "SPECIFIC_ATTRIBUTES"),
    ({"KeyConditionExpression": "p = :p", "Select": "COUNT", "ProjectionExpression": "a"}, P, "when choosing to get only the Count"),
    ({"KeyConditionExpression": "p = :p", "ExclusiveStartKey": {"p": S}}, P, "The provided starting key is invalid"),
    (
        {"KeyConditionExpression": "p = :p", "ExclusiveStartKey": {"p": {"S": "other"}, "c": S}}, P,
        "The provided starting key is outside query boundaries based on provided conditions",
    ),
    ({"KeyConditions": {"p": {"ComparisonOperator": "NE", "AttributeValueList": [S]}}}, {}, "not an indexable operation"),
    ({"KeyConditions": {"p": {"ComparisonOperator": "EQ", "AttributeValueList": []}}}, {}, "Invalid number of argument(s)"),
    ({"KeyConditionExpression": "h1 = :p", "IndexName": "many"}, P, "Query condition missed key schema element: h2"),
    ({"KeyConditionExpression": "h1 = :p AND h2 > :n", "IndexName": "many"}, {**P, ":n": N}, "Query key condition not supported"),
    (
        {"KeyConditionExpression": "h1 = :p AND h2 = :n AND r2 = :p", "IndexName": "many"}, {**P, ":n": N},
        "Query condition missed key schema element: r1",
    ),
    (
        {"KeyConditionExpression": "h1 = :p AND h2 = :n AND r1 > :p AND r2 = :p", "IndexName": "many"}, {**P, ":n": N},
        "Query key condition not supported",
    ),
    ({"KeyConditionExpression": "p = :p", "FilterExpression": "a = :q"}, P, "attribute value: :q"),
    ({"KeyConditionExpression": "p = :p"}, {**P, ":q": S}, "unused in expressions: keys: {:q}"),
]  # fmt: skip


@pytest.mark.parametrize(("members", "values", "phrase"), QUERIES)
def test_queries(dynamodb, indexed, members, values, phrase):
    """Query: keys, filters, what is selected, where it starts."""
    if values:
        members = {**members, "ExpressionAttributeValues": values}
    refused(V, dynamodb.query, phrase, TableName=indexed, **members)


SCANS = [
    ({"Segment": 0}, "The TotalSegments parameter is required"),
    ({"TotalSegments": 2}, "The Segment parameter is required"),
    ({"Segment": 2, "TotalSegments": 2}, "must be less than parameter TotalSegments"),
    ({"IndexName": "wrong"}, "The table does not have the specified index: wrong"),
    ({"IndexName": "global", "ConsistentRead": True}, "Consistent reads are not supported"),
    ({"ExclusiveStartKey": {"p": S}}, "The provided starting key is invalid"),
    ({"ExclusiveStartKey": {"p": N, "c": S}}, "The provided key element does not match the schema"),
    ({"ScanFilter": {"a": {"ComparisonOperator": "EQ", "AttributeValueList": []}}}, "Invalid number of argument(s) for the EQ"),
    ({"FilterExpression": "a = b", "AttributesToGet": ["a"]}, "Non-expression parameters: {AttributesToGet}"),
    ({"FilterExpression": "a", "Limit": 1}, "Syntax error"),
]  # fmt: skip


@pytest.mark.parametrize(("members", "phrase"), SCANS)
def test_scans(dynamodb, indexed, members, phrase):
    """Scan: segments, start keys, filters."""
    refused(V, dynamodb.scan, phrase, TableName=indexed, **members)


def _put(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Put": {"Item": item, **more}}


TRANSACTIONS = [
    ([_put(KEY)] * 101, V, "less than or equal to 100"),
    ([_put(KEY), _put(KEY)], V, "Transaction request cannot include multiple operations on one item"),
    ([{**_put(KEY), "Delete": {"Key": KEY}}], V, "TransactItems can only contain one of Check, Put, Update or Delete"),
    ([_put(KEY, ConditionExpression="attribute_exists(#x)")], V, "attribute name: #x"),
    ([_put(KEY, ConditionExpression="hello!")], V, "Syntax error"),
    ([_put({"p": N, "c": S})], "TransactionCanceledException", "[ValidationError]"),
    ([_put(KEY), _put({"p": S})], "TransactionCanceledException", "[None, ValidationError]"),
    (
        [_put(KEY), {"ConditionCheck": {"Key": {"p": S, "c": S}, "ConditionExpression": "attribute_exists(zz)"}}],
        "TransactionCanceledException",
        "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]",
    ),
    (
        [{"Update": {"Key": KEY, "UpdateExpression": "SET a = nothing"}}], "TransactionCanceledException", "[ValidationError]",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("actions", "code", "phrase"), TRANSACTIONS)
def test_transactions(dynamodb, indexed, actions, code, phrase):
    """TransactWriteItems: what refuses the request, and what cancels it."""
    named = [{kind: {"TableName": indexed, **told} for kind, told in action.items()} for action in actions]
    refused(code, dynamodb.transact_write_items, phrase, TransactItems=named)


def test_batches(dynamodb, indexed):
    """Batches: doubles, too many, unknown tables, and a wrong key that refuses the whole batch."""
    put = {"PutRequest": {"Item": KEY}}
    refused(V, dynamodb.batch_write_item, "contains duplicates", RequestItems={indexed: [put, put]})
    refused(V, dynamodb.batch_write_item, "25", RequestItems={indexed: [put] * 26})
    refused(V, dynamodb.batch_get_item, "contains duplicates", RequestItems={indexed: {"Keys": [KEY, KEY]}})
    refused("ResourceNotFoundException", dynamodb.batch_get_item, "", RequestItems={"absent": {"Keys": [KEY]}})
    wrong = {"PutRequest": {"Item": {"p": {"S": "batch"}, "c": N}}}
    right = {"PutRequest": {"Item": {"p": {"S": "batch"}, "c": S}}}
    refused(
        V,
        dynamodb.batch_write_item,
        "The provided key element does not match the schema",
        RequestItems={indexed: [right, wrong]},
    )
    assert "Item" not in dynamodb.get_item(TableName=indexed, Key={"p": {"S": "batch"}, "c": S})
    many = {f"{indexed}": {"Keys": [{"p": {"S": str(n)}, "c": S} for n in range(101)]}}
    refused(V, dynamodb.batch_get_item, "100", RequestItems=many)


def test_updates_of_tables(dynamodb, indexed):
    """UpdateTable: nothing to do, two things at once, what is there already, what isn't."""
    call = dynamodb.update_table
    refused(V, call, "UpdateTable", TableName=indexed)
    refused(V, call, "UpdateTable", TableName=indexed, GlobalSecondaryIndexUpdates=[])
    refused(V, call, "GlobalSecondaryIndexUpdate", TableName=indexed, GlobalSecondaryIndexUpdates=[{}])
    refused(
        "ResourceNotFoundException", call, "Table: absent not found", TableName="absent", BillingMode="PAY_PER_REQUEST"
    )
    drop = {"Delete": {"IndexName": "nonexistent"}}
    refused("ResourceNotFoundException", call, "", TableName=indexed, GlobalSecondaryIndexUpdates=[drop])
    drops = [{"Delete": {"IndexName": "one"}}, {"Delete": {"IndexName": "two"}}]
    refused("LimitExceededException", call, "Only 1 online index", TableName=indexed, GlobalSecondaryIndexUpdates=drops)
    create = {"Create": {"IndexName": "global", "KeySchema": _keys("y"), "Projection": {"ProjectionType": "ALL"}}}
    defined = [{"AttributeName": "y", "AttributeType": "S"}]
    refused(
        V, call, "already exists", TableName=indexed, AttributeDefinitions=defined, GlobalSecondaryIndexUpdates=[create]
    )
    refused(V, call, "AttributeDefinitions", TableName=indexed, GlobalSecondaryIndexUpdates=[
        {"Create": {"IndexName": "new", "KeySchema": _keys("g"), "Projection": {"ProjectionType": "ALL"}}}
    ])  # fmt: skip
    again = {"Create": {"IndexName": "new", "KeySchema": _keys("g"), "Projection": {"ProjectionType": "ALL"}}}
    refused(
        V, call, "Attributes cannot be redefined", TableName=indexed,
        AttributeDefinitions=[{"AttributeName": "g", "AttributeType": "N"}], GlobalSecondaryIndexUpdates=[again],
    )  # fmt: skip
    refused(V, call, "lower than current WarmThroughput", TableName=indexed, WarmThroughput={"ReadUnitsPerSecond": 1})
    refused(V, call, "stream to disable", TableName=indexed, StreamSpecification={"StreamEnabled": False})


def test_streams_are_switched_once(dynamodb, make_table):
    """A stream that is on can't be switched on, nor its view changed."""
    name = make_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}).name
    for view in ("KEYS_ONLY", "NEW_IMAGE"):
        refused(
            V, dynamodb.update_table, "already has an enabled stream", TableName=name,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        )  # fmt: skip


def test_time_to_live_is_switched_once(dynamodb, make_table):
    """The attribute of a table's TTL: set once, named to be taken off."""
    name = make_table().name
    call = dynamodb.update_time_to_live
    refused(V, call, "disabled", TableName=name, TimeToLiveSpecification={"Enabled": False, "AttributeName": "e"})
    call(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "e"})
    told = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert told == {"TimeToLiveStatus": "ENABLED", "AttributeName": "e"}
    refused(V, call, "enabled", TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "e"})
    refused(V, call, "active", TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "f"})
    refused(V, call, "different", TableName=name, TimeToLiveSpecification={"Enabled": False, "AttributeName": "f"})
    refused(V, call, "length", TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "x" * 256})


def test_tags(dynamodb, indexed):
    """Tags: at least one, letters of any script, no strange characters, fifty at most."""
    arn = dynamodb.describe_table(TableName=indexed)["Table"]["TableArn"]
    call = dynamodb.tag_resource
    refused(V, call, "Atleast one Tag", ResourceArn=arn, Tags=[])
    refused(V, call, "ARNs must start with 'arn:'", ResourceArn="nonsense", Tags=[{"Key": "a", "Value": "b"}])
    refused(V, call, "not allowed", ResourceArn=arn, Tags=[{"Key": "a", "Value": "#!%^$&"}])
    refused("ResourceNotFoundException", call, "", ResourceArn=arn + "x", Tags=[{"Key": "a", "Value": "b"}])
    call(ResourceArn=arn, Tags=[{"Key": "законные", "Value": "буквы"}])
    assert {"Key": "законные", "Value": "буквы"} in dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"]
    refused(V, call, "at most 50", ResourceArn=arn, Tags=[{"Key": str(n), "Value": "v"} for n in range(51)])


def test_a_deleted_table_is_described_briefly(dynamodb, make_table):
    """DeleteTable tells what is being deleted, without its schema."""
    name = make_table().name
    told = dynamodb.delete_table(TableName=name)["TableDescription"]
    assert told["TableStatus"] == "DELETING"
    assert told["ItemCount"] == 0 and told["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
    assert not {"KeySchema", "AttributeDefinitions", "CreationDateTime", "GlobalSecondaryIndexes"} & set(told)


def test_removing_from_nothing_makes_nothing(dynamodb, indexed):
    """REMOVE and DELETE of an item that isn't there: no error, whatever the path, and no item."""
    key = {"p": {"S": "never"}, "c": S}
    for expression in ("REMOVE x.y", "REMOVE x[0]", "REMOVE x"):
        dynamodb.update_item(TableName=indexed, Key=key, UpdateExpression=expression)
    assert "Item" not in dynamodb.get_item(TableName=indexed, Key=key)


DETECTED = [
    ("update_item", {"Key": {"p": {"S": "1"}}, "UpdateExpression": ""}, "Invalid UpdateExpression: The expression can"),
    (
        "update_item",
        {
            "Key": {"p": {"S": "1"}},
            "UpdateExpression": "SET a = :v, a = :v",
            "ExpressionAttributeValues": {":v": {"N": "1"}},
        },
        "Invalid UpdateExpression: Two document paths overlap",
    ),
    (
        "put_item",
        {"Item": {"p": {"S": "1"}, "s": {"SS": []}}},
        "One or more parameter values were invalid: An string set  may",
    ),
    (
        "delete_item",
        {
            "Key": {"p": {"S": "1"}},
            "ConditionExpression": "attribute_exists(p)",
            "ExpressionAttributeNames": {"#x": "x"},
        },
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#x}",
    ),
]


@pytest.mark.parametrize(("operation", "members", "phrase"), DETECTED)
def test_single_writes_say_that_they_detected_it(dynamodb, indexed, operation, members, phrase):
    """Clients compare whole messages: AWS counts the error in front of those of single writes, and of no others."""
    refused(V, getattr(dynamodb, operation), f"1 validation error detected: {phrase}", TableName=indexed, **members)
    kind = {"update_item": "Update", "put_item": "Put", "delete_item": "Delete"}[operation]
    told = refused(V, dynamodb.transact_write_items, phrase, TransactItems=[{kind: {"TableName": indexed, **members}}])
    assert not told["Error"]["Message"].startswith("1 validation")


DUPLICATES = {"SS": ["b", "a", "b", "c"]}
QUOTED = 'One or more parameter values were invalid: Input collection ["a", "b", "b", "c"] contains duplicates.'
PLAIN = "One or more parameter values were invalid: Input collection [b, a, b, c] contains duplicates."


def test_values_are_checked_in_two_places(dynamodb, indexed):
    """AWS words what is wrong with a value by the operation: quoted and sorted, or as it was sent; counted in single
    writes, keys included; with its placeholder in scans alone."""
    values = {":v": DUPLICATES}
    key = {"p": DUPLICATES, "c": S}
    update = {"UpdateExpression": "SET a = :v", "ExpressionAttributeValues": values}
    one = "1 validation error detected: "
    for call, message in (
        (lambda: dynamodb.put_item(TableName=indexed, Item={**KEY, "a": DUPLICATES}), one + QUOTED),
        (lambda: dynamodb.update_item(TableName=indexed, Key=KEY, **update), one + QUOTED),
        (lambda: dynamodb.delete_item(TableName=indexed, Key=key), one + QUOTED),
        (lambda: dynamodb.delete_item(TableName=indexed, Key={"p": {"N": "1"}, "c": S}), "The provided key element does not match the schema"),
        (lambda: dynamodb.delete_item(TableName=indexed, Key=KEY, ReturnValues="ALL_NEW"), one + "ReturnValues can only be ALL_OLD or NONE"),
        (lambda: dynamodb.get_item(TableName=indexed, Key=key), QUOTED),
        (lambda: dynamodb.query(TableName=indexed, KeyConditionExpression="p = :v", ExpressionAttributeValues=values), QUOTED),
        (
            lambda: dynamodb.scan(TableName=indexed, FilterExpression="a = :v", ExpressionAttributeValues=values),
            f"ExpressionAttributeValues contains invalid value: {PLAIN} for key :v",
        ),
        (lambda: dynamodb.batch_write_item(RequestItems={indexed: [{"PutRequest": {"Item": {**KEY, "a": DUPLICATES}}}]}), PLAIN),
        (
            lambda: dynamodb.execute_statement(Statement=f"UPDATE \"{indexed}\" SET a = <<'b', 'a', 'b', 'c'>> WHERE p = 'x'"),
            PLAIN,
        ),
        (lambda: dynamodb.scan(TableName=indexed, ExclusiveStartKey={"x": S}), "The provided starting key is invalid: The provided key element does not match the schema"),
        (
            lambda: dynamodb.query(TableName=indexed, KeyConditionExpression="p = :v", ExpressionAttributeValues={":v": S}, ExclusiveStartKey={"x": S}),
            "The provided starting key is invalid",
        ),
    ):  # fmt: skip
        assert refused(V, call)["Error"]["Message"] == message


def test_index_keys_that_cannot_be(dynamodb, indexed, make_table):
    """An empty index key is told otherwise of an update; a partition key that sorts an index is as short as one."""
    told = refused(
        V, dynamodb.update_item, TableName=indexed, Key=KEY, UpdateExpression="SET g = :v",
        ExpressionAttributeValues={":v": {"S": ""}},
    )  # fmt: skip
    assert told["Error"]["Message"] == (
        "One or more parameter values are not valid. The update expression attempted to update a secondary index key "
        "to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty string value."
    )
    empty = {"UpdateExpression": "SET g = :v", "ExpressionAttributeValues": {":v": {"S": ""}}}
    whole = refused(
        V, dynamodb.transact_write_items, TransactItems=[{"Update": {"TableName": indexed, "Key": KEY, **empty}}]
    )
    assert whole["Error"]["Message"] == told["Error"]["Message"]
    turned = {"IndexName": "turned", "KeySchema": _keys("c", "p"), "Projection": {"ProjectionType": "KEYS_ONLY"}}
    name = make_table(GlobalSecondaryIndexes=[turned]).name
    dynamodb.put_item(TableName=name, Item={"p": {"S": "x" * 1024}, "c": S})
    refused(V, dynamodb.put_item, "range keys has exceeded", TableName=name, Item={"p": {"S": "x" * 1025}, "c": S})


def test_what_a_failed_condition_found(dynamodb, indexed):
    """The item that comes with the error is told as GetItem tells it, binary values too."""
    item = {**KEY, "b": {"B": b"\x00bytes"}, "bs": {"BS": [b"one"]}}
    dynamodb.put_item(TableName=indexed, Item=item)
    options = {"ConditionExpression": "attribute_not_exists(p)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    told = refused("ConditionalCheckFailedException", dynamodb.put_item, TableName=indexed, Item=KEY, **options)
    assert told["Item"] == item
    put = {"Put": {"TableName": indexed, "Item": KEY, **options}}
    told = refused("TransactionCanceledException", dynamodb.transact_write_items, TransactItems=[put])
    assert told["CancellationReasons"][0]["Item"] == item


def test_select_names_its_values_in_their_own_order(dynamodb, indexed):
    """The set is told in the order in which DynamoDB tells it, not in the model's."""
    told = refused(V, dynamodb.scan, TableName=indexed, Select="count")
    assert told["Error"]["Message"].endswith(
        "enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]"
    )
