"""Global tables: replicas in other regions of one cloud, filled, followed, reconciled and taken away."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.dynamodb.conftest import refused

HERE, THERE, FAR = "us-east-1", "eu-west-1", "ap-northeast-2"


def until(check: Any, seconds: float = 20.0) -> Any:
    """What `check` gives once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


@pytest.fixture
def regions(client) -> dict[str, Any]:
    return {region: client("dynamodb", region=region) for region in (HERE, THERE, FAR)}


def active(dynamodb: Any, name: str) -> Any:
    def check() -> Any:
        try:
            told = dynamodb.describe_table(TableName=name)["Table"]
        except dynamodb.exceptions.ResourceNotFoundException:
            return None
        return told if told["TableStatus"] == "ACTIVE" else None

    return until(check)


def spread(regions: dict[str, Any], name: str, *others: str) -> None:
    for region in others:
        create = [{"Create": {"RegionName": region}}]
        regions[HERE].update_table(TableName=name, ReplicaUpdates=create)
        active(regions[HERE], name)
        active(regions[region], name)


def everything(dynamodb: Any, name: str) -> dict[str, Any]:
    pages = dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    return {item["p"]["S"]: item for page in pages for item in page["Items"]}


def test_a_replica_is_filled_and_follows(regions, make_table):
    """Items from before come over, later changes follow in both directions, with a stream record in each region."""
    name = make_table(sort=None).name
    here, there = regions[HERE], regions[THERE]
    for number in range(120):
        here.put_item(TableName=name, Item={"p": {"S": f"old-{number}"}, "n": {"N": str(number)}})
    told = here.update_table(TableName=name, ReplicaUpdates=[{"Create": {"RegionName": THERE}}])["TableDescription"]
    assert told["TableStatus"] == "UPDATING"
    assert told["Replicas"][0]["ReplicaStatus"] == "CREATING"
    active(there, name)
    told = active(here, name)
    assert told["GlobalTableVersion"] == "2019.11.21"
    assert [(r["RegionName"], r["ReplicaStatus"]) for r in told["Replicas"]] == [(THERE, "ACTIVE")]
    assert told["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert everything(there, name) == everything(here, name)
    here.put_item(TableName=name, Item={"p": {"S": "new"}, "big": {"S": "x" * 200_000}})
    there.delete_item(TableName=name, Key={"p": {"S": "old-1"}})
    there.update_item(
        TableName=name, Key={"p": {"S": "old-2"}}, UpdateExpression="ADD n :one",
        ExpressionAttributeValues={":one": {"N": "40"}},
    )  # fmt: skip
    until(lambda: everything(here, name) == everything(there, name) and len(everything(here, name)) == 120)
    assert everything(here, name)["old-2"]["n"] == {"N": "42"}


def test_the_newest_write_wins(regions, make_table):
    """Writers in three regions at once: all regions end with the same items."""
    name = make_table(sort=None).name
    spread(regions, name, THERE, FAR)

    def write(turn: int) -> None:
        dynamodb = regions[(HERE, THERE, FAR)[turn % 3]]
        key = {"p": {"S": f"k{turn % 5}"}}
        if turn % 7 == 0:
            dynamodb.delete_item(TableName=name, Key=key)
        else:
            dynamodb.put_item(TableName=name, Item={**key, "turn": {"N": str(turn)}})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(120)))
    last = {"p": {"S": "last"}, "turn": {"N": "1"}}
    regions[FAR].put_item(TableName=name, Item=last)
    until(
        lambda: (
            everything(regions[HERE], name) == everything(regions[THERE], name) == everything(regions[FAR], name)
            and "last" in everything(regions[HERE], name)
        )
    )


def test_a_replica_is_taken_away(regions, make_table):
    """Its table is gone with its items; the other is a plain table again, and can be deleted."""
    name = make_table(sort=None).name
    spread(regions, name, THERE)
    wrong = [{"Create": {"RegionName": HERE}}]
    refused("ValidationException", regions[HERE].update_table, "local region", TableName=name, ReplicaUpdates=wrong)
    again = [{"Create": {"RegionName": THERE}}]
    refused("ValidationException", regions[HERE].update_table, "already", TableName=name, ReplicaUpdates=again)
    regions[HERE].update_table(TableName=name, ReplicaUpdates=[{"Delete": {"RegionName": THERE}}])
    refused("ResourceNotFoundException", regions[THERE].describe_table, "", TableName=name)
    assert "Replicas" not in active(regions[HERE], name)
    regions[HERE].delete_table(TableName=name)


def test_indexes_and_expiry_are_shared(regions, make_table):
    """A global index and the TTL attribute are the same in all regions."""
    name = make_table(sort=None).name
    spread(regions, name, THERE)
    regions[HERE].update_table(
        TableName=name, AttributeDefinitions=[{"AttributeName": "g", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": {
            "IndexName": "later", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }}],
    )  # fmt: skip
    for region in (HERE, THERE):
        active(regions[region], name)
    regions[THERE].update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ends"}
    )
    told = regions[HERE].describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert told == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ends"}
    regions[HERE].put_item(TableName=name, Item={"p": {"S": "1"}, "g": {"S": "x"}})

    def found() -> Any:
        return regions[THERE].query(
            TableName=name, IndexName="later", KeyConditionExpression="g = :g",
            ExpressionAttributeValues={":g": {"S": "x"}},
        )["Items"]  # fmt: skip

    assert until(found) == [{"p": {"S": "1"}, "g": {"S": "x"}}]


def test_the_older_version(regions, unique):
    """CreateGlobalTable joins empty tables of one name."""
    name = unique("global")
    for region in (HERE, THERE):
        regions[region].create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )  # fmt: skip
    group = [{"RegionName": HERE}, {"RegionName": THERE}]
    call = regions[HERE].create_global_table
    refused("TableNotFoundException", call, "", GlobalTableName=name, ReplicationGroup=[*group, {"RegionName": FAR}])
    told = call(GlobalTableName=name, ReplicationGroup=group)["GlobalTableDescription"]
    assert told["GlobalTableStatus"] == "ACTIVE"
    refused("GlobalTableAlreadyExistsException", call, "", GlobalTableName=name, ReplicationGroup=group)
    refused("GlobalTableNotFoundException", regions[HERE].describe_global_table, "", GlobalTableName="absent")
    listed = regions[THERE].list_global_tables(RegionName=THERE)["GlobalTables"]
    assert name in [table["GlobalTableName"] for table in listed]
    regions[HERE].put_item(TableName=name, Item={"p": {"S": "1"}})
    until(lambda: everything(regions[THERE], name) == {"1": {"p": {"S": "1"}}})
    regions[HERE].update_global_table(GlobalTableName=name, ReplicaUpdates=[{"Delete": {"RegionName": THERE}}])
    regions[HERE].put_item(TableName=name, Item={"p": {"S": "2"}})
    assert everything(regions[THERE], name) == {"1": {"p": {"S": "1"}}}
