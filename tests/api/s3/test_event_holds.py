"""Event holds: retained until released, for their duration from then on; set by headers, documents and the bucket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.s3.conftest import refused


@pytest.fixture
def locked(s3: Any, unique: Any) -> str:
    name: str = unique("held")
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def put(s3: Any, bucket: str, mode: str = "GOVERNANCE", **more: Any) -> str:
    hold = {"ObjectLockEventHold": "ON", "ObjectLockEventHoldDurationDays": 3}
    return str(s3.put_object(Bucket=bucket, Key="k", Body=b"x", ObjectLockMode=mode, **(hold | more))["VersionId"])


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_held_and_released(s3: Any, locked: str, mode: str) -> None:
    """Nobody deletes what is held (but who may bypass governance); released, it stays for three days more."""
    version = put(s3, locked, mode)
    which = {"Bucket": locked, "Key": "k", "VersionId": version}
    head = s3.head_object(**which)
    assert (head["ObjectLockEventHold"], head["ObjectLockEventHoldDurationDays"]) == ("ON", 3)
    assert head["ObjectLockMode"] == mode
    assert "ObjectLockRetainUntilDate" not in head
    assert refused(s3.delete_object, **which).code == "AccessDenied"
    told = s3.get_object_retention(**which)["Retention"]
    assert told == {"Mode": mode, "EventHold": "ON", "EventHoldDuration": {"Days": 3}}
    s3.put_object_retention(**which, Retention={"EventHold": "OFF"})
    told = s3.get_object_retention(**which)["Retention"]
    assert told["Mode"] == mode
    left = told["RetainUntilDate"] - datetime.now(UTC)
    assert timedelta(days=2, hours=23) < left < timedelta(days=3, minutes=1)
    assert "EventHold" not in told
    assert refused(s3.delete_object, **which).code == "AccessDenied"
    if mode == "GOVERNANCE":
        s3.delete_object(**which, BypassGovernanceRetention=True)


def test_only_a_release_loosens_it(s3: Any, locked: str) -> None:
    """A shorter duration, or no retention at all, needs the right to bypass; compliance gives way to nobody."""
    version = put(s3, locked)
    which = {"Bucket": locked, "Key": "k", "VersionId": version}
    shorter = {"Mode": "GOVERNANCE", "EventHold": "ON", "EventHoldDuration": {"Days": 1}}
    assert refused(s3.put_object_retention, **which, Retention=shorter).code == "AccessDenied"
    assert refused(s3.put_object_retention, **which, Retention={}).code == "AccessDenied"
    longer = {"Mode": "COMPLIANCE", "EventHold": "ON", "EventHoldDuration": {"Years": 2}}
    s3.put_object_retention(**which, Retention=longer)
    assert s3.head_object(**which)["ObjectLockEventHoldDurationYears"] == 2
    loosened = {**which, "BypassGovernanceRetention": True}
    assert refused(s3.put_object_retention, **loosened, Retention=shorter).code == "AccessDenied"
    assert refused(s3.delete_object, **loosened).code == "AccessDenied"
    s3.put_object_legal_hold(**which, LegalHold={"Status": "ON"})
    assert s3.head_object(**which)["ObjectLockEventHold"] == "ON"


def test_a_buckets_default(s3: Any, locked: str) -> None:
    """New versions are held as the bucket says."""
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "DefaultEventHold": {"Days": 5}}}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration=lock)
    assert s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"] == lock
    version = s3.put_object(Bucket=locked, Key="d")["VersionId"]
    head = s3.head_object(Bucket=locked, Key="d")
    assert (head["ObjectLockEventHold"], head["ObjectLockEventHoldDurationDays"]) == ("ON", 5)
    assert refused(s3.delete_object, Bucket=locked, Key="d", VersionId=version).code == "AccessDenied"
    s3.delete_object(Bucket=locked, Key="d", VersionId=version, BypassGovernanceRetention=True)


def test_refusals(s3: Any, locked: str, bucket: str) -> None:
    """Holds without a mode, without or with two durations, and on buckets without Object Lock."""
    for wrong in (
        {"ObjectLockEventHoldDurationYears": 1},
        {"ObjectLockEventHoldDurationDays": 0},
        {"ObjectLockEventHoldDurationDays": 36_501},
    ):
        with pytest.raises(Exception, match="InvalidArgument"):
            put(s3, locked, **wrong)
    hold = {"ObjectLockEventHold": "ON", "ObjectLockEventHoldDurationDays": 3}
    assert refused(s3.put_object, Bucket=locked, Key="k", **hold).code == "InvalidArgument"
    assert refused(s3.put_object, Bucket=bucket, Key="k", **hold).code == "InvalidRequest"
