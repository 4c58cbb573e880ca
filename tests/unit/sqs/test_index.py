"""The index of receivable messages: order within groups, and that nothing is lost or given twice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from haneul.services.sqs.plane.index import HELD, Entry, FifoIndex, StandardIndex

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from("abc"), st.integers(0, 2)),
        st.tuples(st.just("take"), st.integers(1, 4), st.integers(0, 3)),
        st.tuples(st.just("delete"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("show"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 3), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=200)
@given(ACTIONS)
def test_fifo_never_overtakes(actions) -> None:
    """Whatever is sent, taken, hidden, shown and deleted: a group's messages come in order, one batch at a time."""
    index, now, sequence = FifoIndex(), 0, 0
    alive: dict[str, list[int]] = {}
    flying: dict[str, set[int]] = {}
    delays: dict[int, int] = {}
    for kind, first, second in actions:
        index.tick(now)
        for group, held in flying.items():
            flying[group] = {s for s in held if s in index.entries and index.entries[s].state == HELD}
        if kind == "send":
            sequence += 1
            alive.setdefault(first, []).append(sequence)
            delays[sequence] = now + second
            index.add(Entry(sequence, now, now + second, first), now)
        elif kind == "take":
            taken = index.take(first)
            groups: dict[str, list[int]] = {}
            for entry in taken:
                groups.setdefault(entry.group, []).append(entry.sequence)
            for group, sequences in groups.items():
                assert not flying.get(group), "a group in flight gave more"
                assert sequences == alive[group][: len(sequences)], "a message was overtaken"
            for entry in taken:
                entry.count += 1
                if second:
                    index.hold(entry, now + second)
                    flying.setdefault(entry.group, set()).add(entry.sequence)
                else:
                    index.show(entry, now)
        elif kind in ("delete", "show"):
            held = sorted(s for group in flying.values() for s in group)
            if held:
                entry = index.entries[held[first % len(held)]]
                flying[entry.group].discard(entry.sequence)
                if kind == "delete":
                    index.remove(entry)
                    alive[entry.group].remove(entry.sequence)
                else:
                    index.show(entry, now)
        else:
            now += first
    # In the end everything that was sent and not deleted comes, in order.
    now += 100
    index.tick(now)
    rest: dict[str, list[int]] = {}
    while taken := index.take(10):
        for entry in taken:
            rest.setdefault(entry.group, []).append(entry.sequence)
            index.remove(entry)
    assert rest == {group: sequences for group, sequences in alive.items() if sequences}


@settings(max_examples=100)
@given(ACTIONS)
def test_standard_loses_nothing(actions) -> None:
    """Every message is ready, delayed or held, never two of them, and comes in the end."""
    index, now, sequence = StandardIndex(), 0, 0
    alive: set[int] = set()
    for kind, first, second in actions:
        index.tick(now)
        if kind == "send":
            sequence += 1
            alive.add(sequence)
            index.add(Entry(sequence, now, now + second), now)
        elif kind == "take":
            taken = index.take(first)
            assert len({entry.sequence for entry in taken}) == len(taken)
            for entry in taken:
                entry.count += 1
                index.hold(entry, now + second) if second else index.show(entry, now)
        elif kind == "delete" and index.entries:
            entry = sorted(index.entries.values(), key=lambda e: e.sequence)[first % len(index.entries)]
            index.remove(entry)
            alive.discard(entry.sequence)
        else:
            now += first if isinstance(first, int) else 0
        ready = sum(1 for _ in index.ready())
        assert ready + index.held + index.delayed == len(index.entries) == len(alive)
    now += 100
    index.tick(now)
    assert {entry.sequence for entry in index.take(1000)} == alive
