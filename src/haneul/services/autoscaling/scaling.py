"""What a policy makes of a capacity: adjustments, steps and targets. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any


def adjusted(current: int, kind: str, by: int, magnitude: int | None) -> int:
    """The capacity after an adjustment. Percentages round towards zero, but move by one at least."""
    if kind == "ExactCapacity":
        return by
    change = by
    if kind == "PercentChangeInCapacity":
        exact = current * by / 100
        change = math.trunc(exact) if abs(exact) >= 1 else (exact > 0) - (exact < 0)
        if magnitude and abs(change) < magnitude and by:
            change = magnitude if by > 0 else -magnitude
    return current + change


def step_for(steps: Sequence[Mapping[str, Any]], breach: float) -> int | None:
    """The adjustment of the step that a breach (the metric less the threshold) falls into. At or above the threshold
    the lower bound belongs to a step, below it the upper one does."""
    for one in steps:
        low = one.get("MetricIntervalLowerBound")
        high = one.get("MetricIntervalUpperBound")
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        if (low <= breach < high) if breach >= 0 else (low < breach <= high):
            return int(one["ScalingAdjustment"])
    return None


def wrong_steps(steps: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with step adjustments, or "": they may not overlap or leave a gap, and one end is open at most."""
    spans = []
    for one in steps:
        low, high = one.get("MetricIntervalLowerBound"), one.get("MetricIntervalUpperBound")
        if low is None and high is None:
            return "" if len(steps) == 1 else "At least one of the bounds of each step must be specified"
        spans.append((-math.inf if low is None else low, math.inf if high is None else high))
    spans.sort()
    for low, high in spans:
        if low >= high:
            return "The lower bound of a step must be less than its upper bound"
    for (_, high), (low, _) in itertools.pairwise(spans):
        if high > low:
            return "Step adjustment intervals can't overlap"
        if high < low:
            return "There is a gap between the step adjustment intervals"
    return ""


def towards(capacity: int, value: float, target: float) -> int:
    """The capacity with which a metric that is inversely proportional to it would be at its target."""
    return max(0, math.ceil(capacity * value / target - 1e-9))
