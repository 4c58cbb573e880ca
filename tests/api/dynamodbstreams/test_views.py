"""The four views of a change, and iterators that are refused."""

from __future__ import annotations

import pytest

from tests.api.dynamodb.conftest import make_table, refused, resource  # noqa: F401 - fixtures


@pytest.fixture
def streams(client):
    return client("dynamodbstreams")


@pytest.mark.parametrize(
    ("view", "images"),
    [
        ("KEYS_ONLY", set()),
        ("NEW_IMAGE", {"NewImage"}),
        ("OLD_IMAGE", {"OldImage"}),
        ("NEW_AND_OLD_IMAGES", {"NewImage", "OldImage"}),
    ],
)
def test_views(make_table, streams, view, images):  # noqa: F811
    """A changed item shows just the images that its stream was made for."""
    table = make_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": view})
    for value in (1, 2):
        table.put_item(Item={"p": "a", "c": "1", "v": value})
    arn = streams.list_streams(TableName=table.name)["Streams"][0]["StreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    wanted = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    answer = streams.get_records(ShardIterator=streams.get_shard_iterator(**wanted)["ShardIterator"])
    change = answer["Records"][1]["dynamodb"]
    assert change["StreamViewType"] == view
    assert {name for name in ("NewImage", "OldImage") if name in change} == images
    assert change["Keys"] == {"p": {"S": "a"}, "c": {"S": "1"}}
    assert "NextShardIterator" in answer


def test_refusals(streams):
    """Unknown streams and invented iterators."""
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/none/stream/2026-01-01T00:00:00.000"
    refused("ResourceNotFoundException", streams.describe_stream, StreamArn=arn)
    refused("ValidationException", streams.get_records, ShardIterator="nonsense")
