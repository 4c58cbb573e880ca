"""The service against a dictionary: any history of puts, updates, deletes and queries gives what the model gives."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

EXAMPLES = max(1, int(15 * float(os.environ.get("HANEUL_BUDGET", "1"))))
PARTITIONS = st.sampled_from(["a", "b"])
SORTS = st.integers(-4, 4)
GROUPS = st.sampled_from([None, "g1", "g2"])
Key = tuple[str, int]


def test_any_history_matches_a_dictionary(make_table, dynamodb, unique):
    """Small budget, many shapes: conditions, an index that items enter and leave, both directions, tiny pages."""
    table = make_table(
        sort="N",
        attributes={"g": "S"},
        GlobalSecondaryIndexes=[
            {
                "IndexName": "byg",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    ).name

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.run = unique("m")
            self.model: dict[Key, dict[str, Any]] = {}

        def key(self, p: str, c: int) -> dict[str, Any]:
            return {"p": {"S": self.run + p}, "c": {"N": str(c)}}

        @rule(p=PARTITIONS, c=SORTS, v=st.integers(0, 9), g=GROUPS, once=st.booleans())
        def put(self, p: str, c: int, v: int, g: str | None, once: bool) -> None:
            item = {**self.key(p, c), "v": {"N": str(v)}}
            if g is not None:
                item["g"] = {"S": self.run + g}
            more = {"ConditionExpression": "attribute_not_exists(p)"} if once else {}
            try:
                dynamodb.put_item(TableName=table, Item=item, **more)
            except dynamodb.exceptions.ConditionalCheckFailedException:
                assert once
                assert (p, c) in self.model
            else:
                assert not once or (p, c) not in self.model
                self.model[p, c] = item

        @rule(p=PARTITIONS, c=SORTS, by=st.integers(-5, 5))
        def add(self, p: str, c: int, by: int) -> None:
            got = dynamodb.update_item(
                TableName=table, Key=self.key(p, c), UpdateExpression="ADD v :by REMOVE g",
                ExpressionAttributeValues={":by": {"N": str(by)}}, ReturnValues="ALL_NEW",
            )["Attributes"]  # fmt: skip
            old = int(self.model.get((p, c), {"v": {"N": "0"}})["v"]["N"])
            self.model[p, c] = {**self.key(p, c), "v": {"N": str(old + by)}}
            assert got == self.model[p, c]

        @rule(p=PARTITIONS, c=SORTS)
        def delete(self, p: str, c: int) -> None:
            got = dynamodb.delete_item(TableName=table, Key=self.key(p, c), ReturnValues="ALL_OLD")
            assert got.get("Attributes") == self.model.pop((p, c), None)

        @rule(p=PARTITIONS, low=SORTS, high=SORTS, forward=st.booleans(), limit=st.integers(1, 4))
        def query(self, p: str, low: int, high: int, forward: bool, limit: int) -> None:
            low, high = min(low, high), max(low, high)
            got = dynamodb.get_paginator("query").paginate(
                TableName=table, KeyConditionExpression="p = :p AND c BETWEEN :low AND :high",
                ExpressionAttributeValues={
                    ":p": {"S": self.run + p}, ":low": {"N": str(low)}, ":high": {"N": str(high)}
                },
                ScanIndexForward=forward, Limit=limit, ConsistentRead=True,
            )  # fmt: skip
            wanted = [self.model[k] for k in sorted(self.model) if k[0] == p and low <= k[1] <= high]
            assert [item for page in got for item in page["Items"]] == (wanted if forward else wanted[::-1])

        @invariant()
        def the_index_agrees(self) -> None:
            for group in ("g1", "g2"):
                got = dynamodb.query(
                    TableName=table, IndexName="byg", KeyConditionExpression="g = :g",
                    ExpressionAttributeValues={":g": {"S": self.run + group}},
                )["Items"]  # fmt: skip
                wanted = [item for item in self.model.values() if item.get("g") == {"S": self.run + group}]
                assert sorted(map(str, map(sorted, got))) == sorted(map(str, map(sorted, wanted)))
                assert [int(item["c"]["N"]) for item in got] == sorted(int(item["c"]["N"]) for item in wanted)
                assert all(item in wanted for item in got)

    budget = settings(
        max_examples=EXAMPLES, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(Machine, settings=budget)
