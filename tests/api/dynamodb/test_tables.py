"""Tables: their life, their settings, indexes added later, streams, TTL, backups, recovery."""

from __future__ import annotations

import time

import pytest
from boto3.dynamodb.conditions import Key

from tests.api.dynamodb.conftest import refused

V = "ValidationException"
ATTRIBUTES = [{"AttributeName": "p", "AttributeType": "S"}]
KEYS = [{"AttributeName": "p", "KeyType": "HASH"}]
MINIMAL = {"KeySchema": KEYS, "AttributeDefinitions": ATTRIBUTES, "BillingMode": "PAY_PER_REQUEST"}


def until(check, within=20):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it never came about")


def test_a_table_lives_and_ends(dynamodb, unique):
    """Create, describe, list, delete; waiters end; names are unique."""
    name = unique("table")
    made = dynamodb.create_table(TableName=name, **MINIMAL)["TableDescription"]
    assert made["TableStatus"] == "CREATING"
    assert made["TableArn"] == f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}"
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    described = dynamodb.describe_table(TableName=name)["Table"]
    assert described["TableStatus"] == "ACTIVE"
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert described["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
    refused("ResourceInUseException", dynamodb.create_table, f"Table already exists: {name}", TableName=name, **MINIMAL)
    assert name in [n for page in dynamodb.get_paginator("list_tables").paginate() for n in page["TableNames"]]
    assert dynamodb.delete_table(TableName=name)["TableDescription"]["TableStatus"] == "DELETING"
    dynamodb.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 1})


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"TableName": "ab"}, "at least 3 characters long"),
        ({"TableName": "bad name"}, "regular expression pattern"),
        ({"AttributeDefinitions": []}, ""),
        ({"KeySchema": [{"AttributeName": "q", "KeyType": "HASH"}]}, ""),
        ({"KeySchema": [{"AttributeName": "p", "KeyType": "RANGE"}]}, ""),
        ({"AttributeDefinitions": [*ATTRIBUTES, {"AttributeName": "z", "AttributeType": "S"}]}, "unused"),
        ({"BillingMode": "PROVISIONED"}, "ReadCapacityUnits and WriteCapacityUnits"),
        ({"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}, "PAY_PER_REQUEST"),
    ],
)
def test_wrong_tables(dynamodb, unique, changes, phrase):
    """Refused, with AWS's phrase where it is short."""
    refused(
        V,
        dynamodb.create_table,
        phrase if phrase != "unused" else "",
        **{"TableName": unique("bad"), **MINIMAL, **changes},
    )


