"""Exports to and imports from S3: what goes out comes back."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import time
from datetime import datetime, timedelta

import pytest

from tests.api.dynamodb.conftest import refused

PARTS = {
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def parameters(name: str, sort: str = "S") -> dict:
    defined = [{"AttributeName": "p", "AttributeType": "S"}, {"AttributeName": "c", "AttributeType": sort}]
    return {**PARTS, "TableName": name, "AttributeDefinitions": defined}


def ended(describe, member: str, status: str, **names: str) -> dict:
    deadline = time.monotonic() + 30
    while True:
        told = describe(**names)[member]
        if told[status] != "IN_PROGRESS":
            return told
        assert time.monotonic() < deadline, told
        time.sleep(0.05)


@pytest.fixture
def bucket(client, unique):
    name = unique("transfer")
    client("s3").create_bucket(Bucket=name)
    return name


def test_an_export_can_be_imported(make_table, dynamodb, client, bucket, unique):
    """Manifests tell the truth about the files; the new table holds the same items."""
    table = make_table()
    arn = table.table_arn
    refused(
        "PointInTimeRecoveryUnavailableException",
        dynamodb.export_table_to_point_in_time,
        TableArn=arn,
        S3Bucket=bucket,
    )
    dynamodb.update_continuous_backups(
        TableName=table.name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    for number in range(30):
        table.put_item(Item={"p": f"p{number % 3}", "c": str(number), "v": [number, {"b": b"\x00\xff"}]})
    began = dynamodb.export_table_to_point_in_time(TableArn=arn, S3Bucket=bucket, S3Prefix="out")["ExportDescription"]
    assert began["ExportStatus"] == "IN_PROGRESS"
    told = ended(dynamodb.describe_export, "ExportDescription", "ExportStatus", ExportArn=began["ExportArn"])
    assert (told["ExportStatus"], told["ItemCount"]) == ("COMPLETED", 30), told
    assert began["ExportArn"] in [e["ExportArn"] for e in dynamodb.list_exports(TableArn=arn)["ExportSummaries"]]

    s3 = client("s3")
    summary = json.loads(s3.get_object(Bucket=bucket, Key=told["ExportManifest"])["Body"].read())
    assert summary["itemCount"] == 30
    lines = s3.get_object(Bucket=bucket, Key=summary["manifestFilesS3Key"])["Body"].read().splitlines()
    items = []
    for line in lines:
        file = json.loads(line)
        data = s3.get_object(Bucket=bucket, Key=file["dataFileS3Key"])["Body"].read()
        assert base64.b64encode(hashlib.md5(data).digest()).decode() == file["md5Checksum"]
        items += [json.loads(each)["Item"] for each in gzip.decompress(data).splitlines()]
    assert len(items) == 30

    name = unique("imported")
    made = dynamodb.import_table(
        S3BucketSource={"S3Bucket": bucket, "S3KeyPrefix": told["ExportManifest"].rpartition("/")[0] + "/data/"},
        InputFormat="DYNAMODB_JSON",
        InputCompressionType="GZIP",
        TableCreationParameters=parameters(name),
    )["ImportTableDescription"]
    done = ended(dynamodb.describe_import, "ImportTableDescription", "ImportStatus", ImportArn=made["ImportArn"])
    assert (done["ImportStatus"], done["ImportedItemCount"], done["ErrorCount"]) == ("COMPLETED", 30, 0), done
    where = {"TableName": name, "ConsistentRead": True}
    assert sorted(map(str, dynamodb.scan(**where)["Items"])) == sorted(
        map(str, dynamodb.scan(**{**where, "TableName": table.name})["Items"])
    )


def test_csv_has_typed_keys_and_bad_rows_are_counted(dynamodb, client, bucket, unique):
    """A number in the key is a number; a row without a number there is an error, and the rest goes on."""
    text = 'p,c,note\na,1,"x, y"\na,2,z\nb,none,bad\n'
    client("s3").put_object(Bucket=bucket, Key="in/one.csv", Body=text.encode())
    name = unique("csv")
    made = dynamodb.import_table(
        S3BucketSource={"S3Bucket": bucket, "S3KeyPrefix": "in/"},
        InputFormat="CSV",
        TableCreationParameters=parameters(name, "N"),
    )["ImportTableDescription"]
    done = ended(dynamodb.describe_import, "ImportTableDescription", "ImportStatus", ImportArn=made["ImportArn"])
    counts = [done[m] for m in ("ProcessedItemCount", "ImportedItemCount", "ErrorCount")]
    assert counts == [3, 2, 1]
    got = dynamodb.get_item(TableName=name, Key={"p": {"S": "a"}, "c": {"N": "1"}})["Item"]
    assert got["note"] == {"S": "x, y"}
    assert made["ImportArn"] in [each["ImportArn"] for each in dynamodb.list_imports()["ImportSummaryList"]]


def test_a_missing_bucket_fails_the_transfer(dynamodb, unique):
    """The failure is told by the import, not swallowed."""
    made = dynamodb.import_table(
        S3BucketSource={"S3Bucket": unique("never")},
        InputFormat="CSV",
        TableCreationParameters=parameters(unique("failed")),
    )["ImportTableDescription"]
    done = ended(dynamodb.describe_import, "ImportTableDescription", "ImportStatus", ImportArn=made["ImportArn"])
    assert (done["ImportStatus"], done["FailureCode"]) == ("FAILED", "S3NoSuchBucket")
    refused("ImportNotFoundException", dynamodb.describe_import, ImportArn=made["ImportArn"][:-4] + "0000")


def test_large_and_broken_files(dynamodb, client, bucket, unique):
    """Files of megabytes in several gzip members are read in pieces; one that ends too early fails the import."""
    values = [hashlib.sha256(b"%d" % number).hexdigest() * 500 for number in range(60)]
    lines = [
        json.dumps({"Item": {"p": {"S": "big"}, "c": {"S": str(number)}, "v": {"S": value}}})
        for number, value in enumerate(values)
    ]
    data = gzip.compress("\n".join(lines[:30]).encode() + b"\n", 0) + gzip.compress("\n".join(lines[30:]).encode())
    client("s3").put_object(Bucket=bucket, Key="whole/a.json.gz", Body=data)
    client("s3").put_object(Bucket=bucket, Key="torn/a.json.gz", Body=data[:-200])
    for folder, status, count in (("whole", "COMPLETED", 60), ("torn", "FAILED", None)):
        name = unique(folder)
        made = dynamodb.import_table(
            S3BucketSource={"S3Bucket": bucket, "S3KeyPrefix": folder},
            InputFormat="DYNAMODB_JSON",
            InputCompressionType="GZIP",
            TableCreationParameters=parameters(name),
        )["ImportTableDescription"]
        done = ended(dynamodb.describe_import, "ImportTableDescription", "ImportStatus", ImportArn=made["ImportArn"])
        assert done["ImportStatus"] == status, done
        if count is not None:
            pages = dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
            assert sum(page["Count"] for page in pages) == count


def test_what_changed_between_two_times(fresh_cloud, unique):
    """An incremental export tells each changed key once, as it was and as it became, and not what came and went."""
    cloud = fresh_cloud("--clock-rate", "1800")
    dynamodb, s3 = cloud.client("dynamodb"), cloud.client("s3")
    name, bucket = unique("changing"), unique("changes")
    s3.create_bucket(Bucket=bucket)
    arn = dynamodb.create_table(**parameters(name))["TableDescription"]["TableArn"]
    on = {"PointInTimeRecoveryEnabled": True}
    told = dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=on)
    begun = told["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]["EarliestRestorableDateTime"]

    def now() -> datetime:
        told = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        return told["PointInTimeRecoveryDescription"]["LatestRestorableDateTime"]

    def put(key: str, value: str) -> None:
        dynamodb.put_item(TableName=name, Item={"p": {"S": key}, "c": {"S": "1"}, "v": {"S": value}})

    def passed(instant: datetime, seconds: float) -> None:
        deadline = time.monotonic() + 30
        while (now() - instant).total_seconds() < seconds:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    for key in ("changed", "gone", "same"):
        put(key, "old")
    passed(now(), 2)
    start = now()
    passed(start, 2)
    put("changed", "between")
    put("changed", "new")
    put("made", "new")
    put("brief", "new")
    for key in ("gone", "brief"):
        dynamodb.delete_item(TableName=name, Key={"p": {"S": key}, "c": {"S": "1"}})
    passed(start, 1000)
    end = now()
    passed(end, 2)
    put("changed", "later")
    put("same", "later")

    def export(view: str) -> dict:
        window = {"ExportFromTime": start, "ExportToTime": end, "ExportViewType": view}
        began = dynamodb.export_table_to_point_in_time(
            TableArn=arn, S3Bucket=bucket, ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=window
        )["ExportDescription"]
        told = ended(dynamodb.describe_export, "ExportDescription", "ExportStatus", ExportArn=began["ExportArn"])
        assert (told["ExportStatus"], told["ExportType"]) == ("COMPLETED", "INCREMENTAL_EXPORT"), told
        assert told["IncrementalExportSpecification"]["ExportViewType"] == view
        summary = json.loads(s3.get_object(Bucket=bucket, Key=told["ExportManifest"])["Body"].read())
        assert (summary["itemCount"], summary["outputView"], summary["version"]) == (3, view, "2023-08-01")
        files = s3.get_object(Bucket=bucket, Key=summary["manifestFilesS3Key"])["Body"].read().splitlines()
        lines = []
        for file in map(json.loads, files):
            assert file["dataFileS3Key"].startswith("AWSDynamoDB/data/")
            data = s3.get_object(Bucket=bucket, Key=file["dataFileS3Key"])["Body"].read()
            lines += [json.loads(each) for each in gzip.decompress(data).splitlines()]
        assert all(start.timestamp() < int(line["Metadata"]["WriteTimestampMicros"]["N"]) / 1e6 for line in lines)
        images = ("OldImage", "NewImage")
        return {line["Keys"]["p"]["S"]: {i: line[i]["v"]["S"] for i in images if i in line} for line in lines}

    assert export("NEW_AND_OLD_IMAGES") == {
        "changed": {"OldImage": "old", "NewImage": "new"}, "made": {"NewImage": "new"}, "gone": {"OldImage": "old"},
    }  # fmt: skip
    assert export("NEW_IMAGE") == {"changed": {"NewImage": "new"}, "made": {"NewImage": "new"}, "gone": {}}
    for first, last, code in (
        (end, end + timedelta(seconds=60), "ValidationException"),
        (begun - timedelta(hours=1), end, "InvalidExportTimeException"),
    ):
        refused(
            code, dynamodb.export_table_to_point_in_time, TableArn=arn, S3Bucket=bucket,
            ExportType="INCREMENTAL_EXPORT",
            IncrementalExportSpecification={"ExportFromTime": first, "ExportToTime": last},
        )  # fmt: skip


def test_an_export_of_some_items(make_table, dynamodb, client, bucket):
    """Keys, other attributes and columns can be asked for; a filter that cannot be is refused at once."""
    table = make_table()
    on = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName=table.name, PointInTimeRecoverySpecification=on)
    for number in range(12):
        table.put_item(Item={"p": f"p{number % 2}", "c": f"{number:02}", "n": number, "other": "x"})

    def export(**wanted) -> dict:
        began = dynamodb.export_table_to_point_in_time(
            TableArn=table.table_arn, S3Bucket=bucket, FilterSpecification=wanted
        )["ExportDescription"]
        return ended(dynamodb.describe_export, "ExportDescription", "ExportStatus", ExportArn=began["ExportArn"])

    told = export(
        KeyConditionExpression="p = :p AND c > :c", FilterExpression="n < :n", ProjectionExpression="c, #n",
        ExpressionAttributeNames={"#n": "n"},
        ExpressionAttributeValues={":p": {"S": "p0"}, ":c": {"S": "02"}, ":n": {"N": "9"}},
    )  # fmt: skip
    assert (told["ExportStatus"], told["ItemCount"]) == ("COMPLETED", 3), told
    assert told["FilterSpecification"]["FilterExpression"] == "n < :n"
    s3 = client("s3")
    folder = told["ExportManifest"].rpartition("/")[0]
    (file,) = s3.list_objects_v2(Bucket=bucket, Prefix=f"{folder}/data/")["Contents"]
    data = gzip.decompress(s3.get_object(Bucket=bucket, Key=file["Key"])["Body"].read())
    found = [json.loads(line)["Item"] for line in data.splitlines()]
    assert sorted(found, key=str) == [{"c": {"S": f"{n:02}"}, "n": {"N": str(n)}} for n in (4, 6, 8)]
    of_key = {"KeyConditionExpression": "p = :p", "FilterExpression": "c = :p"}
    for wrong, phrase in (
        (of_key, "non-primary key attributes: Primary key attribute: c"),
        ({"KeyConditionExpression": "c = :p"}, "missed key schema element: p"),
        ({"FilterExpression": "c ="}, "Syntax error"),
    ):
        values = {":p": {"S": "p0"}} if ":p" in str(wrong) else None
        refused(
            "ValidationException", export, phrase, **wrong, **({"ExpressionAttributeValues": values} if values else {})
        )
