"""Ranges of the price list are the meter's own prices, written in another way."""

from __future__ import annotations

import itertools
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from haneul.metering.prices import Row
from haneul.services.pricing.terms import ranges

PRICES = st.decimals("0.0000001", "100", places=7).map(str)


@st.composite
def rows(draw) -> Row:
    ends = sorted(draw(st.sets(st.integers(1, 1_000_000), max_size=4)))
    tiers = tuple((float(end), draw(PRICES)) for end in ends)
    free = draw(st.sampled_from([0, 1, 25, 100.5, 1_000_000]))
    if not tiers:
        return Row(service="s", usage="u", type="t", unit="GB", price=draw(PRICES), always_free=free)
    return Row(service="s", usage="u", type="t", unit="GB", tiers=(*tiers, (None, draw(PRICES))), always_free=free)


@given(rows(), st.decimals("0", "3000000", places=3))
def test_ranges_cost_what_rows_cost(row: Row, quantity: Decimal) -> None:
    """For any tiers, any free amount and any quantity: GetProducts and the bill come to the same sum."""
    total = Decimal(0)
    for part in ranges(row):
        end = quantity if part.end is None else min(quantity, part.end)
        total += max(Decimal(0), end - part.begin) * part.price
    assert total == row.cost(quantity, False)


@given(rows())
def test_ranges_join(row: Row) -> None:
    """Each range begins where the one before ended, from nothing to anything."""
    found = list(ranges(row))
    assert found[0].begin == 0
    assert found[-1].end is None
    assert all(one.end == following.begin for one, following in itertools.pairwise(found))
