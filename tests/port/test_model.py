"""Random histories of transactions against a dict: what a store shows is what the dict shows, at every step."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from haneul.state import rocks
from haneul.state.store import Store

KEYS = st.binary(max_size=2) | st.sampled_from([b"a", b"ab", b"b\x00", b"\xff\xff"])
VALUES = st.binary(max_size=3)


class History(RuleBasedStateMachine):
    store: Store

    @initialize()
    def empty(self) -> None:
        with self.store.write() as tx:
            tx.delete_range(b"", b"\xff" * 4)
        self.committed: dict[bytes, bytes] = {}
        self.own: dict[bytes, bytes] | None = None
        self.reader: Any = None

    @precondition(lambda self: self.own is None)
    @rule()
    def begin(self) -> None:
        self.block = self.store.write()
        self.tx = self.block.__enter__()
        self.own = dict(self.committed)

    @precondition(lambda self: self.own is not None)
    @rule(commit=st.booleans())
    def end(self, commit: bool) -> None:
        assert self.own is not None
        if commit:
            self.block.__exit__(None, None, None)
            self.committed = self.own
        else:
            self.block.__exit__(KeyError, KeyError(), None)
        self.own = None

    @precondition(lambda self: self.own is not None)
    @rule(key=KEYS, value=VALUES)
    def put(self, key: bytes, value: bytes) -> None:
        assert self.own is not None
        self.tx.put(key, value)
        self.own[key] = value

    @precondition(lambda self: self.own is not None)
    @rule(key=KEYS)
    def delete(self, key: bytes) -> None:
        assert self.own is not None
        self.tx.delete(key)
        self.own.pop(key, None)

    @precondition(lambda self: self.own is not None)
    @rule(start=KEYS, end=KEYS)
    def delete_range(self, start: bytes, end: bytes) -> None:
        assert self.own is not None
        self.tx.delete_range(start, end)
        self.own = {key: value for key, value in self.own.items() if not start <= key < end}

    @rule(key=KEYS)
    def look(self, key: bytes) -> None:
        """Open a reader that stays open over the next commits, or ask the one there is."""
        if self.reader is None:
            self.reader = self.store.read().__enter__()
            self.seen = dict(self.committed)
        assert self.reader.get(key) == self.seen.get(key)

    @precondition(lambda self: self.reader is not None)
    @rule()
    def stop_looking(self) -> None:
        self.reader.__exit__(None, None, None)
        self.reader = None

    @rule(key=KEYS)
    def get(self, key: bytes) -> None:
        if self.own is not None:
            assert self.tx.get(key) == self.own.get(key)
        with self.store.read() as tx:
            assert tx.get(key) == self.committed.get(key)

    @rule(start=KEYS, end=KEYS, reverse=st.booleans(), limit=st.none() | st.integers(0, 4))
    def scan(self, start: bytes, end: bytes, reverse: bool, limit: int | None) -> None:
        def want(pairs: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
            return sorted(((k, v) for k, v in pairs.items() if start <= k < end), reverse=reverse)[:limit]

        if self.own is not None:
            assert list(self.tx.scan(start, end, reverse=reverse, limit=limit)) == want(self.own)
        with self.store.read() as tx:
            assert list(tx.scan(start, end, reverse=reverse, limit=limit)) == want(self.committed)
        if self.reader is not None:
            assert list(self.reader.scan(start, end, reverse=reverse, limit=limit)) == want(self.seen)

    @invariant()
    def everything_agrees(self) -> None:
        if hasattr(self, "committed"):
            with self.store.read() as tx:
                assert dict(tx.scan(b"", b"\xff" * 4)) == self.committed

    def teardown(self) -> None:
        if getattr(self, "reader", None) is not None:
            self.reader.__exit__(None, None, None)
        if getattr(self, "own", None) is not None:
            self.block.__exit__(KeyError, KeyError(), None)


def test_any_history_is_a_dicts(store: Store, engine: str) -> None:
    """The model finds the orders of operations that nobody thinks of."""
    run(store, examples=25 if engine == "postgres" else 100)


@pytest.mark.parametrize("engine", ["rocks"], indirect=True)
def test_also_when_every_scan_remembers_deserts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What scans of queues skip is never a living key: here every scan is taken for a slow one."""
    monkeypatch.setattr(rocks, "_SLOW_SEEK", -1.0)
    run(store, examples=150)


def run(store: Store, examples: int) -> None:
    machine = type("History", (History,), {"store": store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
