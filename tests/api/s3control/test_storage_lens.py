"""Storage Lens: configurations, groups, and a daily export that counts what is really there."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.s3control.conftest import ACCOUNT, named
from tests.running import RunningCloud

Unique = Callable[[str], str]
PLAIN: dict[str, Any] = {"AccountLevel": {"BucketLevel": {}}, "IsEnabled": True}


def code_of(function: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        function(**request)
    return str(caught.value.response["Error"]["Code"])


def test_lives(control: Any, unique: Unique) -> None:
    # A configuration is put, told of as it was put, listed, tagged by either API, and deleted.
    name = unique("lens")
    given = {"AccountId": ACCOUNT, "ConfigId": name}
    wish = {"Id": name, **PLAIN, "Include": {"Regions": ["us-east-1"]}}
    control.put_storage_lens_configuration(**given, StorageLensConfiguration=wish, Tags=[{"Key": "a", "Value": "1"}])
    told = control.get_storage_lens_configuration(**given)["StorageLensConfiguration"]
    arn = told.pop("StorageLensArn")
    assert told == wish and arn == f"arn:aws:s3:us-east-1:{ACCOUNT}:storage-lens/{name}"
    listed = control.list_storage_lens_configurations(AccountId=ACCOUNT)["StorageLensConfigurationList"]
    assert {"Id": name, "StorageLensArn": arn, "HomeRegion": "us-east-1", "IsEnabled": True} in listed
    control.put_storage_lens_configuration(**given, StorageLensConfiguration={**wish, "IsEnabled": False})
    assert control.get_storage_lens_configuration_tagging(**given)["Tags"] == [{"Key": "a", "Value": "1"}]
    control.tag_resource(AccountId=ACCOUNT, ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    control.put_storage_lens_configuration_tagging(**given, Tags=[{"Key": "c", "Value": "3"}])
    assert control.list_tags_for_resource(AccountId=ACCOUNT, ResourceArn=arn)["Tags"] == [{"Key": "c", "Value": "3"}]
    control.delete_storage_lens_configuration_tagging(**given)
    assert control.get_storage_lens_configuration_tagging(**given)["Tags"] == []
    control.delete_storage_lens_configuration(**given)
    assert code_of(control.get_storage_lens_configuration, **given) == "NoSuchConfiguration"


def test_bad_wishes(control: Any, bucket: str, unique: Unique) -> None:
    # What can't be, and what an export would lack, is refused.
    name = unique("lens")

    def refused(**more: Any) -> str:
        wish = {"Id": name, **PLAIN, **more}
        return code_of(
            control.put_storage_lens_configuration, AccountId=ACCOUNT, ConfigId=name, StorageLensConfiguration=wish
        )

    there = {"Format": "CSV", "OutputSchemaVersion": "V_1", "AccountId": ACCOUNT, "Arn": f"arn:aws:s3:::{bucket}"}
    assert refused(Id="other") == "InvalidConfigId"
    assert refused(Include={"Regions": ["us-east-1"]}, Exclude={"Regions": ["us-east-1"]}) == (
        "InvalidIncludeExcludeContainers"
    )
    assert refused(DataExport={"S3BucketDestination": {**there, "Arn": "arn:aws:s3:::gone-gone"}}) == (
        "InvalidDestination"
    )
    assert refused(DataExport={"S3BucketDestination": {**there, "Format": "Parquet"}}) == "NotImplemented"
    active = {"ActivityMetrics": {"IsEnabled": True}, "BucketLevel": {"ActivityMetrics": {"IsEnabled": True}}}
    assert refused(AccountLevel=active, DataExport={"S3BucketDestination": there}) == "NotImplemented"


def test_groups(control: Any, unique: Unique) -> None:
    # Groups are made, changed, listed, tagged and deleted; their filters must say something.
    name = unique("group")
    given = {"AccountId": ACCOUNT, "Name": name}

    def made(**wanted: Any) -> dict[str, Any]:
        return {"AccountId": ACCOUNT, "StorageLensGroup": {"Name": name, "Filter": wanted}}

    assert code_of(control.create_storage_lens_group, **made()) == "InvalidFilter"
    assert code_of(control.create_storage_lens_group, **made(And={"MatchAnyPrefix": ["a"]})) == "InvalidLogicalOperator"
    control.create_storage_lens_group(**made(MatchAnyPrefix=["a"]), Tags=[{"Key": "a", "Value": "1"}])
    assert code_of(control.create_storage_lens_group, **made(MatchAnyPrefix=["a"])) == "ConfigurationAlreadyExists"
    control.update_storage_lens_group(**{**made(MatchObjectSize={"BytesGreaterThan": 1}), "Name": name})
    told = control.get_storage_lens_group(**given)["StorageLensGroup"]
    assert told["Filter"] == {"MatchObjectSize": {"BytesGreaterThan": 1}}
    arn = told["StorageLensGroupArn"]
    assert arn in [
        one["StorageLensGroupArn"]
        for one in control.list_storage_lens_groups(AccountId=ACCOUNT)["StorageLensGroupList"]
    ]
    assert control.list_tags_for_resource(AccountId=ACCOUNT, ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    control.delete_storage_lens_group(**given)
    assert code_of(control.get_storage_lens_group, **given) == "NoSuchConfiguration"


def test_daily_export(fresh_cloud: Callable[..., RunningCloud]) -> None:
    # At midnight on the cloud's clock, the export tells every byte and version there is, by bucket, prefix and group.
    cloud = fresh_cloud("--clock-rate", "43200")
    s3, control = named(cloud.port, "s3", ACCOUNT), named(cloud.port, "s3control", ACCOUNT)
    for name in ("data-one", "the-reports"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket="data-one", VersioningConfiguration={"Status": "Enabled"})
    for key, size in (("a/b/1", 10), ("a/b/1", 20), ("a/c", 30), ("z", 1), ("gone", 5)):
        s3.put_object(Bucket="data-one", Key=key, Body=b"x" * size)
    s3.put_object(Bucket="data-one", Key="cold", Body=b"x" * 7, StorageClass="GLACIER")
    s3.delete_object(Bucket="data-one", Key="gone")
    upload = s3.create_multipart_upload(Bucket="data-one", Key="parts")["UploadId"]
    s3.upload_part(Bucket="data-one", Key="parts", UploadId=upload, PartNumber=1, Body=b"x" * 100)
    control.create_storage_lens_group(
        AccountId=ACCOUNT, StorageLensGroup={"Name": "under-a", "Filter": {"MatchAnyPrefix": ["a/"]}}
    )
    level = {
        "BucketLevel": {"PrefixLevel": {"StorageMetrics": {"IsEnabled": True, "SelectionCriteria": {"MaxDepth": 2}}}},
        "StorageLensGroupLevel": {},
    }
    there = {"Format": "CSV", "OutputSchemaVersion": "V_1", "AccountId": ACCOUNT, "Arn": "arn:aws:s3:::the-reports",
             "Prefix": "lens"}  # fmt: skip
    wish = {"Id": "all", "AccountLevel": level, "IsEnabled": True, "DataExport": {"S3BucketDestination": there},
            "Exclude": {"Buckets": ["arn:aws:s3:::the-reports"]}}  # fmt: skip
    control.put_storage_lens_configuration(AccountId=ACCOUNT, ConfigId="all", StorageLensConfiguration=wish)
    stem, end = f"lens/StorageLens/{ACCOUNT}/all/V_1", time.monotonic() + 60
    while not (found := s3.list_objects_v2(Bucket="the-reports", Prefix=f"{stem}/manifests/").get("Contents")):
        assert time.monotonic() < end
        time.sleep(0.1)
    manifest = json.loads(s3.get_object(Bucket="the-reports", Key=found[0]["Key"])["Body"].read())
    assert found[0]["Key"] == f"{stem}/manifests/dt={manifest['reportDate']}/manifest.json"
    file = manifest["reportFiles"][0]
    content = s3.get_object(Bucket="the-reports", Key=file["key"])["Body"].read()
    assert (len(content), hashlib.md5(content).hexdigest()) == (file["size"], file["md5Checksum"])
    counted: dict[tuple[str, str, str], dict[str, int]] = {}
    for row in csv.DictReader(io.StringIO(content.decode())):
        place = (row["record_type"], row["record_value"], row["storage_class"])
        counted.setdefault(place, {})[row["metric_name"]] = int(row["metric_value"])
    whole = counted["BUCKET", "data-one", "STANDARD"]
    assert (whole["StorageBytes"], whole["ObjectCount"], whole["DeleteMarkerObjectCount"]) == (166, 5, 1)
    assert (whole["CurrentVersionStorageBytes"], whole["NonCurrentVersionStorageBytes"]) == (51, 15)
    assert whole["IncompleteMultipartUploadStorageBytes"] == 100
    assert counted["BUCKET", "data-one", "GLACIER"]["StorageBytes"] == 7
    assert counted["ACCOUNT", ACCOUNT, "STANDARD"] == whole
    assert counted["PREFIX", "a/", "STANDARD"]["StorageBytes"] == 60
    assert counted["PREFIX", "a/b/", "STANDARD"]["NonCurrentVersionObjectCount"] == 1
    group = quote_arn(f"arn:aws:s3:us-east-1:{ACCOUNT}:storage-lens-group/under-a")
    assert counted["STORAGE_LENS_GROUP_BUCKET", group, "STANDARD"]["ObjectCount"] == 3
    assert counted["STORAGE_LENS_GROUP_ACCOUNT", group, "STANDARD"]["StorageBytes"] == 60


def quote_arn(arn: str) -> str:
    return arn.replace(":", "%3A")