def test_deletion_protection(dynamodb, unique):
    """A protected table stays until the protection is off."""
    name = unique("kept")
    dynamodb.create_table(TableName=name, DeletionProtectionEnabled=True, **MINIMAL)
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    refused(V, dynamodb.delete_table, "protected against deletion", TableName=name)
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    until(lambda: dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    dynamodb.delete_table(TableName=name)


def test_an_index_is_filled_later(make_table, dynamodb):
    """A GSI added to a table with items becomes ACTIVE with all of them in it; removed, it is gone."""
    table = make_table()
    with table.batch_writer() as batch:
        for n in range(200):
            batch.put_item(Item={"p": f"p{n}", "c": "1", "g": f"g{n % 4}"})
    table.meta.client.update_table(
        TableName=table.name,
        AttributeDefinitions=[*table.attribute_definitions, {"AttributeName": "g", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "byg",
                    "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            }
        ],
    )

    def active():
        indexes = dynamodb.describe_table(TableName=table.name)["Table"].get("GlobalSecondaryIndexes", [])
        return indexes and indexes[0]["IndexStatus"] == "ACTIVE"

    until(active)
    assert table.query(IndexName="byg", KeyConditionExpression=Key("g").eq("g1"))["Count"] == 50
    gone = [{"Delete": {"IndexName": "byg"}}]
    dynamodb.update_table(TableName=table.name, GlobalSecondaryIndexUpdates=gone)
    until(lambda: "GlobalSecondaryIndexes" not in dynamodb.describe_table(TableName=table.name)["Table"])


def test_streams_tell_every_change(make_table, client):
    """INSERT, MODIFY, REMOVE with both images, in order; what changes nothing says nothing."""
    table = make_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    streams = client("dynamodbstreams")
    where = {"p": "a", "c": "1"}
    table.put_item(Item={**where, "v": 1})
    table.put_item(Item={**where, "v": 1})
    table.update_item(Key=where, UpdateExpression="SET v = :v", ExpressionAttributeValues={":v": 2})
    table.delete_item(Key=where)
    table.delete_item(Key=where)
    arn = streams.list_streams(TableName=table.name)["Streams"][0]["StreamArn"]
    described = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    assert described["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    shard = described["Shards"][0]["ShardId"]

    def read(**more):
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, **more)["ShardIterator"]
        return streams.get_records(ShardIterator=iterator)["Records"]

    records = read(ShardIteratorType="TRIM_HORIZON")
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    change = records[1]["dynamodb"]
    assert (change["OldImage"]["v"], change["NewImage"]["v"]) == ({"N": "1"}, {"N": "2"})
    assert change["Keys"] == {"p": {"S": "a"}, "c": {"S": "1"}}
    assert read(ShardIteratorType="LATEST") == []
    second = change["SequenceNumber"]
    assert len(read(ShardIteratorType="AT_SEQUENCE_NUMBER", SequenceNumber=second)) == 2
    assert len(read(ShardIteratorType="AFTER_SEQUENCE_NUMBER", SequenceNumber=second)) == 1


def test_time_to_live(fresh_cloud):
    """An expired item goes by itself, and its stream says who did it."""
    cloud = fresh_cloud("--clock-rate", "3600")
    dynamodb, streams = cloud.client("dynamodb"), cloud.client("dynamodbstreams")
    stream = {"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"}
    dynamodb.create_table(TableName="ttl", StreamSpecification=stream, **MINIMAL)
    dynamodb.get_waiter("table_exists").wait(TableName="ttl", WaiterConfig={"Delay": 1})
    dynamodb.update_time_to_live(TableName="ttl", TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"})
    dynamodb.put_item(TableName="ttl", Item={"p": {"S": "old"}, "end": {"N": str(int(time.time()) - 60)}})
    dynamodb.put_item(TableName="ttl", Item={"p": {"S": "kept"}, "end": {"N": str(int(time.time()) + 10**9)}})
    until(lambda: dynamodb.scan(TableName="ttl")["Count"] == 1, 40)
    arn = streams.list_streams(TableName="ttl")["Streams"][0]["StreamArn"]
    records = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:  # time flies: there may be two
        wanted = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = streams.get_shard_iterator(**wanted)["ShardIterator"]
        records += streams.get_records(ShardIterator=iterator)["Records"]
    (removal,) = [record for record in records if record["eventName"] == "REMOVE"]
    assert removal["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}


def test_backups(dynamodb, make_table, unique):
    """A backup keeps what was there; the restored table has it."""
    table = make_table()
    table.put_item(Item={"p": "a", "c": "1", "v": "before"})
    arn = dynamodb.create_backup(TableName=table.name, BackupName="first")["BackupDetails"]["BackupArn"]
    until(
        lambda: (
            dynamodb.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]["BackupStatus"] == "AVAILABLE"
        )
    )
    table.put_item(Item={"p": "a", "c": "1", "v": "after"})
    name = unique("restored")
    dynamodb.restore_table_from_backup(TargetTableName=name, BackupArn=arn)
    until(lambda: dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    assert dynamodb.scan(TableName=name)["Items"][0]["v"] == {"S": "before"}
    assert arn in [b["BackupArn"] for b in dynamodb.list_backups(TableName=table.name)["BackupSummaries"]]
    dynamodb.delete_backup(BackupArn=arn)


def test_recovery_to_a_moment(dynamodb, make_table, unique):
    """PITR restores the table as it was then, deleted items included."""
    table = make_table()
    on = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName=table.name, PointInTimeRecoverySpecification=on)
    for n in range(10):
        table.put_item(Item={"p": "a", "c": f"{n}", "v": 1})
    time.sleep(1.1)
    moment = time.time()
    time.sleep(1.1)
    table.delete_item(Key={"p": "a", "c": "3"})
    table.put_item(Item={"p": "a", "c": "4", "v": 2})
    name = unique("pitr")
    dynamodb.restore_table_to_point_in_time(SourceTableName=table.name, TargetTableName=name, RestoreDateTime=moment)
    until(lambda: dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    items = dynamodb.scan(TableName=name)["Items"]
    assert len(items) == 10
    assert {item["v"]["N"] for item in items} == {"1"}


def test_tags_and_limits(dynamodb, table):
    """Tags of a table by its ARN; the account's limits are told."""
    arn = table.table_arn
    dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    assert dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    dynamodb.untag_resource(ResourceArn=arn, TagKeys=["k"])
    assert dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == []
    assert dynamodb.describe_limits()["AccountMaxReadCapacityUnits"] > 0
    assert dynamodb.describe_endpoints()["Endpoints"]


def test_tables_survive_a_kill(fresh_cloud):
    """Acknowledged items are there after kill -9, in the table and in its index."""
    cloud = fresh_cloud()
    dynamodb = cloud.client("dynamodb")
    gsi = {
        "IndexName": "byg",
        "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    definitions = [*ATTRIBUTES, {"AttributeName": "g", "AttributeType": "S"}]
    dynamodb.create_table(
        TableName="kept", GlobalSecondaryIndexes=[gsi], **{**MINIMAL, "AttributeDefinitions": definitions}
    )
    dynamodb.get_waiter("table_exists").wait(TableName="kept", WaiterConfig={"Delay": 1})
    for n in range(50):
        dynamodb.put_item(TableName="kept", Item={"p": {"S": f"{n}"}, "g": {"S": "g"}})
    cloud.kill()
    cloud.start()
    dynamodb = cloud.client("dynamodb")
    assert dynamodb.scan(TableName="kept")["Count"] == 50
    assert dynamodb.scan(TableName="kept", IndexName="byg")["Count"] == 50


def test_contributor_insights_are_kept(make_table, dynamodb):
    """Of the table and of an index, on their own."""
    table = make_table(
        attributes={"g": "S"},
        GlobalSecondaryIndexes=[
            {
                "IndexName": "byg",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    on = dynamodb.update_contributor_insights(TableName=table.name, ContributorInsightsAction="ENABLE")
    assert on["ContributorInsightsStatus"] == "ENABLING"
    told = dynamodb.describe_contributor_insights(TableName=table.name)
    assert told["ContributorInsightsStatus"] == "ENABLED"
    assert len(told["ContributorInsightsRuleList"]) == 4
    of_index = dynamodb.describe_contributor_insights(TableName=table.name, IndexName="byg")
    assert of_index["ContributorInsightsStatus"] == "DISABLED"
    listed = dynamodb.list_contributor_insights(TableName=table.name)["ContributorInsightsSummaries"]
    assert [each["TableName"] for each in listed] == [table.name]
    dynamodb.update_contributor_insights(TableName=table.name, ContributorInsightsAction="DISABLE")
    assert dynamodb.list_contributor_insights(TableName=table.name)["ContributorInsightsSummaries"] == []
    refused(
        "ResourceNotFoundException",
        dynamodb.describe_contributor_insights,
        TableName=table.name,
        IndexName="none",
    )


def test_records_come_a_thousand_at_a_time_at_most(make_table, client):
    """GetRecords refuses a larger limit."""
    table = make_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    streams = client("dynamodbstreams")
    shard = streams.describe_stream(StreamArn=table.latest_stream_arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(
        StreamArn=table.latest_stream_arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    refused("ValidationException", streams.get_records, "1000", ShardIterator=iterator, Limit=1001)


def test_provisioned_capacity_is_a_limit(fresh_cloud):
    """With throttling on, five minutes' capacity can be used at once, and no more."""
    cloud = fresh_cloud(environment={"HANEUL_THROTTLE": "1"})
    dynamodb = cloud.client("dynamodb")
    dynamodb.create_table(
        TableName="slow", KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )  # fmt: skip
    item = {"p": {"S": "x"}, "data": {"S": "x" * 150 * 1024}}
    for _ in range(2):
        dynamodb.put_item(TableName="slow", Item=item)
    refused("ProvisionedThroughputExceededException", dynamodb.put_item, "exceeded", TableName="slow", Item=item)
    dynamodb.get_item(TableName="slow", Key={"p": {"S": "x"}})
