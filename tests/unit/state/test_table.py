"""Tables: keys that sort as their members do, pages from anywhere, rows of older versions."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haneul.service import Scope
from haneul.state import migrate
from haneul.state.memory import MemoryStore
from haneul.state.table import Table, after, encode_key

SCOPE = Scope("000000000000", "us-east-1")
OTHER = Scope("000000000000", "us-east-2")
NUMBERS = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 255, 256, 2**63, 2**64 - 1])
TEXTS = st.text(max_size=4) | st.text(alphabet="\x00\x01\x02a\x7f\u00ff", max_size=4)
BYTES = st.binary(max_size=4) | st.lists(st.sampled_from([b"\x00", b"\x01", b"\x02", b"\xfe", b"\xff"])).map(b"".join)
KINDS: list[Any] = [TEXTS, NUMBERS, BYTES]


def same_shape(count: int) -> st.SearchStrategy[Any]:
    """`count` keys with members of the same kinds."""
    shapes = st.lists(st.sampled_from(KINDS), min_size=1, max_size=3)
    return shapes.flatmap(lambda kinds: st.tuples(*[st.tuples(*kinds) for _ in range(count)]))


def comparable(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(part.encode() if isinstance(part, str) else part for part in key)


@given(same_shape(2))
def test_keys_sort_as_their_members(pair: Any) -> None:
    """Listings come in AWS's order (UTF-8 bytes, numbers by size) only if bytes and members agree."""
    one, two = pair
    assert (encode_key(*one) < encode_key(*two)) == (comparable(one) < comparable(two))
    assert (encode_key(*one) == encode_key(*two)) == (comparable(one) == comparable(two))


@given(same_shape(2), st.integers(1, 3))
def test_prefixes_hold_their_keys_and_no_others(pair: Any, members: int) -> None:
    """A scan under the first members gives exactly the rows that have them, whatever bytes they end in."""
    one, two = pair
    members = min(members, len(one))
    root = b"t/" + encode_key(*one[:members])
    inside = root <= b"t/" + encode_key(*two) < after(root)
    assert inside == (comparable(one[:members]) == comparable(two[:members]))


@given(st.binary(min_size=1, max_size=6), st.binary(max_size=4))
def test_after_is_the_least_upper_bound(prefix: bytes, tail: bytes) -> None:
    """after(p) is above everything that starts with p, and nothing else lies below it and above p."""
    prefix = b"t" + prefix
    assert prefix <= prefix + tail < after(prefix)
    assert prefix + b"\xff" * 20 < after(prefix)
    between = after(prefix)[:-1] + bytes([after(prefix)[-1] - 1]) + tail
    assert between < after(prefix)
    assert between < prefix or between.startswith(prefix) or prefix.startswith(between[: len(after(prefix))])


class Vault(msgspec.Struct):
    name: str
    number: int
    data: bytes = b""
    note: str | None = None


VAULTS = Table("test.vault", Vault, key=("name", "number"))


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    with store.write() as tx:
        for name, number in itertools.product("abc", range(3)):
            VAULTS.put(tx, SCOPE, Vault(name, number))
            VAULTS.put(tx, OTHER, Vault(name, 7))
    return store


def names(store: MemoryStore, *key: Any, **how: Any) -> str:
    with store.read() as tx:
        return " ".join(f"{vault.name}{vault.number}" for vault in VAULTS.scan(tx, SCOPE, *key, **how))


@pytest.mark.parametrize(
    ("key", "how", "want"),
    [
        ((), {}, "a0 a1 a2 b0 b1 b2 c0 c1 c2"),
        ((), {"reverse": True}, "c2 c1 c0 b2 b1 b0 a2 a1 a0"),
        (("b",), {}, "b0 b1 b2"),
        (("b",), {"reverse": True, "limit": 2}, "b2 b1"),
        (("b",), {"after_key": (0,)}, "b1 b2"),
        (("b",), {"from_key": (1,)}, "b1 b2"),
        (("b",), {"after_key": (1,), "reverse": True}, "b0"),
        (("b",), {"from_key": (1,), "reverse": True}, "b1 b0"),
        ((), {"after_key": ("b",)}, "c0 c1 c2"),
        ((), {"after_key": ("b", 1)}, "b2 c0 c1 c2"),
        ((), {"from_key": ("b",), "limit": 2}, "b0 b1"),
        ((), {"after_key": ("b",), "reverse": True}, "a2 a1 a0"),
        ((), {"from_key": ("b",), "reverse": True, "limit": 4}, "b2 b1 b0 a2"),
        ((), {"after_key": ("c", 2)}, ""),
        ((), {"after_key": ("a", 0), "reverse": True}, ""),
        ((), {"after_key": ("bb",)}, "c0 c1 c2"),
        (("d",), {}, ""),
        (("b", 1), {}, "b1"),
    ],
)
def test_scan(store: MemoryStore, key: Any, how: Any, want: str) -> None:
    """Pages begin after or at a key, in both directions, within the members given and the scope."""
    assert names(store, *key, **how) == want


