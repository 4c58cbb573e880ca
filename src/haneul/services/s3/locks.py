"""Object Lock: what a version's retention and legal hold forbid, and what new versions are born with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.s3.state import Bucket, Lock, Object


def check_delete(call: Call, bucket: Bucket, version: Object, bypass: bool) -> None:
    """Raise AccessDenied when the version may not be deleted now. Called before every removal of a version."""


def lock_for(call: Call, bucket: Bucket, request: Mapping[str, Any]) -> Lock | None:
    """The lock a new version is born with: from the request's headers, else from the bucket's default retention.

    Raises InvalidRequest where the bucket has no Object Lock but the request asks for one.
    """
    return None


def describe(version: Object) -> dict[str, Any]:
    """The ObjectLock* members of GetObject and HeadObject."""
    return {}
