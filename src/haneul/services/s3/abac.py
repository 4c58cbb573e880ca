"""Access by attributes: where a bucket has it enabled, its tags are condition keys of every request on it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/buckets-tagging-enable-abac.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3.buckets import bucket_of, change_setting
from haneul.services.s3.errors import malformed_xml
from haneul.services.s3.guard import bucket_arn


@operation(resource=bucket_arn, action="s3:PutBucketABAC")
def put_bucket_abac(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketAbac: Enabled or Disabled. Raises MalformedXML."""
    status = (request.get("AbacStatus") or {}).get("Status")
    if status not in ("Enabled", "Disabled"):
        raise malformed_xml()
    change_setting(call, request, "abac", True if status == "Enabled" else None)


@operation(resource=bucket_arn, action="s3:GetBucketABAC")
def get_bucket_abac(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketAbac: Disabled where it was never set."""
    with call.read() as tx:
        enabled = "abac" in bucket_of(tx, request).settings
    return {"AbacStatus": {"Status": "Enabled" if enabled else "Disabled"}}
