"""The two ways AWS writes an instant in signatures, and what is said of one too far from now."""

from __future__ import annotations

import calendar
import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from haneul.auth import refusals
from haneul.auth.refusals import Wording
from haneul.wire.errors import AwsError
from haneul.wire.message import Request

MAX_SKEW = 900
_BASIC = re.compile(r"[0-9]{8}T[0-9]{6}Z", re.ASCII)


def parse_instant(text: str) -> float | None:
    """Epoch seconds of yyyyMMddTHHmmssZ, None for anything else."""
    return _parse(text) if _BASIC.fullmatch(text) is not None else None


@lru_cache(maxsize=1024)
def _parse(text: str) -> float | None:
    try:
        return float(calendar.timegm(time.strptime(text, "%Y%m%dT%H%M%SZ")))
    except ValueError:
        return None


def basic(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%dT%H%M%SZ")


def extended(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def request_date(words: Wording, request: Request) -> str:
    """The request's instant as yyyyMMddTHHmmssZ, from X-Amz-Date or Date. Raises AwsError."""
    instant = request.headers.get("x-amz-date")
    if instant is None:
        date = request.headers.get("date")
        if date is not None:
            if parse_instant(date) is not None:
                return date
            try:
                return parsedate_to_datetime(date).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
            except (ValueError, TypeError, OverflowError):
                pass
    elif parse_instant(instant) is not None:
        return instant
    if words is refusals.S3:
        raise AwsError("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header", 403)
    code, status = words.incomplete
    if instant is not None:
        see = "See http://en.wikipedia.org/wiki/ISO_8601"
        raise AwsError(code, f"Date must be in ISO-8601 'basic format'. Got '{instant}'. {see}", status)
    raise AwsError(code, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.", status)


def skewed(words: Wording, instant: str, now: float, allowed: int = MAX_SKEW) -> AwsError:
    """The signature is from another time than `now`."""
    if words is refusals.S3:
        return AwsError(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            403,
            RequestTime=instant,
            ServerTime=extended(now),
            MaxAllowedSkewMilliseconds=str(MAX_SKEW * 1000),
        )
    if words is refusals.EC2:
        return AwsError("RequestExpired", "Request has expired.", 400)
    code, status = words.mismatch
    span = f"{allowed // 60} min."
    if instant < basic(now):
        edge = basic(now - allowed)
        message = f"Signature expired: {instant} is now earlier than {edge} ({basic(now)} - {span})"
    else:
        edge = basic(now + allowed)
        message = f"Signature not yet current: {instant} is still later than {edge} ({basic(now)} + {span})"
    return AwsError(code, message, status)
