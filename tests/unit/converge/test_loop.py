"""The loop that takes steps: what asks for a step while one is under way is not forgotten."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec

from haneul.converge import timers
from haneul.converge.loop import Loop
from haneul.kit.clock import ManualClock
from haneul.service import Scope, Step
from haneul.state.memory import MemoryStore
from haneul.state.table import Table

SCOPE = Scope("000000000000", "us-east-1")


class Row(msgspec.Struct):
    name: str


ROWS = Table("test.row", Row, key=("name",))


def test_a_wake_during_a_step_brings_another(monkeypatch):
    """A step that ends content must not put off the one that was asked for meanwhile, in the same millisecond even."""
    clock, store = ManualClock(), MemoryStore()
    call = SimpleNamespace(ticket=0, usage=None)
    cloud = SimpleNamespace(store=store, clock=clock, services={}, call_as=lambda *_: call)
    loop = Loop(cloud)
    taken = []

    def step(_call, row):
        taken.append(row.name)
        if len(taken) == 1:
            with store.write() as tx:
                timers.wake(tx, "kind", SCOPE, (row.name,), clock.now())
        return Step(row, 3600.0)

    monkeypatch.setattr(loop, "_step", lambda _kind: (ROWS, step))
    loop._kinds["kind"] = (SimpleNamespace(model="test"), None)
    with store.write() as tx:
        ROWS.put(tx, SCOPE, Row("one"))
        timers.wake(tx, "kind", SCOPE, ("one",), clock.now())
    for _ in range(3):
        with store.read() as tx:
            due = [timer for timer in timers.upcoming(tx) if timer.due <= clock.now() * 1000 + 5]
        for timer in due:
            loop._take(timer)
    assert taken == ["one", "one"]
    with store.read() as tx:
        assert [timer.due for timer in timers.upcoming(tx)] == [int((clock.now() + 3600) * 1000)]
    loop.close()
