"""Unix cron's five fields, in a time zone: when next. Pure."""

from __future__ import annotations

from haneul.kit.schedules import Cron, Schedule, ScheduleError, time_zone

_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}


class Recurrence(Schedule):
    """A day fits when its day of the month or its day of the week does, if both are given; else when the given one
    does. Raises ScheduleError."""

    def __init__(self, text: str, zone: str = "") -> None:
        fields = text.upper().split()
        if len(fields) != 5:
            raise ScheduleError("a recurrence has five fields")
        minutes, hours, days, months, weekdays = fields
        tz = time_zone(zone or "UTC")
        written = []
        if weekdays != "*":
            written.append(f"{minutes} {hours} ? {months} {_weekdays(weekdays)} *")
        if days != "*" or weekdays == "*":
            written.append(f"{minutes} {hours} {days} {months} ? *")
        self._crons = [Cron(one, tz) for one in written]

    def next_after(self, instant: float, start: float) -> float | None:
        found = [cron.next_after(instant, start) for cron in self._crons]
        return min((one for one in found if one is not None), default=None)


def _weekdays(field: str) -> str:
    """0 (or 7) is Sunday here, 1 is there."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if step and not step.isdigit():
            raise ScheduleError(f"bad step in {field}")
        first, dash, last = span.partition("-")
        if span == "*":
            low, high = 0, 6
        else:
            low = _weekday(first)
            high = _weekday(last) if dash else 6 if step else low
        if low > high or (step and int(step) < 1):
            raise ScheduleError(f"bad range in {field}")
        found |= {day % 7 + 1 for day in range(low, high + 1, int(step or 1))}
    return ",".join(str(day) for day in sorted(found))


def _weekday(text: str) -> int:
    if text in _DAYS:
        return _DAYS[text]
    if text.isascii() and text.isdigit() and 0 <= int(text) <= 7:
        return int(text)
    raise ScheduleError(f"{text!r} is not a day of the week")
