"""Periods follow the calendar in UTC, whatever the moment."""

from __future__ import annotations

import datetime
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haneul.services.budgets.periods import Period, months_of, period_at, periods_back

EVER = Period(0, 4e9)
MOMENTS = st.integers(0, 3_500_000_000).map(float)
UNITS = st.sampled_from(["DAILY", "MONTHLY", "QUARTERLY", "ANNUALLY"])


def epoch(*parts: int) -> float:
    return datetime.datetime(*parts, tzinfo=datetime.UTC).timestamp()  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("unit", "start", "end"),
    [
        ("DAILY", (2028, 2, 29), (2028, 3, 1)),
        ("MONTHLY", (2028, 2, 1), (2028, 3, 1)),
        ("QUARTERLY", (2028, 1, 1), (2028, 4, 1)),
        ("ANNUALLY", (2028, 1, 1), (2029, 1, 1)),
    ],
)
def test_a_leap_day(unit: str, start: tuple[int, ...], end: tuple[int, ...]) -> None:
    """The 29th of February in each kind of period."""
    assert period_at(unit, epoch(2028, 2, 29, 23, 59), EVER) == (epoch(*start), epoch(*end))


@given(UNITS, MOMENTS)
def test_periods_tile_time(unit: str, now: float) -> None:
    """A moment lies in its period, and the next one begins where it ends."""
    at = period_at(unit, now, EVER)
    assert at.start <= now < at.end
    assert period_at(unit, at.end, EVER).start == at.end


@given(UNITS, MOMENTS, st.integers(1, 70))
def test_back_in_order(unit: str, now: float, most: int) -> None:
    """The periods before now are in order, without gaps, not more than asked for, and none from before it began."""
    whole = Period(max(0.0, now - 5e7), 4e9)
    found = periods_back(unit, now, whole, most)
    assert 1 <= len(found) <= most
    assert found[-1] == period_at(unit, now, whole)
    assert all(one.end == following.start for one, following in itertools.pairwise(found))
    assert found[0].end > whole.start


@given(MOMENTS, st.floats(1, 1e8))
def test_months_cover_a_span(first: float, seconds: float) -> None:
    """Cut at months, a span is still itself."""
    parts = list(months_of(first, first + seconds))
    assert (parts[0].start, parts[-1].end) == (first, first + seconds)
    assert all(one.end == following.start for one, following in itertools.pairwise(parts))


def test_custom_is_one() -> None:
    """A CUSTOM budget has one period, its own."""
    whole = Period(10.0, 20.0)
    assert periods_back("CUSTOM", 15.0, whole, 12) == [whole]
