"""Metric maths: expressions over series."""
