"""Access control lists of buckets and objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.s3.state import Bucket


def grants_for(call: Call, bucket: Bucket, request: Mapping[str, Any]) -> Any:
    """The stored ACL of an object written by this request (canned or x-amz-grant-*); None is private.

    Raises AccessControlListNotSupported where ownership forbids ACLs, InvalidArgument for nonsense.
    """
    return None


def bucket_grants_for(call: Call, request: Mapping[str, Any]) -> Any:
    """The same for a bucket being created; stored as its setting "acl"."""
    return None


def object_owner(call: Call, bucket: Bucket) -> str:
    """The account that owns an object written now: "" for the bucket's owner (Entry.owner)."""
    return ""
