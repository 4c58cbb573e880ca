"""Object Lock: what is locked stays, whoever asks, until its time."""

import datetime

import pytest
from botocore.exceptions import ClientError

UTC = datetime.UTC


@pytest.fixture
def s3(client):
    return client("s3")


@pytest.fixture
def bucket(s3, unique):
    name = unique("locked")
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"]


def later(days=1):
    return datetime.datetime.now(UTC) + datetime.timedelta(days=days)


def test_compliance_holds_for_everybody(s3, bucket):
    """A locked version can't be deleted or shortened; a delete marker over it can be made."""
    version = s3.put_object(
        Bucket=bucket, Key="k", Body=b"x", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=later()
    )["VersionId"]
    assert refused(s3.delete_object, Bucket=bucket, Key="k", VersionId=version) == "AccessDenied"
    bypass = {"Bucket": bucket, "Key": "k", "VersionId": version, "BypassGovernanceRetention": True}
    assert refused(s3.delete_object, **bypass) == "AccessDenied"
    shorter = {"Mode": "COMPLIANCE", "RetainUntilDate": later(0.5)}
    assert refused(s3.put_object_retention, Bucket=bucket, Key="k", Retention=shorter) == "AccessDenied"
    s3.put_object_retention(Bucket=bucket, Key="k", Retention={"Mode": "COMPLIANCE", "RetainUntilDate": later(3)})
    assert s3.delete_object(Bucket=bucket, Key="k")["DeleteMarker"] is True
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=version)["ObjectLockMode"] == "COMPLIANCE"


def test_governance_gives_way_to_who_may(s3, bucket):
    """With the bypass header the owner deletes; without it, not."""
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    s3.put_object_retention(Bucket=bucket, Key="k", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": later()})
    told = s3.get_object_retention(Bucket=bucket, Key="k")["Retention"]
    assert told["Mode"] == "GOVERNANCE"
    errors = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": version}]})["Errors"]
    assert errors[0]["Code"] == "AccessDenied"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version, BypassGovernanceRetention=True)


def test_a_legal_hold(s3, bucket):
    """ON keeps, OFF lets go."""
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ObjectLockLegalHoldStatus="ON")["VersionId"]
    assert s3.get_object_legal_hold(Bucket=bucket, Key="k")["LegalHold"]["Status"] == "ON"
    assert refused(s3.delete_object, Bucket=bucket, Key="k", VersionId=version) == "AccessDenied"
    s3.put_object_legal_hold(Bucket=bucket, Key="k", LegalHold={"Status": "OFF"})
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version)


def test_default_retention(s3, bucket):
    """New versions are born with the bucket's rule."""
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 2}}
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=configuration)
    assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"] == configuration
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ObjectLockMode"] == "GOVERNANCE"
    left = head["ObjectLockRetainUntilDate"] - datetime.datetime.now(UTC)
    assert datetime.timedelta(days=1, hours=23) < left <= datetime.timedelta(days=2)


@pytest.mark.parametrize(
    ("retention", "code"),
    [
        ({"Mode": "GOVERNANCE", "Days": 0}, "InvalidArgument"),
        ({"Mode": "GOVERNANCE", "Years": -1}, "InvalidArgument"),
        ({"Mode": "abc", "Days": 1}, "MalformedXML"),
        ({"Mode": "GOVERNANCE", "Days": 1, "Years": 1}, "MalformedXML"),
    ],
)
def test_wrong_defaults(s3, bucket, retention, code):
    """AWS's words for each."""
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}
    assert refused(s3.put_object_lock_configuration, Bucket=bucket, ObjectLockConfiguration=configuration) == code


def test_without_object_lock(s3, unique):
    """A plain bucket refuses everything about locks, clearly."""
    name = unique("plain")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    assert refused(s3.get_object_lock_configuration, Bucket=name) == "ObjectLockConfigurationNotFoundError"
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": later()}
    assert refused(s3.put_object_retention, Bucket=name, Key="k", Retention=retention) == "InvalidRequest"
    assert refused(s3.get_object_legal_hold, Bucket=name, Key="k") == "InvalidRequest"
    locked = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": later()}
    assert refused(s3.put_object, Bucket=name, Key="k", **locked) == "InvalidRequest"
    assert (
        refused(s3.put_object_lock_configuration, Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
        == "InvalidBucketState"
    )


def test_a_past_date(s3, bucket):
    """Retention looks ahead."""
    past = {"Mode": "GOVERNANCE", "RetainUntilDate": later(-1)}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert refused(s3.put_object_retention, Bucket=bucket, Key="k", Retention=past) == "InvalidArgument"
    assert refused(s3.get_object_retention, Bucket=bucket, Key="k") == "NoSuchObjectLockConfiguration"
