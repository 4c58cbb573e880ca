"""Provisioned capacity as token buckets: what is not used is saved for up to 300 seconds.

On in mode cloud, off in mode dev, where tests shouldn't have to wait (setting `throttle` decides otherwise).
"""

from __future__ import annotations

from haneul.service import Call
from haneul.services.dynamodb import memory
from haneul.services.dynamodb.capacity import Bill
from haneul.services.dynamodb.errors import errors
from haneul.services.dynamodb.schemas import Schema
from haneul.services.dynamodb.state import Throughput

BURST = 300.0
_EXCEEDED = (
    "The level of configured provisioned throughput for the table was exceeded. "
    "Consider increasing your provisioning level with the UpdateTable API."
)
_INDEX_EXCEEDED = (
    "The level of configured provisioned throughput for one or more global secondary indexes of the table was "
    "exceeded. Consider increasing your provisioning level for the under-provisioned global secondary indexes with "
    "the UpdateTable API"
)


class Bucket:
    """Tokens of one kind of capacity; it may go below zero by one request, and is closed until it has come back."""

    __slots__ = ("at", "rate", "tokens")

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self.tokens = rate * BURST
        self.at = now

    def fill(self, rate: float, now: float) -> None:
        self.tokens = min(rate * BURST, self.tokens + max(0.0, now - self.at) * rate)
        self.rate = rate
        self.at = now


def enabled(call: Call) -> bool:
    config = call.cloud.config
    return config.mode == "cloud" if config.throttle is None else config.throttle


def admit(call: Call, schema: Schema, kind: str, index: str | None = None) -> None:
    """Let a request in, or raise ProvisionedThroughputExceededException. kind: "read" or "write"."""
    if schema.row.billing != "PROVISIONED" or not enabled(call):
        return
    if kind == "write":
        for each in schema.indexes:
            if not each.local and _bucket(call, schema, each.row.number, kind, each.row.throughput).tokens <= 0:
                raise errors.ProvisionedThroughputExceededException(_INDEX_EXCEEDED)
    number, throughput = 0, schema.row.throughput
    for each in schema.indexes:
        if each.name == index and not each.local:
            number, throughput = each.row.number, each.row.throughput
    if _bucket(call, schema, number, kind, throughput).tokens <= 0:
        raise errors.ProvisionedThroughputExceededException(_EXCEEDED)


def charge(call: Call, schema: Schema, kind: str, bill: Bill) -> None:
    """Take what a request consumed."""
    if schema.row.billing != "PROVISIONED" or not enabled(call):
        return
    amounts = {0: bill.table + sum(bill.locals.values())}
    for index in schema.indexes:
        if index.name in bill.globals:
            amounts[index.row.number] = bill.globals[index.name]
    for number, amount in amounts.items():
        throughput = schema.row.throughput
        for index in schema.indexes:
            if index.row.number == number:
                throughput = index.row.throughput
        _bucket(call, schema, number, kind, throughput).tokens -= amount


def _bucket(call: Call, schema: Schema, number: int, kind: str, throughput: Throughput) -> Bucket:
    buckets = memory.of(call.cloud).buckets
    rate = float(throughput.read if kind == "read" else throughput.write)
    now = call.now()
    key = (schema.data, number, kind)
    bucket = buckets.get(key)
    if bucket is None:
        if len(buckets) > 50_000:
            buckets.clear()
        bucket = buckets[key] = Bucket(rate, now)
    bucket.fill(rate, now)
    assert isinstance(bucket, Bucket)
    return bucket
