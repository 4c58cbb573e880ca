"""x-amz-content-sha256: what a client may say of its payload, and the check that it is so."""

from __future__ import annotations

import hashlib
import re

from haneul.auth import refusals
from haneul.auth.keys import ECDSA, EMPTY, HMAC
from haneul.wire.errors import AwsError

UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING_HMAC = f"STREAMING-{HMAC}-PAYLOAD"
STREAMING_ECDSA = f"STREAMING-{ECDSA}-PAYLOAD"
STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMING_SIGNED = frozenset(
    {STREAMING_HMAC, f"{STREAMING_HMAC}-TRAILER", STREAMING_ECDSA, f"{STREAMING_ECDSA}-TRAILER"}
)
STREAMING = STREAMING_SIGNED | {STREAMING_UNSIGNED_TRAILER}
EVENTS = f"STREAMING-{HMAC}-EVENTS"
NOT_A_DIGEST = STREAMING | {UNSIGNED, EVENTS}

_HEX = re.compile(r"[0-9a-fA-F]{64}")
_CHOICES = ", ".join(
    (UNSIGNED, STREAMING_UNSIGNED_TRAILER, STREAMING_HMAC, f"{STREAMING_HMAC}-TRAILER", STREAMING_ECDSA)
)


_UNSHARED = 2047
"""Up to so many bytes hashlib keeps the interpreter to itself."""


def digest(body: bytes) -> str:
    """The SHA-256 in hex. A small body is fed in bites, for which hashlib doesn't let other threads in: two switches
    of threads cost more than its digest (15 us of a durable 4 KB PUT)."""
    if not body:
        return EMPTY
    size = len(body)
    if not _UNSHARED < size <= 32 << 10:
        return hashlib.sha256(body).hexdigest()
    running = hashlib.sha256(body[:_UNSHARED])
    view = memoryview(body)
    for start in range(_UNSHARED, size, _UNSHARED):
        running.update(view[start : start + _UNSHARED])
    return running.hexdigest()


def check_form(claimed: str) -> None:
    """Refuse a value that is no digest and none of the words that may stand for one."""
    if claimed not in NOT_A_DIGEST and _HEX.fullmatch(claimed) is None:
        raise AwsError(
            "InvalidArgument",
            f"x-amz-content-sha256 must be {_CHOICES}, {STREAMING_ECDSA}-TRAILER or a valid sha256 value.",
            400,
            ArgumentName="x-amz-content-sha256",
            ArgumentValue=claimed,
        )


def check_digest(claimed: str, computed: str, service: str | None) -> None:
    """Refuse a body whose SHA-256 is not the one that was signed."""
    if claimed == computed or claimed.lower() == computed:
        return
    if refusals.is_s3(service):
        raise AwsError(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            400,
            ClientComputedContentSHA256=claimed,
            S3ComputedContentSHA256=computed,
        )
    code, status = refusals.wording(service).mismatch
    message = "The value passed in as x-amz-content-sha256 does not match the computed payload hash."
    raise AwsError(code, f"{message} Computed digest: {computed} expected hash: {claimed}", status)