@given(st.lists(st.tuples(TEXTS, NUMBERS), max_size=12, unique=True), st.tuples(TEXTS, NUMBERS), st.booleans())
def test_pages_make_the_whole(keys: Any, mark: Any, reverse: bool) -> None:
    """What lies after a mark and what lies from it on the other way round is everything, once."""
    store = MemoryStore()
    with store.write() as tx:
        for name, number in keys:
            VAULTS.put(tx, SCOPE, Vault(name, number))
        ahead = [(v.name, v.number) for v in VAULTS.scan(tx, SCOPE, after_key=mark, reverse=reverse)]
        behind = [(v.name, v.number) for v in VAULTS.scan(tx, SCOPE, from_key=mark, reverse=not reverse)]
    whole = sorted(keys, key=comparable, reverse=reverse)
    assert behind[::-1] + ahead == whole
    assert mark not in ahead and (mark in behind) == (mark in keys)


def test_get_put_delete(store: MemoryStore) -> None:
    """A row is itself again, and nobody else's."""
    vault = Vault("x\x00y", 2**64 - 1, b"\x00\xff", "note")
    with store.write() as tx:
        VAULTS.put(tx, SCOPE, vault)
        assert VAULTS.get(tx, SCOPE, "x\x00y", 2**64 - 1) == vault
        assert VAULTS.get(tx, OTHER, "x\x00y", 2**64 - 1) is None
        VAULTS.delete(tx, SCOPE, "x\x00y", 2**64 - 1)
        assert VAULTS.get(tx, SCOPE, "x\x00y", 2**64 - 1) is None
        VAULTS.delete_all(tx, SCOPE, "b")
    assert names(store) == "a0 a1 a2 c0 c1 c2"


def test_delete_all_of_a_scope(store: MemoryStore) -> None:
    """One scope's rows go, the neighbour's stay."""
    with store.write() as tx:
        VAULTS.delete_all(tx, SCOPE)
        assert [(scope, vault.name) for scope, vault in VAULTS.everywhere(tx)] == [(OTHER, name) for name in "abc"]


def test_tables_are_apart(store: MemoryStore) -> None:
    """A table whose name begins like another's doesn't see its rows."""
    with store.read() as tx:
        for name in ("test.vaul", "test.vault2", "test"):
            assert not list(Table(name, Vault, key=("name", "number")).everywhere(tx))


def test_rows_of_older_versions_are_brought_up_to_date() -> None:
    """Data written by an older Haneul is read by this one, step by step; a newer one's is refused."""

    class Old(msgspec.Struct):
        name: str
        colour: str
        data: bytes

    class New(msgspec.Struct):
        name: str
        color: str
        data: bytes
        shade: int
        tags: tuple[str, ...] = ()

    store = MemoryStore()
    old = Table("test.moved", Old, key=("name",))
    with store.write() as tx:
        old.put(tx, SCOPE, Old("a", "red", b"\x00\xff"))

    @migrate.migration("test.moved", 2)
    def rename(row: dict[str, Any]) -> None:
        row["color"] = row.pop("colour")

    @migrate.migration("test.moved", 3)
    def add_shade(row: dict[str, Any]) -> None:
        row["shade"] = len(row["color"])

    new = Table("test.moved", New, key=("name",))
    with store.write() as tx:
        assert new.get(tx, SCOPE, "a") == New("a", "red", b"\x00\xff", 3)
        assert list(new.scan(tx, SCOPE)) == [New("a", "red", b"\x00\xff", 3)]
        new.put(tx, SCOPE, New("b", "blue", b"", 4, ("x",)))
        assert new.get(tx, SCOPE, "b") == New("b", "blue", b"", 4, ("x",))
        tx.put(new.prefix(SCOPE) + encode_key("c"), b"\x04" + msgspec.msgpack.encode({"name": "c"}))
        with pytest.raises(migrate.NewerRow, match=r"test\.moved has version 4"):
            new.get(tx, SCOPE, "c")


def test_members_with_defaults_need_no_migration() -> None:
    """A new member with a default is how most rows change."""

    class Before(msgspec.Struct):
        name: str

    class Behind(msgspec.Struct):
        name: str
        size: int = 3

    store = MemoryStore()
    with store.write() as tx:
        Table("test.grown", Before, key=("name",)).put(tx, SCOPE, Before("a"))
        grown = Table("test.grown", Behind, key=("name",))
        assert grown.get(tx, SCOPE, "a") == Behind("a", 3)
