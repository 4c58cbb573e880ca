"""AWS's three ways to write a moment: iso8601, rfc822 and unixTimestamp. Inside, a moment is epoch seconds."""

from __future__ import annotations

import re
from calendar import timegm
from functools import lru_cache
from math import floor, isfinite
from typing import Any

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?\s*([Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)
_BASIC = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)
_RFC822 = re.compile(
    r"(?:[A-Za-z]{3,9},\s+)?(\d{1,2})[ -]([A-Za-z]{3})[ -](\d{2,4})\s+(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?"
    r"\s*(GMT|UTC|Z|[+-]\d{4})?",
    re.ASCII,
)
_LAST = 253402300800  # year 10000
_FIRST = -62135596800  # year 1


def parse(value: object) -> float:
    """Epoch seconds of a timestamp in any of the three formats. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError("a boolean is not a timestamp")
    if isinstance(value, int | float):
        return _bounded(float(value))
    if not isinstance(value, str):
        raise ValueError(f"not a timestamp: {type(value).__name__}")
    text = value.strip()
    if len(text) > 64:
        raise ValueError("too long for a timestamp")
    match = _ISO.fullmatch(text)
    if match is not None:
        year, month, day, hour, minute, second, fraction, zone = match.groups()
        return _moment(year, int(month), day, hour or 0, minute or 0, second or 0, fraction, zone)
    match = _RFC822.fullmatch(text)
    if match is not None:
        day, name, year, hour, minute, second, fraction, zone = match.groups()
        month = _MONTHS.index(name.capitalize()) + 1
        if len(year) == 2:
            year = f"{'19' if int(year) > 68 else '20'}{year}"
        return _moment(year, month, day, hour, minute, second, fraction, zone)
    match = _BASIC.fullmatch(text)
    if match is not None:
        year, month, day, hour, minute, second = match.groups()
        return _moment(year, int(month), day, hour, minute, second, None, None)
    return _bounded(float(text))


def _moment(
    year: Any, month: int, day: Any, hour: Any, minute: Any, second: Any, fraction: str | None, zone: str | None
) -> float:
    year, day, hour, minute, second = int(year), int(day), int(hour), int(minute), int(second)
    if not (1 <= month <= 12 and 1 <= day <= _month_days(year, month) and hour < 24 and minute < 60 and second <= 60):
        raise ValueError("no such moment")
    moment: float = timegm((year, month, day, hour, minute, second))
    if fraction:
        moment += int(fraction.ljust(9, "0")) / 1e9
    if zone and zone[0] in "+-":
        shift = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        moment += -shift if zone[0] == "+" else shift
    return float(moment)


def _month_days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in {4, 6, 9, 11} else 31


def _bounded(value: float) -> float:
    if not isfinite(value) or not _FIRST <= value < _LAST:
        raise ValueError("no such moment")
    return value


@lru_cache(4096)
def _civil(day: int) -> tuple[int, int, int]:
    """Year, month and day of a day number since 1970 (Howard Hinnant's days-from-civil, turned round)."""
    day += 719468
    era, of_era = divmod(day, 146097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


@lru_cache(8192)
def _to_second(second: int) -> str:
    days, rest = divmod(second, 86400)
    year, month, day = _civil(days)
    return f"{year:04d}-{month:02d}-{day:02d}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"


@lru_cache(8192)
def _to_second_and_millis(second: int) -> str:
    return _to_second(second) + ".000Z"


def iso_millis(moment: float) -> str:
    """2006-03-01T12:30:00.000Z, always with milliseconds, as S3 and EC2 write it."""
    second = int(moment)
    if second == moment:
        return _to_second_and_millis(second)
    millis = floor(moment * 1000 + 0.5)
    return f"{_to_second(millis // 1000)}.{millis % 1000:03d}Z"


def iso(moment: float) -> str:
    """2006-03-01T12:30:00Z, with milliseconds only where there are any."""
    millis = floor(moment * 1000 + 0.5)
    if millis % 1000:
        return f"{_to_second(millis // 1000)}.{millis % 1000:03d}Z"
    return _to_second(millis // 1000) + "Z"


@lru_cache(4096)
def _rfc822(second: int) -> str:
    days, rest = divmod(second, 86400)
    year, month, day = _civil(days)
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{_DAYS[(days + 3) % 7]}, {day:02d} {_MONTHS[month - 1]} {year:04d} {clock} GMT"


def rfc822(moment: float) -> str:
    """Wed, 01 Mar 2006 12:30:00 GMT; never with a fraction."""
    return _rfc822(floor(moment))


def unix(moment: float) -> int | float:
    """Epoch seconds for JSON: an integer where it is one, else with milliseconds."""
    if type(moment) is int:
        return moment
    value = round(moment, 3)
    whole = int(value)
    return whole if whole == value else value


def unix_text(moment: float) -> str:
    return str(unix(moment))


WRITERS = {"iso8601": iso, "rfc822": rfc822, "unixTimestamp": unix_text, "unixtimestamp": unix_text}
"""Timestamp format -> how to write it as text."""
