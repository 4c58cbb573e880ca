"""DynamoDB under kill -9: no acknowledged write is lost, indexes and streams tell what the table tells."""

from __future__ import annotations

import os
import random
import threading
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.running import RunningCloud

ROUNDS = max(1, int(float(os.environ.get("HANEUL_BUDGET", "1")) * 4))
WRITERS = 6
NAME = "ledger"
Seen = int | None
"""The value of an item, None for no item."""


class Writer(threading.Thread):
    """Changes items of its own until the cloud is gone, and remembers what each may hold now."""

    def __init__(self, cloud: RunningCloud, number: int, state: dict[tuple[str, str], set[Seen]], seed: int) -> None:
        super().__init__(daemon=True)
        self.db = cloud.client("dynamodb", connect_timeout=2, read_timeout=10)
        self.number = number
        self.state = state
        self.chance = random.Random(seed)
        self.acknowledged = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while True:
                self.change(self.chance.choice(("put", "put", "add", "delete", "batch", "transact")))
                self.acknowledged += 1
        except BotoCoreError:
            pass
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                self.failure = error

    def expect(self, after: dict[tuple[str, str], Seen]) -> None:
        """While the change is under way each item may be as it was or as it will be."""
        for place, value in after.items():
            self.state[place] = self.state.get(place, {None}) | {value}

    def change(self, kind: str) -> None:
        chosen = self.chance.sample(range(8), 3 if kind in ("batch", "transact") else 1)
        places = [(f"w{self.number}", f"k{each}") for each in chosen]
        after: dict[tuple[str, str], Seen] = {place: self.chance.randrange(1_000_000) for place in places}
        keys = [{"p": {"S": p}, "c": {"S": c}} for p, c in places]
        items = [{**key, **body(after[place])} for key, place in zip(keys, places, strict=True)]
        if kind == "put":
            self.expect(after)
            self.db.put_item(TableName=NAME, Item=items[0])
        elif kind == "delete":
            after = {places[0]: None}
            self.expect(after)
            self.db.delete_item(TableName=NAME, Key=keys[0])
        elif kind == "add":
            before = self.state.get(places[0], {None})
            if len(before) != 1:
                return
            (old,) = before
            after = {places[0]: (old or 0) + 1}
            self.expect(after)
            self.db.update_item(
                TableName=NAME, Key=keys[0], UpdateExpression="ADD v :one SET g = if_not_exists(g, :g), x = :x",
                ExpressionAttributeValues={":one": {"N": "1"}, ":g": {"S": "g0"}, ":x": {"S": "x" * 100}},
            )  # fmt: skip
        elif kind == "batch":
            self.expect(after)
            left = self.db.batch_write_item(RequestItems={NAME: [{"PutRequest": {"Item": item}} for item in items]})
            assert not left["UnprocessedItems"]
        else:
            self.expect(after)
            self.db.transact_write_items(TransactItems=[{"Put": {"TableName": NAME, "Item": item}} for item in items])
        for place, value in after.items():
            self.state[place] = {value}


def body(value: Seen) -> dict[str, Any]:
    assert value is not None
    return {"v": {"N": str(value)}, "g": {"S": f"g{value % 3}"}, "x": {"S": "x" * (value % 3000)}}


def everything(db: Any, **more: Any) -> dict[tuple[str, str], dict[str, Any]]:
    pages = db.get_paginator("scan").paginate(TableName=NAME, **more)
    return {(item["p"]["S"], item["c"]["S"]): item for page in pages for item in page["Items"]}


def check(db: Any, state: dict[tuple[str, str], set[Seen]]) -> None:
    """The table holds what was acknowledged; the index holds exactly the table's items, under their keys."""
    items = everything(db, ConsistentRead=True)
    for place, allowed in state.items():
        seen = int(items[place]["v"]["N"]) if place in items else None
        assert seen in allowed, f"{place} holds {seen}, not {allowed}"
        state[place] = {seen}
    assert set(items) <= set(state)
    assert everything(db, IndexName="byg") == items
    for group in ("g0", "g1", "g2"):
        found = db.query(
            TableName=NAME, IndexName="byg", KeyConditionExpression="g = :g",
            ExpressionAttributeValues={":g": {"S": group}}, Select="COUNT",
        )  # fmt: skip
        assert found["Count"] == sum(item["g"]["S"] == group for item in items.values())


def check_stream(cloud: RunningCloud, items: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Replaying the stream from its beginning makes the table; each record begins where the last one ended."""
    streams = cloud.client("dynamodbstreams")
    (stream,) = streams.list_streams(TableName=NAME)["Streams"]
    arn = stream["StreamArn"]
    told: dict[tuple[str, str], dict[str, Any]] = {}
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        last = 0
        while iterator:
            page = streams.get_records(ShardIterator=iterator)
            if not page["Records"]:
                break
            for record in page["Records"]:
                change = record["dynamodb"]
                assert int(change["SequenceNumber"]) > last
                last = int(change["SequenceNumber"])
                place = (change["Keys"]["p"]["S"], change["Keys"]["c"]["S"])
                assert change.get("OldImage") == told.get(place), f"{place} was not what its record found"
                if "NewImage" in change:
                    told[place] = change["NewImage"]
                else:
                    del told[place]
            iterator = page.get("NextShardIterator")
    assert told == items


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kills_lose_nothing(fresh_cloud: Any) -> None:
    """Six writers, a kill at any moment, again and again on the same data."""
    cloud = fresh_cloud()
    db = cloud.client("dynamodb")
    db.create_table(
        TableName=NAME, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("p", "c", "g")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "byg", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )  # fmt: skip
    db.get_waiter("table_exists").wait(TableName=NAME, WaiterConfig={"Delay": 1})
    state: dict[tuple[str, str], set[Seen]] = {}
    acknowledged = 0
    for number in range(ROUNDS):
        writers = [Writer(cloud, n, state, seed=number * 100 + n) for n in range(WRITERS)]
        for writer in writers:
            writer.start()
        threading.Event().wait(random.Random(number).uniform(0.2, 1.2))
        cloud.kill()
        for writer in writers:
            writer.join(30)
            assert not writer.is_alive()
            assert writer.failure is None
        acknowledged += sum(writer.acknowledged for writer in writers)
        cloud.restart()
        check(cloud.client("dynamodb"), state)
    check_stream(cloud, everything(cloud.client("dynamodb"), ConsistentRead=True))
    assert acknowledged > 10 * ROUNDS
