"""The arithmetic of policies and recurrences."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haneul.kit.schedules import ScheduleError
from haneul.services.autoscaling import scaling
from haneul.services.autoscaling.recurrence import Recurrence


@pytest.mark.parametrize(
    ("current", "kind", "by", "magnitude", "end"),
    [
        (4, "ChangeInCapacity", -3, None, 1),
        (4, "ExactCapacity", 7, None, 7),
        (10, "PercentChangeInCapacity", 25, None, 12),
        (10, "PercentChangeInCapacity", -25, None, 8),
        (1, "PercentChangeInCapacity", 10, None, 2),
        (1, "PercentChangeInCapacity", -10, None, 0),
        (10, "PercentChangeInCapacity", 10, 4, 14),
        (10, "PercentChangeInCapacity", -10, 4, 6),
        (0, "PercentChangeInCapacity", 50, None, 0),
    ],
)
def test_adjustments(current, kind, by, magnitude, end):
    """AWS's documented rounding: towards zero, but by one at least."""
    assert scaling.adjusted(current, kind, by, magnitude) == end


@given(st.floats(-100, 100))
def test_steps_without_gaps_have_an_answer(breach):
    """Whatever the breach, exactly one of the steps that cover the line is meant."""
    steps = [
        {"MetricIntervalUpperBound": -10.0, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": -10.0, "MetricIntervalUpperBound": 0.0, "ScalingAdjustment": 2},
        {"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 3},
    ]
    assert scaling.wrong_steps(steps) == ""
    found = scaling.step_for(steps, breach)
    assert found == (3 if breach >= 0 else 1 if breach <= -10 else 2)


def test_bounds_belong_to_one_side():
    """At or above the threshold the lower bound is in, below it the upper one is."""
    up = [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 2},
    ]
    assert [scaling.step_for(up, breach) for breach in (-1, 0, 9.9, 10)] == [None, 1, 1, 2]
    down = [
        {"MetricIntervalUpperBound": -10, "ScalingAdjustment": -2},
        {"MetricIntervalLowerBound": -10, "MetricIntervalUpperBound": 0, "ScalingAdjustment": -1},
    ]
    assert [scaling.step_for(down, breach) for breach in (-10, -9.9)] == [-2, -1]


@pytest.mark.parametrize(
    "steps",
    [
        [{"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10}, {"MetricIntervalLowerBound": 5}],
        [{"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 5}, {"MetricIntervalLowerBound": 6}],
        [{"MetricIntervalLowerBound": 5, "MetricIntervalUpperBound": 5}],
        [{}, {"MetricIntervalLowerBound": 6}],
    ],
)
def test_wrong_steps(steps):
    """Overlaps, gaps, nothing between the bounds, no bound at all."""
    assert scaling.wrong_steps(steps)


def test_towards_a_target():
    """Twice the target needs twice the instances; nothing to do needs none."""
    assert [scaling.towards(3, value, 50.0) for value in (100.0, 50.0, 51.0, 10.0, 0.0)] == [6, 3, 4, 1, 0]


def _next(text: str, after: str, zone: str = "UTC") -> str:
    tz = zoneinfo.ZoneInfo(zone)
    start = datetime.datetime.fromisoformat(after).replace(tzinfo=tz).timestamp()
    found = Recurrence(text, zone).next_after(start, 0.0)
    assert found is not None
    return datetime.datetime.fromtimestamp(found, tz).isoformat()[:16]


@pytest.mark.parametrize(
    ("text", "after", "zone", "end"),
    [
        ("*/15 * * * *", "2026-03-01T10:01", "UTC", "2026-03-01T10:15"),
        ("0 9 * * 1-5", "2026-02-27T09:00", "UTC", "2026-03-02T09:00"),
        ("0 9 * * 0", "2026-02-27T09:00", "UTC", "2026-03-01T09:00"),
        ("0 9 * * 7", "2026-02-27T09:00", "UTC", "2026-03-01T09:00"),
        ("0 9 * * SAT,SUN", "2026-02-27T09:00", "UTC", "2026-02-28T09:00"),
        ("0 0 1 * *", "2026-03-01T00:00", "UTC", "2026-04-01T00:00"),
        ("0 0 13 * 5", "2026-03-01T00:00", "UTC", "2026-03-06T00:00"),
        ("0 0 2 * 5", "2026-03-01T00:00", "UTC", "2026-03-02T00:00"),
        ("30 22 * * *", "2026-03-01T10:00", "Asia/Seoul", "2026-03-01T22:30"),
        ("0 0 * JAN *", "2026-03-01T10:00", "Europe/Berlin", "2027-01-01T00:00"),
        ("0 0 * * */2", "2026-03-01T00:00", "UTC", "2026-03-03T00:00"),
    ],
)
def test_recurrences(text, after, zone, end):
    """Unix's five fields: days of the month and of the week are alternatives when both are given."""
    assert _next(text, after, zone) == end


@pytest.mark.parametrize("text", ["", "* * * *", "60 * * * *", "* * * * 8", "* * * * X", "* * * * 5-1", "* * * * */0"])
def test_no_recurrence(text):
    """What isn't one is refused, not guessed at."""
    with pytest.raises(ScheduleError):
        Recurrence(text)
