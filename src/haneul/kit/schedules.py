"""Schedule expressions: rate(5 minutes), cron(0 12 * * ? *), at(2026-03-01T12:00:00); what comes next after an instant.

Shared by EventBridge's rules, its scheduler, and rotations of secrets. Raises ScheduleError.
"""

from __future__ import annotations

import calendar
import datetime
import re
import zoneinfo
from collections.abc import Iterable

_RATE = re.compile(r"rate\((\d+) (minute|minutes|hour|hours|day|days)\)")
_CRON = re.compile(r"cron\(([^()]+)\)")
_AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {name.upper(): str(number) for number, name in enumerate(calendar.month_abbr) if number}
_DAYS = {name: str(number) for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
LAST_YEAR = 2199


class ScheduleError(Exception):
    """An expression that isn't one."""


class Schedule:
    """When something happens again and again, or once."""

    def next_after(self, instant: float, start: float) -> float | None:
        """The next instant behind `instant` (epoch seconds), of a schedule that began at `start`; None: never again."""
        raise NotImplementedError


class Rate(Schedule):
    """Every so many seconds from the start."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    def next_after(self, instant: float, start: float) -> float | None:
        if instant < start:
            return start
        return start + (int((instant - start) // self.seconds) + 1) * self.seconds


class At(Schedule):
    """Once."""

    def __init__(self, moment: datetime.datetime) -> None:
        self.instant = moment.timestamp()

    def next_after(self, instant: float, start: float) -> float | None:
        return self.instant if self.instant > instant else None


class Cron(Schedule):
    """AWS's six fields: minutes, hours, day of month, month, day of week, year."""

    def __init__(self, text: str, zone: datetime.tzinfo) -> None:
        fields = text.upper().split()
        if len(fields) != 6:
            raise ScheduleError("a cron expression has six fields")
        minutes, hours, self._dom, months, self._dow, years = fields
        if (self._dom == "?") == (self._dow == "?"):
            raise ScheduleError("one of day-of-month and day-of-week must be ?")
        self._minutes = _numbers(minutes, 0, 59)
        self._hours = _numbers(hours, 0, 23)
        self._months = set(_numbers(_named(months, _MONTHS), 1, 12))
        self._years = set(_numbers(years, 1970, LAST_YEAR))
        self._dow = _named(self._dow, _DAYS) if self._dow != "?" else "?"
        self._zone = zone
        self._days(2024, 2)  # what is wrong with the day fields shows now

    def next_after(self, instant: float, start: float) -> float | None:
        moment = datetime.datetime.fromtimestamp(instant, self._zone)
        for year in range(moment.year, LAST_YEAR + 1):
            if year not in self._years:
                continue
            for month in range(moment.month if year == moment.year else 1, 13):
                if month not in self._months:
                    continue
                for day in sorted(self._days(year, month)):
                    if (year, month, day) < (moment.year, moment.month, moment.day):
                        continue
                    found = self._within(year, month, day, instant)
                    if found is not None:
                        return found
        return None

    def _within(self, year: int, month: int, day: int, instant: float) -> float | None:
        for hour in self._hours:
            for minute in self._minutes:
                then = datetime.datetime(year, month, day, hour, minute, tzinfo=self._zone).timestamp()
                if then > instant:
                    return then
        return None

    def _days(self, year: int, month: int) -> set[int]:
        last = calendar.monthrange(year, month)[1]
        if self._dom != "?":
            return _month_days(self._dom, year, month, last)
        return _week_days(self._dow, year, month, last)


def _weekday(year: int, month: int, day: int) -> int:
    """1 is Sunday."""
    return (calendar.weekday(year, month, day) + 1) % 7 + 1


def _month_days(field: str, year: int, month: int, last: int) -> set[int]:
    if field == "L":
        return {last}
    if field == "LW":
        return {_nearest_workday(year, month, last, last)}
    if found := re.fullmatch(r"L-(\d+)", field):
        return {max(1, last - int(found.group(1)))}
    if found := re.fullmatch(r"(\d+)W", field):
        return {_nearest_workday(year, month, min(int(found.group(1)), last), last)}
    return {day for day in _numbers(field, 1, 31) if day <= last}


def _nearest_workday(year: int, month: int, day: int, last: int) -> int:
    weekday = _weekday(year, month, day)
    if weekday == 7:
        return day - 1 if day > 1 else day + 2
    if weekday == 1:
        return day + 1 if day < last else day - 2
    return day


def _week_days(field: str, year: int, month: int, last: int) -> set[int]:
    if field == "L":
        field = "7"
    if found := re.fullmatch(r"([1-7])L", field):
        wanted = int(found.group(1))
        return {max(day for day in range(1, last + 1) if _weekday(year, month, day) == wanted)}
    if found := re.fullmatch(r"([1-7])#([1-5])", field):
        wanted, nth = int(found.group(1)), int(found.group(2))
        days = [day for day in range(1, last + 1) if _weekday(year, month, day) == wanted]
        return {days[nth - 1]} if nth <= len(days) else set()
    chosen = set(_numbers(field, 1, 7))
    return {day for day in range(1, last + 1) if _weekday(year, month, day) in chosen}


def _named(field: str, names: dict[str, str]) -> str:
    for name, number in names.items():
        field = re.sub(rf"\b{name}\b", number, field)
    return field


def _numbers(field: str, low: int, high: int) -> list[int]:
    """What a field of numbers, ranges, steps and stars allows, in order."""
    chosen: set[int] = set()
    for part in field.split(","):
        span, _, step_text = part.partition("/")
        step = _number(step_text) if step_text else 1
        if not step or (not step_text and "/" in part):
            raise ScheduleError(f"bad step in {field}")
        values: Iterable[int]
        if span in ("*", "?") and (span == "*" or low == 0):
            values = range(low, high + 1, step)
        elif "-" in span:
            first, _, second = span.partition("-")
            start, end = _number(first), _number(second)
            if start > end:
                values = [*range(start, high + 1, step), *range(low, end + 1, step)]
            else:
                values = range(start, end + 1, step)
        else:
            start = _number(span)
            values = range(start, high + 1, step) if step_text else (start,)
        for value in values:
            if not low <= value <= high:
                raise ScheduleError(f"{value} is not between {low} and {high}")
            chosen.add(value)
    return sorted(chosen)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ScheduleError(f"{text!r} is not a number")
    return int(text)


def parse(expression: str, zone: str = "UTC", strict: bool = True) -> Schedule:
    """The schedule that an expression means, in a time zone by its IANA name. strict: a unit's number must fit its
    count, as EventBridge's rules want it (its scheduler takes rate(1 hours) too)."""
    tz = time_zone(zone)
    if found := _RATE.fullmatch(expression):
        count, unit = int(found.group(1)), found.group(2)
        if count < 1 or (strict and (count == 1) != (not unit.endswith("s"))):
            raise ScheduleError("a rate of one has a singular unit, any other a plural one")
        return Rate(count * _UNITS[unit.rstrip("s")])
    if found := _CRON.fullmatch(expression):
        return Cron(found.group(1), tz)
    if found := _AT.fullmatch(expression):
        try:
            moment = datetime.datetime.fromisoformat(found.group(1)).replace(tzinfo=tz)
        except ValueError as error:
            raise ScheduleError(str(error)) from None
        return At(moment)
    raise ScheduleError("neither rate(...), cron(...) nor at(...)")


def time_zone(name: str) -> datetime.tzinfo:
    if name in ("UTC", "Etc/UTC"):
        return datetime.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ScheduleError(f"no such time zone: {name}") from None
