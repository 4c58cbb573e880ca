"""Statistics of buckets, rules of composite alarms, and verdicts on missing data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haneul.services.cloudwatch.evaluation import _state
from haneul.services.cloudwatch.plane.points import Bucket, bucket_of
from haneul.services.cloudwatch.plane.stats import is_stat, statistic
from haneul.services.cloudwatch.rules import RuleError, compile_rule


@pytest.mark.parametrize(
    ("stat", "expected"),
    [("p50", 5.5), ("p0", 1), ("p100", 10), ("tm90", 5), ("tc(2:8)", 6), ("ts(:3)", 6), ("pr(:5)", 50), ("IQM", 5.5),
     ("tm(10%:90%)", 5.5), ("wm(2:9)", 5.5), ("Average", 5.5), ("Sum", 55)],
)  # fmt: skip
def test_statistics(stat, expected) -> None:
    """The values one to ten, once each."""
    assert is_stat(stat)
    assert statistic(bucket_of({float(n): 1.0 for n in range(1, 11)}), stat) == pytest.approx(expected)


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=200), st.integers(0, 100))
def test_percentiles_lie_between(values, percent) -> None:
    """Whatever came in however many buckets, a percentile is no less than the least and no more than the most."""
    whole = Bucket()
    for value in values:
        whole.add(bucket_of({float(value): 1.0}))
    found = statistic(whole, f"p{percent}")
    assert min(values) <= found <= max(values)
    assert (whole.count, whole.total) == (len(values), sum(values))


def test_crowded_buckets_stay_near() -> None:
    """More different values than are kept are rounded, and the percentile is near."""
    whole = Bucket()
    for value in range(1, 5001):
        whole.add(bucket_of({float(value): 1.0}))
    assert len(whole.values) < 2000
    assert statistic(whole, "p99") == pytest.approx(4950, rel=0.02)


def settings(missing: str, needed: int | None = None) -> dict:
    return {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 5, "TreatMissingData": missing,
            **({"DatapointsToAlarm": needed} if needed else {})}  # fmt: skip


@pytest.mark.parametrize(
    ("values", "missing", "breaching", "not_breaching", "ignore"),
    [
        ([9, 9, 9], "ALARM", "ALARM", "ALARM", "ALARM"),
        ([1, 9, 9], "OK", "OK", "OK", "OK"),
        ([9], "ALARM", "ALARM", "OK", None),
        ([1], "OK", "OK", "OK", "OK"),
        ([], "INSUFFICIENT_DATA", "ALARM", "OK", None),
    ],
)
def test_missing_data(values, missing, breaching, not_breaching, ignore) -> None:
    """Three out of three periods, by AWS's own table."""
    for treatment, expected in (
        ("missing", missing), ("breaching", breaching), ("notBreaching", not_breaching), ("ignore", ignore),
    ):  # fmt: skip
        assert _state(settings(treatment), values, 3) == expected, treatment


def test_some_out_of_many() -> None:
    """Two of three breaching periods are enough when two are asked for."""
    assert _state(settings("missing", 2), [9, 1, 9], 3) == "ALARM"
    assert _state(settings("missing", 2), [9, 1, 1], 3) == "OK"


def test_rules() -> None:
    """Words, names and parentheses."""
    states = {"a": "ALARM", "b": "OK", "c d": "INSUFFICIENT_DATA"}
    for text, expected in (
        ('ALARM("a")', True), ("ALARM(a) AND OK(b)", True), ("NOT ALARM(a) OR ALARM(b)", False), ("TRUE", True),
        ('INSUFFICIENT_DATA("c d") AND (OK(a) OR OK(b))', True),
        ("ALARM(arn:aws:cloudwatch:us-east-1:0:alarm:a)", True),
    ):  # fmt: skip
        assert compile_rule(text)(states) is expected, text
    for text in ("", "ALARM", "ALARM(a", "ALARM(a) ALARM(b)", "MAYBE(a)"):
        with pytest.raises(RuleError):
            compile_rule(text)
