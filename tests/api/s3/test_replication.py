"""Replication: what may be configured, and that versions arrive elsewhere as they are, once, and no further."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running import RunningCloud

Client = Callable[..., Any]
Unique = Callable[[str], str]
ROLE = "arn:aws:iam::000000000000:role/replicator"
OTHER = "222222222222"


def versioned(s3: Any, name: str, region: str = "us-east-1") -> str:
    more = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **more)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture
def pair(client: Client, unique: Unique) -> tuple[str, str]:
    """Two versioned buckets."""
    s3 = client("s3")
    return versioned(s3, unique("from")), versioned(s3, unique("to"))


def rule(there: str, **more: Any) -> dict[str, Any]:
    """A rule of the second schema for everything."""
    return {
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{there}"},
        **more,
    }


def replicate(s3: Any, bucket: str, *rules: dict[str, Any]) -> None:
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration={"Role": ROLE, "Rules": list(rules)})


def settled(s3: Any, bucket: str, key: str, version: str) -> dict[str, Any]:
    """HeadObject once the source is not pending any more."""
    deadline = time.monotonic() + 20
    while True:
        head: dict[str, Any] = s3.head_object(Bucket=bucket, Key=key, VersionId=version)
        if head.get("ReplicationStatus") != "PENDING" or time.monotonic() > deadline:
            return head
        time.sleep(0.02)


def refused(s3: Any, bucket: str, *rules: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ClientError) as caught:
        replicate(s3, bucket, *rules)
    error: dict[str, str] = caught.value.response["Error"]
    return error


def test_configuration(client: Client, pair: tuple[str, str]) -> None:
    # Either schema comes back as it was given, with ids; without one there is an error.
    s3, (here, there) = client("s3"), pair
    with pytest.raises(ClientError, match="ReplicationConfigurationNotFoundError"):
        s3.get_bucket_replication(Bucket=here)
    replicate(s3, here, rule(there, ID="all"))
    told = s3.get_bucket_replication(Bucket=here)["ReplicationConfiguration"]
    assert told == {"Role": ROLE, "Rules": [rule(there, ID="all")]}
    old = {"Status": "Enabled", "Prefix": "a", "Destination": {"Bucket": f"arn:aws:s3:::{there}"}}
    replicate(s3, here, old)
    (kept,) = s3.get_bucket_replication(Bucket=here)["ReplicationConfiguration"]["Rules"]
    assert kept.pop("ID") and kept == old
    with pytest.raises(ClientError, match="InvalidBucketState"):
        s3.put_bucket_versioning(Bucket=here, VersioningConfiguration={"Status": "Suspended"})
    bare = {"ID": "bare", "Status": "Enabled", "Destination": {"Bucket": f"arn:aws:s3:::{there}"}}
    replicate(s3, here, bare)
    empty = rule(there, ID="empty", Filter={})
    replicate(s3, here, empty)
    assert s3.get_bucket_replication(Bucket=here)["ReplicationConfiguration"]["Rules"] == [empty]
    s3.delete_bucket_replication(Bucket=here)
    s3.delete_bucket_replication(Bucket=here)
    with pytest.raises(ClientError, match="ReplicationConfigurationNotFoundError"):
        s3.get_bucket_replication(Bucket=here)


def test_refusals(client: Client, pair: tuple[str, str], unique: Unique) -> None:
    # Versioning on both sides, a destination that is there, priorities, tags beside delete markers.
    s3, (here, there) = client("s3"), pair
    plain = unique("plain")
    s3.create_bucket(Bucket=plain)
    error = refused(s3, plain, rule(there))
    assert error["Code"] == "InvalidRequest"
    assert error["Message"] == "Versioning must be 'Enabled' on the bucket to apply a replication configuration"
    assert refused(s3, here, rule(plain))["Message"] == "Destination bucket must have versioning enabled."
    assert refused(s3, here, rule(unique("nobody")))["Message"] == "Destination bucket must exist."
    assert refused(s3, here, rule(here))["Code"] == "InvalidRequest"
    assert refused(s3, here, rule(there, Destination={"Bucket": there}))["Code"] == "InvalidArgument"
    assert refused(s3, here, rule(there, ID="a"), rule(there, ID="b"))["Code"] == "InvalidRequest"
    assert refused(s3, here, rule(there, ID="a"), rule(there, ID="a", Priority=2))["Code"] == "InvalidArgument"
    without = rule(there)
    del without["Priority"]
    assert "Priority must be specified" in refused(s3, here, without)["Message"]
    tagged = rule(there, Filter={"Tag": {"Key": "a", "Value": "b"}}, DeleteMarkerReplication={"Status": "Enabled"})
    assert "any Tag filter" in refused(s3, here, tagged)["Message"]
    assert refused(s3, here, rule(there, Status="On"))["Code"] == "MalformedXML"
    assert refused(s3, here, rule(there, Prefix="x"))["Code"] == "MalformedXML"


def test_objects_arrive_as_they_are(client: Client, pair: tuple[str, str]) -> None:
    # Small, large, in parts and encrypted: bytes, version id, etag, metadata, tags; COMPLETED here, REPLICA there.
    s3, (here, there) = client("s3"), pair
    replicate(s3, here, rule(there, Destination={"Bucket": f"arn:aws:s3:::{there}", "StorageClass": "STANDARD_IA"}))
    bodies = {"small": b"x" * 10, "chunks": b"y" * 200_000, "file": b"z" * 700_000, "sealed": b"w" * 300_000}
    versions = {}
    for key, body in bodies.items():
        more = {"ServerSideEncryption": "AES256"} if key == "sealed" else {}
        put = s3.put_object(
            Bucket=here, Key=key, Body=body, Metadata={"k": key}, Tagging="a=1", ContentType="text/x", **more
        )
        versions[key] = put["VersionId"]
    upload = s3.create_multipart_upload(Bucket=here, Key="parts")["UploadId"]
    etags = [
        s3.upload_part(Bucket=here, Key="parts", UploadId=upload, PartNumber=number, Body=body)["ETag"]
        for number, body in ((1, b"1" * (5 << 20)), (2, b"2" * 1000))
    ]
    parts = {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]}
    done = s3.complete_multipart_upload(Bucket=here, Key="parts", UploadId=upload, MultipartUpload=parts)
    versions["parts"] = done["VersionId"]
    bodies["parts"] = b"1" * (5 << 20) + b"2" * 1000
    for key, body in bodies.items():
        source = settled(s3, here, key, versions[key])
        assert source["ReplicationStatus"] == "COMPLETED", key
        found = s3.get_object(Bucket=there, Key=key)
        assert found["Body"].read() == body
        assert found["ReplicationStatus"] == "REPLICA"
        assert (found["VersionId"], found["ETag"]) == (versions[key], source["ETag"])
        assert found["StorageClass"] == "STANDARD_IA"
        if key != "parts":
            assert (found["Metadata"], found["ContentType"]) == ({"k": key}, "text/x")
            assert s3.get_object_tagging(Bucket=there, Key=key)["TagSet"] == [{"Key": "a", "Value": "1"}]
    s3.delete_object(Bucket=here, Key="parts", VersionId=versions["parts"])  # the replica has files of its own
    assert s3.get_object(Bucket=there, Key="parts")["Body"].read() == bodies["parts"]


def test_rules_choose(client: Client, pair: tuple[str, str]) -> None:
    # Prefix and tags; what no rule covers has no status.
    s3, (here, there) = client("s3"), pair
    both = {"And": {"Prefix": "a/", "Tags": [{"Key": "keep", "Value": "yes"}]}}
    replicate(s3, here, rule(there, Filter=both))
    plain = s3.put_object(Bucket=here, Key="a/plain", Body=b"")["VersionId"]
    other = s3.put_object(Bucket=here, Key="b/tagged", Body=b"", Tagging="keep=yes")["VersionId"]
    kept = s3.put_object(Bucket=here, Key="a/tagged", Body=b"", Tagging="keep=yes")["VersionId"]
    assert settled(s3, here, "a/tagged", kept)["ReplicationStatus"] == "COMPLETED"
    assert "ReplicationStatus" not in settled(s3, here, "a/plain", plain)
    assert "ReplicationStatus" not in settled(s3, here, "b/tagged", other)
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=there)["Contents"]] == ["a/tagged"]


def test_markers_tags_and_no_loops(client: Client, pair: tuple[str, str]) -> None:
    # Two buckets that replicate to each other: markers and tags go over once, and nothing comes back.
    s3, (here, there) = client("s3"), pair
    marked = {"DeleteMarkerReplication": {"Status": "Enabled"}}
    replicate(s3, here, rule(there, **marked))
    replicate(s3, there, rule(here, **marked))
    version = s3.put_object(Bucket=here, Key="k", Body=b"1")["VersionId"]
    assert settled(s3, here, "k", version)["ReplicationStatus"] == "COMPLETED"
    s3.put_object_tagging(Bucket=here, Key="k", Tagging={"TagSet": [{"Key": "t", "Value": "2"}]})
    assert settled(s3, here, "k", version)["ReplicationStatus"] == "COMPLETED"
    assert s3.get_object_tagging(Bucket=there, Key="k")["TagSet"] == [{"Key": "t", "Value": "2"}]
    marker = s3.delete_object(Bucket=here, Key="k")["VersionId"]
    back = s3.put_object(Bucket=there, Key="back", Body=b"2")["VersionId"]
    assert settled(s3, there, "back", back)["ReplicationStatus"] == "COMPLETED"
    deadline = time.monotonic() + 20
    while "DeleteMarkers" not in (told := s3.list_object_versions(Bucket=there, Prefix="k")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert [(one["VersionId"], one["IsLatest"]) for one in told["DeleteMarkers"]] == [(marker, True)]
    assert [one["VersionId"] for one in told["Versions"]] == [version]
    assert s3.head_object(Bucket=here, Key="back")["ReplicationStatus"] == "REPLICA"
    assert len(s3.list_object_versions(Bucket=here)["Versions"]) == 2


def test_other_account_and_region(client: Client, unique: Unique) -> None:
    # Another account's bucket takes replicas where its policy lets the role in; else they FAIL.
    s3, foreign = client("s3"), client("s3", account=OTHER, region="eu-west-1")
    here = versioned(s3, unique("from"))
    there = versioned(foreign, unique("to"), "eu-west-1")
    replicate(s3, here, rule(there))
    denied = s3.put_object(Bucket=here, Key="denied", Body=b"1")["VersionId"]
    assert settled(s3, here, "denied", denied)["ReplicationStatus"] == "FAILED"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": ROLE},
                "Action": ["s3:ReplicateObject", "s3:ReplicateDelete"],
                "Resource": f"arn:aws:s3:::{there}/*",
            }
        ],
    }
    foreign.put_bucket_policy(Bucket=there, Policy=json.dumps(policy))
    allowed = s3.put_object(Bucket=here, Key="allowed", Body=b"2")["VersionId"]
    assert settled(s3, here, "allowed", allowed)["ReplicationStatus"] == "COMPLETED"
    assert foreign.get_object(Bucket=there, Key="allowed")["Body"].read() == b"2"


def test_a_kill_loses_no_replica(fresh_cloud: Callable[..., RunningCloud]) -> None:
    # What was acknowledged before kill -9 is replicated after the restart, once each.
    cloud = fresh_cloud()
    s3 = cloud.client("s3")
    here, there = versioned(s3, "here"), versioned(s3, "there")
    replicate(s3, here, rule(there))
    body = b"x" * 400_000
    versions = {f"k{n}": s3.put_object(Bucket=here, Key=f"k{n}", Body=body)["VersionId"] for n in range(12)}
    cloud.kill()
    cloud.restart()
    for key, version in versions.items():
        assert settled(s3, here, key, version)["ReplicationStatus"] == "COMPLETED"
    found = s3.list_object_versions(Bucket=there)["Versions"]
    assert {one["Key"]: one["VersionId"] for one in found} == versions
    assert len(found) == len(versions)
    assert s3.get_object(Bucket=there, Key="k7")["Body"].read() == body


def test_the_role_must_be_allowed(fresh_cloud: Callable[..., RunningCloud]) -> None:
    # Where policies are enforced: without a role that may write there, a version FAILS; with one, it arrives.
    cloud = fresh_cloud("--enforce-iam")
    s3, iam = cloud.client("s3"), cloud.client("iam")
    here, there = versioned(s3, "here"), versioned(s3, "there")
    replicate(s3, here, rule(there))
    version = s3.put_object(Bucket=here, Key="nobody", Body=b"1")["VersionId"]
    assert settled(s3, here, "nobody", version)["ReplicationStatus"] == "FAILED"
    trust = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName="replicator", AssumeRolePolicyDocument=document)
    version = s3.put_object(Bucket=here, Key="weak", Body=b"1")["VersionId"]
    assert settled(s3, here, "weak", version)["ReplicationStatus"] == "FAILED"
    right = {"Effect": "Allow", "Action": "s3:ReplicateObject", "Resource": f"arn:aws:s3:::{there}/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [right]})
    iam.put_role_policy(RoleName="replicator", PolicyName="p", PolicyDocument=document)
    version = s3.put_object(Bucket=here, Key="k", Body=b"1")["VersionId"]
    assert settled(s3, here, "k", version)["ReplicationStatus"] == "COMPLETED"
