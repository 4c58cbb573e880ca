"""Event holds: a version is retained until the hold is released, and for the hold's duration from then on.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.services.s3.errors import errors, malformed_xml
from haneul.services.s3.state import Lock

DAY = 86_400
MAX_DAYS, MAX_YEARS = 36_500, 100
MEMBERS = ("ObjectLockEventHold", "ObjectLockEventHoldDurationDays", "ObjectLockEventHoldDurationYears")
"""PutObject's members for it."""


def of_headers(request: Mapping[str, Any]) -> tuple[bool, int, int]:
    """(whether a hold is asked for, its days, its years), from an upload's headers. Raises InvalidArgument."""
    status, days, years = (request.get(member) for member in MEMBERS)
    if status not in (None, "ON", "OFF"):
        raise errors.InvalidArgument(
            "Event Hold must be either of 'ON' or 'OFF'", ArgumentName="x-amz-object-lock-event-hold"
        )
    if status != "ON":
        if days is not None or years is not None:
            raise errors.InvalidArgument(
                "An event hold duration can only be specified with an event hold that is 'ON'.",
                ArgumentName="x-amz-object-lock-event-hold",
            )
        return False, 0, 0
    return True, *_checked(days, years)


def of_document(duration: Mapping[str, Any] | None) -> tuple[int, int]:
    """(days, years) of an EventHoldDuration. Raises MalformedXML, InvalidArgument."""
    if not duration:
        raise malformed_xml()
    return _checked(duration.get("Days"), duration.get("Years"))


def _checked(days: int | None, years: int | None) -> tuple[int, int]:
    if (days is None) == (years is None):
        raise errors.InvalidArgument("An event hold duration must be specified in either days or years.")
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise errors.InvalidArgument(f"Event hold duration must be between 1 and {MAX_DAYS} days.")
    if years is not None and not 1 <= years <= MAX_YEARS:
        raise errors.InvalidArgument(f"Event hold duration must be between 1 and {MAX_YEARS} years.")
    return days or 0, years or 0


def seconds(lock: Lock) -> float:
    """How long a version is retained once its hold is released."""
    return float((lock.days + lock.years * 365) * DAY)


def released(lock: Lock, now: float) -> Lock:
    """The lock once the event has come: its duration counts from now."""
    return Lock(lock.mode, max(lock.until, now + seconds(lock)), lock.hold)


def duration(lock: Lock) -> dict[str, int]:
    """The duration as an EventHoldDuration tells it."""
    return {"Years": lock.years} if lock.years else {"Days": lock.days}
