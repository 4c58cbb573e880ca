"""Whether a bucket keeps the versions of its objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors, malformed_xml
from haneul.services.s3.guard import bucket_arn
from haneul.services.s3.state import save_bucket


@operation(resource=bucket_arn)
def get_bucket_versioning(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketVersioning: nothing at all for a bucket that never had it."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    return {"Status": bucket.versioning or None, "MFADelete": bucket.mfa_delete or None}


@operation(resource=bucket_arn)
def put_bucket_versioning(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketVersioning. Raises MalformedXML, IllegalVersioningConfigurationException, InvalidBucketState under
    Object Lock or replication."""
    wanted = request.get("VersioningConfiguration") or {}
    status = wanted.get("Status")
    mfa_delete = wanted.get("MFADelete")
    if status is None and mfa_delete is None:
        raise errors.IllegalVersioningConfigurationException("The Versioning element must be specified")
    if status not in (None, "Enabled", "Suspended") or mfa_delete not in (None, "Enabled", "Disabled"):
        raise malformed_xml()
    if mfa_delete == "Enabled":  # nobody has a device here that could prove anything
        raise errors.AccessDenied("Mfa Authentication must be used for this request")
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        if status == "Suspended" and bucket.object_lock:
            raise errors.InvalidBucketState(
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
            )
        if status == "Suspended" and "replication" in bucket.settings:
            raise errors.InvalidBucketState(
                "A replication configuration is present on this bucket, so the versioning state cannot be changed."
            )
        save_bucket(tx, bucket, versioning=status or bucket.versioning, mfa_delete=mfa_delete or bucket.mfa_delete)
