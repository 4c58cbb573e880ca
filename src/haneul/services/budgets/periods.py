"""Periods of a budget: calendar days, months, quarters and years in UTC, or the one that CUSTOM names."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import NamedTuple

HOUR = 3600
FOREVER = 3_706_473_600.0
"""2087-06-15: when a budget ends that doesn't say."""
_MONTHS = {"MONTHLY": 1, "QUARTERLY": 3, "ANNUALLY": 12}


class Period(NamedTuple):
    """[start, end) in epoch seconds."""

    start: float
    end: float


def period_at(unit: str, now: float, whole: Period) -> Period:
    """The period that a moment lies in. whole: from when to when the budget lasts, which is CUSTOM's one period."""
    if unit == "CUSTOM":
        return whole
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "DAILY":
        return Period(day.timestamp(), (day + datetime.timedelta(days=1)).timestamp())
    months = _MONTHS[unit]
    start = day.replace(day=1, month=(day.month - 1) // months * months + 1)
    return Period(start.timestamp(), _later(start, months).timestamp())


def periods_back(unit: str, now: float, whole: Period, most: int) -> list[Period]:
    """The current period and those before it since the budget began, at most `most`, the oldest first."""
    found: list[Period] = []
    at = period_at(unit, now, whole)
    while len(found) < most and at.end > whole.start:
        found.append(at)
        if unit == "CUSTOM":
            break
        at = period_at(unit, at.start - 1, whole)
    return found[::-1]


def months_of(first: float, last: float) -> Iterator[Period]:
    """The span cut at months, as bills are: tiers and the free tier begin anew with each."""
    while first < last:
        end = min(last, period_at("MONTHLY", first, Period(first, last)).end)
        yield Period(first, end)
        first = end


def _later(start: datetime.datetime, months: int) -> datetime.datetime:
    number = start.month - 1 + months
    return start.replace(year=start.year + number // 12, month=number % 12 + 1)
