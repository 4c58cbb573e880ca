"""Transactions of steps: many instances of one group come and go at once, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from haneul.service import Call
from haneul.state.store import Conflict, Writer

Value = TypeVar("Value")
TRIES = 20


def written(call: Call, function: Callable[[Writer], Value]) -> Value:
    """Run `function(tx)` in one transaction, and again when another one got in between: it must begin from what it
    reads, every time."""
    for _ in range(TRIES):
        try:
            with call.write() as tx:
                return function(tx)
        except Conflict:
            continue
    with call.write() as tx:
        return function(tx)
