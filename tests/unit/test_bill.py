"""Bills: a month's traffic priced by hand equals what the meter and the sheets make of it, to the cent and below."""

from __future__ import annotations

from decimal import Decimal

import pytest

from haneul.metering.bill import MONTH_HOURS, bills, level_hours, lines, scopes
from haneul.metering.meter import USAGE, Meter, Usage
from haneul.metering.prices import sheet
from haneul.service import Scope
from haneul.state.memory import MemoryStore

ME = Scope("000000000000", "us-east-1")
GIB = 1 << 30
FIRST = 500_000


@pytest.fixture
def store():
    return MemoryStore()


def used(store, service, usage, operation, amount, hour=FIRST):
    meter = Meter(store)
    meter.add(ME, service, operation, usage, amount)
    meter.flush(hour * 3600.0)


def bill(store, hours=MONTH_HOURS, free_tier=False):
    with store.read() as tx:
        return {line.type: line for line in lines(tx, [ME.account], FIRST, FIRST + hours, free_tier)}


def test_a_month_by_hand(store):
    """1 M PUTs, 10 M GETs, 100 GiB all month, 250 GiB out, 2 M writes and 8 M reads of DynamoDB."""
    used(store, "s3", "Requests", "PutObject", 1_000_000)
    used(store, "s3", "Requests", "GetObject", 10_000_000)
    used(store, "s3", "Requests", "DeleteObject", 5_000)
    used(store, "s3", "TimedStorage-Bytes", "PutObject", 100 * GIB)
    used(store, "s3", "DataTransfer-Out-Bytes", "GetObject", 250 * GIB)
    used(store, "dynamodb", "WriteRequestUnits", "PutItem", 2_000_000)
    used(store, "dynamodb", "ReadRequestUnits", "GetItem", 8_000_000)
    found = bill(store)
    assert found["Requests-Tier1"].cost == Decimal("5.00")
    assert found["Requests-Tier2"].cost == Decimal("4.00")
    assert found["Requests-Tier3"].cost == 0
    assert found["TimedStorage-ByteHrs"].cost == Decimal("2.30")
    assert found["DataTransfer-Out-Bytes"].cost == Decimal("13.50")  # 100 GB are everybody's
    assert found["WriteRequestUnits"].cost == Decimal("1.25")
    assert found["ReadRequestUnits"].cost == Decimal("1.00")
    assert sum(line.cost for line in found.values()) == Decimal("27.05")


def test_storage_counts_from_when_it_came_to_when_it_went(store):
    """Half a month of 100 GiB costs half."""
    used(store, "s3", "TimedStorage-Bytes", "PutObject", 100 * GIB, FIRST)
    used(store, "s3", "TimedStorage-Bytes", "DeleteObject", -100 * GIB, FIRST + MONTH_HOURS // 2)
    assert bill(store)["TimedStorage-ByteHrs"].cost == Decimal("1.15")


def test_what_was_there_before_counts(store):
    """A level reached before the span is there all the span."""
    changes = [Usage(FIRST - 5, "s3", "u", "o", 10.0), Usage(FIRST + 4, "s3", "u", "o", 10.0)]
    assert level_hours(changes, FIRST, FIRST + 10) == 10 * 4 + 20 * 6


def test_the_free_tier_is_a_switch(store):
    """New accounts get 2,000 PUTs a month."""
    used(store, "s3", "Requests", "PutObject", 2_500)
    assert bill(store, free_tier=True)["Requests-Tier1"].cost == Decimal("0.0025")
    assert bill(store)["Requests-Tier1"].cost == Decimal("0.0125")


def test_tiers(store):
    """The first 50 TB cost more than the next."""
    row = sheet("us-east-1").row("s3", "TimedStorage-Bytes", "PutObject")
    assert row is not None
    assert row.cost(Decimal(51_200 + 100), False) == Decimal(51_200) * Decimal("0.023") + 100 * Decimal("0.022")


def test_a_flush_adds_and_never_counts_twice(store):
    """Two flushes in one hour add up; an empty one writes nothing."""
    meter = Meter(store)
    for _ in range(3):
        meter.add(ME, "sqs", "SendMessage", "Requests", 1.0)
        meter.flush(FIRST * 3600.0)
        meter.flush(FIRST * 3600.0)
    with store.read() as tx:
        assert [row.amount for row in USAGE.scan(tx, ME)] == [3.0]


def test_a_sheet_names_its_source():
    """Prices are dated and say where they are from."""
    prices = sheet("us-east-1")
    assert prices.dated and "pricing" in prices.source
    assert sheet("eu-west-1") == prices  # a region without a sheet is priced as us-east-1
    assert sheet("../../etc") == prices


def test_bills_of_spans_are_the_bills_of_each(store):
    """One reading for many spans, overlapping ones too, comes to what a bill for each comes to."""
    for hour in range(0, 60, 7):
        used(store, "s3", "Requests", "PutObject", 100 + hour, FIRST + hour)
        used(store, "s3", "TimedStorage-Bytes", "PutObject", GIB, FIRST + hour)
    used(store, "s3", "TimedStorage-Bytes", "DeleteObject", -3 * GIB, FIRST + 40)
    spans = [(FIRST, FIRST + 10), (FIRST + 5, FIRST + 45), (FIRST + 45, FIRST + 90), (FIRST, FIRST)]
    with store.read() as tx:
        found = bills(tx, [ME.account], spans, False)
        assert found == [lines(tx, [ME.account], first, last, False) for first, last in spans]
    assert [len(bill) for bill in found] == [2, 2, 2, 0]


def test_scopes(store):
    """Who used something is found by its keys, whatever lies between."""
    for account in ("000000000000", "999999999999"):
        for region in ("us-east-1", "aws-global", "us-east-10"):
            meter = Meter(store)
            for service in ("s3", "sqs"):
                meter.add(Scope(account, region), service, "X", "Requests", 1.0)
            meter.flush(FIRST * 3600.0)
    with store.read() as tx:
        assert scopes(tx) == sorted({scope for scope, _ in USAGE.everywhere(tx)})
        assert len(scopes(tx)) == 6
