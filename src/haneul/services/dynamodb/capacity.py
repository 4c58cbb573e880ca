"""ConsumedCapacity and ItemCollectionMetrics: what requests cost, and how AWS tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.dynamodb.changes import Written
from haneul.services.dynamodb.schemas import Schema

READ_BLOCK = 4096


def read_units(size: int, consistent: bool) -> float:
    """Read units of `size` bytes read together."""
    blocks = (size + READ_BLOCK - 1) // READ_BLOCK or 1
    return float(blocks) if consistent else blocks / 2


class Bill:
    """What one request consumed of one table."""

    __slots__ = ("globals", "locals", "name", "table")

    def __init__(self, name: str) -> None:
        self.name = name
        self.table = 0.0
        self.locals: dict[str, float] = {}
        self.globals: dict[str, float] = {}

    def index(self, schema: Schema, name: str, amount: float) -> None:
        local = any(index.name == name and index.local for index in schema.indexes)
        into = self.locals if local else self.globals
        into[name] = into.get(name, 0.0) + amount

    def written(self, schema: Schema, written: Written, factor: float = 1.0) -> None:
        self.table += written.table * factor
        for name, amount in written.indexes.items():
            self.index(schema, name, amount * factor)

    @property
    def total(self) -> float:
        return self.table + sum(self.locals.values()) + sum(self.globals.values())

    def tell(self, how: str | None, kind: str | None = None) -> dict[str, Any] | None:
        """The answer's ConsumedCapacity as `how` (TOTAL, INDEXES) asks; `kind` (Read, Write) for transactions."""
        if how is None or how == "NONE":
            return None
        told: dict[str, Any] = {"TableName": self.name, **_units(self.total, kind)}
        if how == "INDEXES":
            told["Table"] = _units(self.table, kind)
            if self.locals:
                told["LocalSecondaryIndexes"] = {name: _units(n, kind) for name, n in self.locals.items()}
            if self.globals:
                told["GlobalSecondaryIndexes"] = {name: _units(n, kind) for name, n in self.globals.items()}
        return told


def _units(amount: float, kind: str | None) -> dict[str, float]:
    if kind is None:
        return {"CapacityUnits": amount}
    return {"CapacityUnits": amount, f"{kind}CapacityUnits": amount}


class Bills:
    """The bills of a request that touches several tables, in the order they were met."""

    def __init__(self) -> None:
        self.tables: dict[str, Bill] = {}

    def of(self, name: str) -> Bill:
        bill = self.tables.get(name)
        if bill is None:
            bill = self.tables[name] = Bill(name)
        return bill

    def tell(self, how: str | None, kind: str | None = None) -> list[dict[str, Any]] | None:
        if how is None or how == "NONE":
            return None
        return [told for bill in self.tables.values() if (told := bill.tell(how, kind)) is not None]


def collection_metrics(schema: Schema, key: Mapping[str, Any], written: Written | None) -> dict[str, Any] | None:
    """ItemCollectionMetrics of a write; None for tables without local indexes."""
    if written is None or written.collection is None:
        return None
    gigabytes = written.collection / 1024**3
    low = float(int(gigabytes))
    return {"ItemCollectionKey": {schema.hash: key[schema.hash]}, "SizeEstimateRangeGB": [low, low + 1.0]}


def meter_write(call: Call, amount: float) -> None:
    call.meter("WriteRequestUnits", amount)


def meter_read(call: Call, amount: float) -> None:
    call.meter("ReadRequestUnits", amount)
