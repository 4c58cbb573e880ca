"""Many at once: conditions have one winner, one key behaves as one register, transactions move without losing."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

THREADS = 8
FAILED = "ConditionalCheckFailedException"


class Operation(NamedTuple):
    """An operation on a register: begun and ended when, what it was given, what it answered."""

    begun: float
    ended: float
    kind: str
    given: Any
    answer: Any


@pytest.fixture
def connected(cloud) -> Any:
    """A client with a connection for each thread, which doesn't retry by itself: an answer is what the server said."""
    return boto3.client(
        "dynamodb", endpoint_url=cloud.url, region_name="us-east-1", aws_access_key_id="000000000000",
        aws_secret_access_key="test",
        config=Config(max_pool_connections=THREADS * 2, retries={"total_max_attempts": 1}),
    )  # fmt: skip


def applied(operation: Operation, state: int | None) -> tuple[bool, int | None]:
    """Whether the operation can have been answered so in this state, and the state after it."""
    if operation.kind == "read":
        return operation.answer == state, state
    if operation.kind == "write":
        return True, operation.given
    old, new = operation.given
    return (True, new) if operation.answer and state == old else (not operation.answer and state != old, state)


def linearizable(history: list[Operation]) -> bool:
    """Whether some order of the operations, each between its begin and its end, explains every answer."""
    everything = (1 << len(history)) - 1
    seen: set[tuple[int, int | None]] = set()
    pending: list[tuple[int, int | None]] = [(0, None)]
    while pending:
        done, state = pending.pop()
        if done == everything:
            return True
        if (done, state) in seen:
            continue
        seen.add((done, state))
        left = [number for number in range(len(history)) if not done >> number & 1]
        first_end = min(history[number].ended for number in left)
        for number in left:
            if history[number].begun <= first_end:
                possible, after = applied(history[number], state)
                if possible:
                    pending.append((done | 1 << number, after))
    return False


def test_the_checker_tells_right_from_wrong():
    """A check that accepts everything proves nothing: a stale read after a write is not linearizable."""
    write = Operation(0, 1, "write", 1, None)
    assert linearizable([write, Operation(2, 3, "read", None, 1)])
    assert linearizable([write, Operation(0.5, 3, "read", None, None)])
    assert not linearizable([write, Operation(2, 3, "read", None, None)])
    swaps = [Operation(2, 4, "swap", (1, 2), True), Operation(2, 4, "swap", (1, 3), True)]
    assert not linearizable([write, *swaps])


@pytest.mark.parametrize("seed", range(4))
def test_a_key_is_a_register(connected, table, key, seed):
    """Consistent reads, puts and conditional updates of one key, from many threads, have one order."""
    name, where = table.name, {"p": {"S": key}, "c": {"S": "register"}}

    def operate(kind: str, given: Any) -> Any:
        if kind == "read":
            item = connected.get_item(TableName=name, Key=where, ConsistentRead=True).get("Item")
            return None if item is None else int(item["v"]["N"])
        if kind == "write":
            connected.put_item(TableName=name, Item={**where, "v": {"N": str(given)}})
            return None
        values = {":old": {"N": str(given[0])}, ":new": {"N": str(given[1])}}
        try:
            connected.update_item(
                TableName=name, Key=where, UpdateExpression="SET v = :new", ConditionExpression="v = :old",
                ExpressionAttributeValues=values,
            )  # fmt: skip
        except ClientError as error:
            assert error.response["Error"]["Code"] == FAILED
            return False
        return True

    def work(thread: int) -> list[Operation]:
        chosen = random.Random(f"{seed}/{thread}")
        found = []
        known: int | None = None
        for turn in range(12):
            fresh = thread * 1000 + turn
            kind = chosen.choice(("read", "write", "swap", "swap") if known is not None else ("read", "write"))
            given = (known, fresh) if kind == "swap" else fresh if kind == "write" else None
            begun = time.monotonic()
            answer = operate(kind, given)
            found.append(Operation(begun, time.monotonic(), kind, given, answer))
            known = fresh if kind == "write" or answer is True else answer if kind == "read" else None
        return found

    with ThreadPoolExecutor(4) as pool:
        history = [operation for part in pool.map(work, range(4)) for operation in part]
    assert linearizable(history), sorted(history)


def test_one_conditional_put_wins(connected, table, key):
    """Of many that put where nothing is, one does, and what is there is what it put."""

    def put(number: int) -> bool:
        item = {"p": {"S": key}, "c": {"S": f"{number // THREADS}"}, "by": {"N": str(number)}}
        try:
            connected.put_item(TableName=table.name, Item=item, ConditionExpression="attribute_not_exists(p)")
        except ClientError as error:
            assert error.response["Error"]["Code"] == FAILED
            return False
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        won = [number for number, did in enumerate(pool.map(put, range(THREADS * 10))) if did]
    assert [number // THREADS for number in won] == list(range(10))
    for number in won:
        found = table.get_item(Key={"p": key, "c": str(number // THREADS)}, ConsistentRead=True)["Item"]
        assert found["by"] == number


def test_transfers_keep_the_sum(connected, table, key):
    """Transactions over the same items, and transactional reads beside them, see no money made or lost."""
    name, accounts = table.name, [{"p": {"S": key}, "c": {"S": str(number)}} for number in range(4)]
    for account in accounts:
        connected.put_item(TableName=name, Item={**account, "n": {"N": "100"}})

    def change(account: dict, amount: int) -> dict:
        return {
            "Update": {
                "TableName": name, "Key": account, "UpdateExpression": "ADD n :a", "ConditionExpression": "n >= :least",
                "ExpressionAttributeValues": {":a": {"N": str(amount)}, ":least": {"N": str(max(0, -amount))}},
            }
        }  # fmt: skip

    def total() -> int | None:
        gets = [{"Get": {"TableName": name, "Key": account}} for account in accounts]
        try:
            told = connected.transact_get_items(TransactItems=gets)["Responses"]
        except ClientError as error:
            assert error.response["Error"]["Code"] == "TransactionCanceledException"
            return None
        return sum(int(each["Item"]["n"]["N"]) for each in told)

    def work(thread: int) -> list[int | None]:
        chosen = random.Random(thread)
        sums = []
        for _ in range(12):
            giver, taker = chosen.sample(accounts, 2)
            amount = chosen.randint(1, 60)
            try:
                connected.transact_write_items(TransactItems=[change(giver, -amount), change(taker, amount)])
            except ClientError as error:
                assert error.response["Error"]["Code"] == "TransactionCanceledException"
            sums.append(total())
        return sums

    with ThreadPoolExecutor(THREADS) as pool:
        seen = {each for sums in pool.map(work, range(THREADS)) for each in sums}
    assert seen <= {None, 400} and total() == 400
