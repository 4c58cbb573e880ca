"""A bucket's small switches: who pays for requests, transfer acceleration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3.buckets import bucket_of, change_setting
from haneul.services.s3.errors import errors, malformed_xml
from haneul.services.s3.guard import bucket_arn


@operation(resource=bucket_arn)
def put_bucket_request_payment(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketRequestPayment: BucketOwner or Requester."""
    payer = (request.get("RequestPaymentConfiguration") or {}).get("Payer")
    if payer not in ("BucketOwner", "Requester"):
        raise malformed_xml()
    change_setting(call, request, "payer", payer)


@operation(resource=bucket_arn)
def get_bucket_request_payment(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketRequestPayment."""
    with call.read() as tx:
        return {"Payer": bucket_of(tx, request).settings.get("payer", "BucketOwner")}


@operation(resource=bucket_arn, action="s3:PutAccelerateConfiguration")
def put_bucket_accelerate_configuration(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketAccelerateConfiguration. Raises InvalidRequest for a name with dots, which can't be accelerated."""
    status = (request.get("AccelerateConfiguration") or {}).get("Status")
    if status not in ("Enabled", "Suspended"):
        raise malformed_xml()
    if "." in request["Bucket"]:
        raise errors.InvalidRequest(
            "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names"
        )
    change_setting(call, request, "accelerate", status)


@operation(resource=bucket_arn, action="s3:GetAccelerateConfiguration")
def get_bucket_accelerate_configuration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketAccelerateConfiguration: nothing where it was never set."""
    with call.read() as tx:
        return {"Status": bucket_of(tx, request).settings.get("accelerate")}
