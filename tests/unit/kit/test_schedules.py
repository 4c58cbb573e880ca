"""Schedule expressions: what comes next, by AWS's own examples."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haneul.kit.schedules import ScheduleError, parse

NOW = datetime.datetime(2026, 2, 14, 10, 3, tzinfo=datetime.UTC)  # a Saturday


@pytest.mark.parametrize(
    ("expression", "zone", "expected"),
    [
        ("rate(5 minutes)", "UTC", "2026-02-14T10:08:00"),
        ("rate(1 hour)", "UTC", "2026-02-14T11:03:00"),
        ("cron(0 12 * * ? *)", "UTC", "2026-02-14T12:00:00"),
        ("cron(15 12 * * ? *)", "America/New_York", "2026-02-14T17:15:00"),
        ("cron(0 18 ? * MON-FRI *)", "UTC", "2026-02-16T18:00:00"),
        ("cron(0 8 1 * ? *)", "UTC", "2026-03-01T08:00:00"),
        ("cron(0/15 * * * ? *)", "UTC", "2026-02-14T10:15:00"),
        ("cron(0 0 L * ? *)", "UTC", "2026-02-28T00:00:00"),
        ("cron(0 9 ? * 2#1 *)", "UTC", "2026-03-02T09:00:00"),
        ("cron(0 0 ? * 6L *)", "UTC", "2026-02-27T00:00:00"),
        ("cron(0 0 1W 3 ? *)", "UTC", "2026-03-02T00:00:00"),
        ("at(2026-03-01T00:00:00)", "Asia/Seoul", "2026-02-28T15:00:00"),
    ],
)
def test_what_comes_next(expression, zone, expected) -> None:
    """Each form once, time zones among them."""
    found = parse(expression, zone).next_after(NOW.timestamp(), NOW.timestamp())
    assert datetime.datetime.fromtimestamp(found, datetime.UTC).isoformat()[:19] == expected


@pytest.mark.parametrize(
    "expression",
    ["rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "cron(* * * * * *)", "cron(0 12 ? * ? *)",
     "cron(60 * * * ? *)", "cron(0 12 * * ?)", "at(2026-13-01T00:00:00)", "every day"],
)  # fmt: skip
def test_what_is_none(expression) -> None:
    """AWS refuses these."""
    with pytest.raises(ScheduleError):
        parse(expression)


def test_once_is_once() -> None:
    """A moment that passed never comes again."""
    assert parse("at(2026-01-01T00:00:00)").next_after(NOW.timestamp(), 0) is None


FIELDS = st.tuples(
    st.sets(st.integers(0, 59), min_size=1, max_size=3),
    st.sets(st.integers(0, 23), min_size=1, max_size=3),
    st.sets(st.integers(1, 7), min_size=1, max_size=3),
)


@settings(max_examples=40, deadline=None)
@given(FIELDS, st.integers(0, 400 * 1440))
def test_cron_is_what_looking_at_every_minute_finds(fields, later) -> None:
    """The next moment is the first minute of the coming days whose minute, hour and weekday are asked for."""
    minutes, hours, days = fields
    listed = [",".join(str(value) for value in sorted(values)) for values in fields]
    start = NOW + datetime.timedelta(minutes=later)
    moment = start.replace(second=0) + datetime.timedelta(minutes=1)
    while not (
        moment.minute in minutes and moment.hour in hours and moment.isoweekday() % 7 + 1 in days
    ):  # Sunday is 1
        moment += datetime.timedelta(minutes=1)
    found = parse(f"cron({listed[0]} {listed[1]} ? * {listed[2]} *)").next_after(start.timestamp(), 0)
    assert found == moment.timestamp()
