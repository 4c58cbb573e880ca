"""Inventory reports: configured here, written at midnight on the cloud's clock."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running import RunningCloud


def inventory(there: str, **more: Any) -> dict[str, Any]:
    return {
        "Id": "all",
        "IsEnabled": True,
        "IncludedObjectVersions": "All",
        "Schedule": {"Frequency": "Daily"},
        "OptionalFields": [
            "Size",
            "ETag",
            "StorageClass",
            "LastModifiedDate",
            "IsMultipartUploaded",
            "LifecycleExpirationDate",
        ],
        "Destination": {
            "S3BucketDestination": {"Bucket": f"arn:aws:s3:::{there}", "Format": "CSV", "Prefix": "reports"}
        },
        **more,
    }


def test_report(fresh_cloud: Callable[..., RunningCloud]) -> None:
    # A day passes in two seconds: the manifest, its checksum, and rows for every version and delete marker.
    s3 = fresh_cloud("--clock-rate", "43200").client("s3")
    for name in ("listed", "reports"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket="listed", VersioningConfiguration={"Status": "Enabled"})
    put = s3.put_object(Bucket="listed", Key='a b/"c"', Body=b"12345")
    marker = s3.delete_object(Bucket="listed", Key='a b/"c"')["VersionId"]
    s3.put_object(Bucket="listed", Key="z", Body=b"", StorageClass="STANDARD_IA")
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "z"}, "Expiration": {"Date": "2199-01-01T00:00:00Z"}}
    s3.put_bucket_lifecycle_configuration(Bucket="listed", LifecycleConfiguration={"Rules": [rule]})
    s3.put_bucket_inventory_configuration(Bucket="listed", Id="all", InventoryConfiguration=inventory("reports"))
    deadline = time.monotonic() + 30
    manifests: list[str] = []
    while not manifests:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        found = s3.list_objects_v2(Bucket="reports").get("Contents", [])
        manifests = [one["Key"].removesuffix(".checksum") for one in found if one["Key"].endswith(".checksum")]
    text = s3.get_object(Bucket="reports", Key=f"{manifests[0]}.json")["Body"].read()
    told = s3.get_object(Bucket="reports", Key=f"{manifests[0]}.checksum")["Body"].read().decode()
    assert told == hashlib.md5(text).hexdigest()
    manifest = json.loads(text)
    assert manifests[0].startswith("reports/listed/all/") and manifests[0].endswith("Z/manifest")
    assert (manifest["sourceBucket"], manifest["fileFormat"]) == ("listed", "CSV")
    (file,) = manifest["files"]
    packed = s3.get_object(Bucket="reports", Key=file["key"])["Body"].read()
    assert (len(packed), hashlib.md5(packed).hexdigest()) == (file["size"], file["MD5checksum"])
    columns = manifest["fileSchema"].split(", ")
    rows = [dict(zip(columns, row, strict=True)) for row in csv.reader(io.StringIO(gzip.decompress(packed).decode()))]
    assert [(row["Key"], row["IsLatest"], row["IsDeleteMarker"]) for row in rows] == [
        ("a%20b/%22c%22", "true", "true"),
        ("a%20b/%22c%22", "false", "false"),
        ("z", "true", "false"),
    ]
    assert (rows[0]["VersionId"], rows[1]["VersionId"]) == (marker, put["VersionId"])
    assert (rows[1]["Size"], rows[1]["ETag"]) == ("5", put["ETag"].strip('"'))
    assert rows[2]["StorageClass"] == "STANDARD_IA"
    assert [row["LifecycleExpirationDate"] for row in rows] == ["", "", "2199-01-01T00:00:00.000Z"]


def test_refusals(client: Callable[..., Any], unique: Callable[[str], str]) -> None:
    # What S3's schema asks for.
    s3, name = client("s3"), unique("listed")
    s3.create_bucket(Bucket=name)
    for bad in (
        {"Schedule": {"Frequency": "Hourly"}},
        {"IncludedObjectVersions": "Some"},
        {"OptionalFields": ["Colour"]},
    ):
        with pytest.raises(ClientError, match="MalformedXML"):
            s3.put_bucket_inventory_configuration(Bucket=name, Id="all", InventoryConfiguration=inventory(name, **bad))
