"""Lifecycle rules on versions: what is deleted, what is only hidden, and what a lock keeps."""

from __future__ import annotations

import time


def test_versions_uploads_and_locks(fresh_cloud):
    """Noncurrent versions and forgotten uploads go, current ones get a marker, a held version stays."""
    cloud = fresh_cloud("--clock-rate", "86400")
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="aging", ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="aging", Key="held", Body=b"1", ObjectLockLegalHoldStatus="ON")
    for key in ("held", "expires", "expires", "kept/x"):
        s3.put_object(Bucket="aging", Key=key, Body=b"2")
    s3.create_multipart_upload(Bucket="aging", Key="forgotten")
    rules = [
        {
            "ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
        {"ID": "end", "Status": "Enabled", "Filter": {"Prefix": "expires"}, "Expiration": {"Days": 2}},
    ]  # fmt: skip
    s3.put_bucket_lifecycle_configuration(Bucket="aging", LifecycleConfiguration={"Rules": rules})
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        listed = s3.list_object_versions(Bucket="aging")
        versions = sorted((v["Key"], v["IsLatest"]) for v in listed["Versions"])
        if versions == [("held", False), ("held", True), ("kept/x", True)]:
            break
        time.sleep(0.2)
    assert versions == [("held", False), ("held", True), ("kept/x", True)]
    assert [marker["Key"] for marker in listed["DeleteMarkers"]] == ["expires"]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="aging")
