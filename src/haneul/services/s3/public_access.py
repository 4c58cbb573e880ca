"""Public access block: four switches that overrule ACLs and policies which would open a bucket to everybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3.blocks import SWITCHES
from haneul.services.s3.buckets import bucket_of, change_setting
from haneul.services.s3.errors import errors, malformed_xml
from haneul.services.s3.guard import bucket_arn


@operation(resource=bucket_arn, action="s3:PutBucketPublicAccessBlock")
def put_public_access_block(call: Call, request: Mapping[str, Any]) -> None:
    """PutPublicAccessBlock. A switch that isn't named is off."""
    configuration = request.get("PublicAccessBlockConfiguration")
    if configuration is None:
        raise malformed_xml()
    change_setting(call, request, "public_access_block", {name: bool(configuration.get(name)) for name in SWITCHES})


@operation(resource=bucket_arn, action="s3:GetBucketPublicAccessBlock")
def get_public_access_block(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetPublicAccessBlock. Raises NoSuchPublicAccessBlockConfiguration."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    settings = bucket.settings.get("public_access_block")
    if settings is None:
        raise errors.NoSuchPublicAccessBlockConfiguration(
            "The public access block configuration was not found", BucketName=bucket.name
        )
    return {"PublicAccessBlockConfiguration": settings}


@operation(resource=bucket_arn, action="s3:PutBucketPublicAccessBlock")
def delete_public_access_block(call: Call, request: Mapping[str, Any]) -> None:
    """DeletePublicAccessBlock. Deleting none is no error."""
    change_setting(call, request, "public_access_block", None)
