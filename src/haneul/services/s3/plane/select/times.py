"""Timestamps of S3 Select: reading, writing by pattern, parts, sums and differences.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-select-sql-reference-date.html
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta, timezone

from haneul.services.s3.plane.select.problems import SelectError

_SHAPE = re.compile(
    r"(\d{4})(?:T|-(\d\d)(?:T|-(\d\d)(?:T?|T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)))?"
)
_RUNS = re.compile(r"'[^']*'|([A-Za-z])\1*|[^A-Za-z']+|'")
_MONTHS = tuple(calendar.month_name)
_UNITS = {"DAY": 86_400, "HOUR": 3600, "MINUTE": 60, "SECOND": 1}


def parse(text: str) -> datetime:
    """An Ion or ISO 8601 timestamp. Raises SelectError CastFailed."""
    match = _SHAPE.fullmatch(text.strip())
    if match is None:
        raise SelectError("CastFailed")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        return datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int((fraction or "").ljust(6, "0")[:6]),
            _zone(zone),
        )
    except ValueError:
        raise SelectError("CastFailed") from None


def _zone(text: str | None) -> timezone:
    if not text or text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def text(moment: datetime) -> str:
    """2026-03-01T12:00:00.5Z: as Ion writes it."""
    shown = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    if moment.microsecond:
        shown += f".{moment.microsecond:06d}".rstrip("0")
    return shown + _offset(moment, "XXX")


def _offset(moment: datetime, symbol: str) -> str:
    seconds = int((moment.utcoffset() or timedelta()).total_seconds())
    if seconds == 0 and symbol[0] == "X":
        return "Z"
    sign = "-" if seconds < 0 else "+"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    if len(symbol) == 1:
        return f"{sign}{hours:02d}" + (f"{minutes:02d}" if minutes else "")
    return f"{sign}{hours:02d}:{minutes:02d}" if len(symbol) in (3, 5) else f"{sign}{hours:02d}{minutes:02d}"


def formatted(moment: datetime, pattern: str) -> str:
    """TO_STRING: by a pattern of y M d a h H m s S n X x. Raises SelectError."""
    return "".join(_symbol(moment, match.group()) for match in _RUNS.finditer(pattern))


def _symbol(moment: datetime, run: str) -> str:
    if run == "'":
        raise SelectError("EvaluatorUnterminatedTimestampFormatPatternToken")
    if run[0] == "'":
        return run[1:-1]
    if not run[0].isalpha():
        return run
    letter, width = run[0], len(run)
    if letter == "y":
        return f"{moment.year % 100:02d}" if width == 2 else f"{moment.year:0{4 if width == 4 else 1}d}"
    if letter == "M" and width > 2:
        name = _MONTHS[moment.month]
        return name[:3] if width == 3 else name if width == 4 else name[0]
    if letter == "a":
        return "AM" if moment.hour < 12 else "PM"
    if letter == "S":
        return f"{moment.microsecond:06d}".ljust(9, "0")[:width]
    if letter == "n":
        return str(moment.microsecond * 1000)
    if letter in "Xx":
        return _offset(moment, run)
    values = {
        "M": moment.month,
        "d": moment.day,
        "h": moment.hour % 12 or 12,
        "H": moment.hour,
        "m": moment.minute,
        "s": moment.second,
    }
    if letter not in values or width > 2:
        raise SelectError("EvaluatorInvalidTimestampFormatPatternSymbol")
    return f"{values[letter]:0{width}d}"


_READ = {"y": r"\d{4}", "yyyy": r"\d{4}", "yy": r"\d\d", "n": r"\d{1,9}", "MMM": "[A-Za-z]{3}", "MMMM": "[A-Za-z]+"}


def read(text: str, pattern: str) -> datetime:
    """TO_TIMESTAMP with a pattern. Raises SelectError."""
    shape, runs = [], []
    for match in _RUNS.finditer(pattern):
        run = match.group()
        if not run[0].isalpha():
            if run == "'":
                raise SelectError("EvaluatorUnterminatedTimestampFormatPatternToken")
            shape.append(re.escape(run.strip("'") if run[0] == "'" else run))
            continue
        runs.append(run)
        letter, width = run[0], len(run)
        if letter in "Xx":
            shape.append(r"(Z|[+-]\d\d(?::?\d\d)?)")
        elif letter == "a":
            shape.append("([AaPp][Mm])")
        elif letter == "S":
            shape.append(rf"(\d{{{width}}})")
        elif letter in "yMdhHmsn":
            shape.append(f"({_READ.get(run) or (r'[0-9]{2}' if width == 2 else r'[0-9]{1,2}')})")
        else:
            raise SelectError("EvaluatorInvalidTimestampFormatPatternSymbol")
    found = re.fullmatch("".join(shape), text)
    if found is None:
        raise SelectError("CastFailed")
    return _assembled(dict(zip(runs, found.groups(), strict=True)))


def _assembled(found: dict[str, str]) -> datetime:
    parts = {"y": 1970, "M": 1, "d": 1, "H": 0, "m": 0, "s": 0}
    micro, zone, afternoon = 0, UTC, None
    for run, value in found.items():
        letter = run[0]
        if letter in "Xx":
            zone = _zone(value if value == "Z" or len(value) > 3 else value + "00")
        elif letter == "a":
            afternoon = value.upper() == "PM"
        elif letter == "S":
            micro = int(value.ljust(6, "0")[:6])
        elif letter == "n":
            micro = int(value) // 1000
        elif letter == "M" and len(run) > 2:
            names = [name[: len(value)].lower() for name in _MONTHS]
            parts["M"] = names.index(value.lower()) if value.lower() in names[1:] else 0
        elif run == "yy":
            parts["y"] = 2000 + int(value) if int(value) < 70 else 1900 + int(value)
        else:
            parts["H" if letter == "h" else letter] = int(value)
    if afternoon is not None:
        parts["H"] = parts["H"] % 12 + (12 if afternoon else 0)
    try:
        return datetime(parts["y"], parts["M"], parts["d"], parts["H"], parts["m"], parts["s"], micro, zone)
    except ValueError:
        raise SelectError("CastFailed") from None


def part(moment: datetime, name: str) -> int:
    """EXTRACT. Raises SelectError."""
    if name in ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"):
        return int(getattr(moment, name.lower()))
    minutes = int((moment.utcoffset() or timedelta()).total_seconds()) // 60
    if name == "TIMEZONE_HOUR":
        return int(minutes / 60)
    if name == "TIMEZONE_MINUTE":
        return minutes - int(minutes / 60) * 60
    raise SelectError("ParseExpectedDatePart", "Did not find the expected date part in the SQL expression.")


def add(moment: datetime, name: str, amount: int) -> datetime:
    """DATE_ADD. Raises SelectError."""
    try:
        if name in _UNITS:
            return moment + timedelta(seconds=amount * _UNITS[name])
        if name not in ("YEAR", "MONTH"):
            raise SelectError("ParseExpectedDatePart", "Did not find the expected date part in the SQL expression.")
        months = moment.year * 12 + moment.month - 1 + amount * (12 if name == "YEAR" else 1)
        year, month = divmod(months, 12)
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day)
    except (OverflowError, ValueError, calendar.IllegalMonthError):
        raise SelectError("IllegalSqlFunctionArgument") from None


def difference(first: datetime, second: datetime, name: str) -> int:
    """DATE_DIFF: how many whole units of `name` lie between. Raises SelectError."""
    if name in _UNITS:
        return int((second - first).total_seconds() / _UNITS[name])
    if name not in ("YEAR", "MONTH"):
        raise SelectError("ParseExpectedDatePart", "Did not find the expected date part in the SQL expression.")
    sign = 1 if second >= first else -1
    early, late = (first, second) if sign > 0 else (second, first)
    months = (late.year - early.year) * 12 + late.month - early.month
    if months and add(early, "MONTH", months) > late:
        months -= 1
    return sign * (months // 12 if name == "YEAR" else months)
