"""Who owns what is put into a bucket, and whether its ACLs count; the operations are in ownership_controls.py."""

from __future__ import annotations

from haneul.services.s3.state import Bucket

ENFORCED = "BucketOwnerEnforced"
KINDS = (ENFORCED, "BucketOwnerPreferred", "ObjectWriter")


def of(bucket: Bucket) -> str:
    """The bucket's object ownership; ObjectWriter where the controls were deleted."""
    ownership: str = bucket.settings.get("ownership", "ObjectWriter")
    return ownership
