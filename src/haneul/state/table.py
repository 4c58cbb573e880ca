"""Typed rows over a store: one Table per kind of row, scoped by account and region.

    VAULTS = Table("glacier.vault", Vault, key=("name",))
    VAULTS.put(tx, call.scope, Vault(name="photos", ...))
    VAULTS.get(tx, call.scope, "photos")
    for vault in VAULTS.scan(tx, call.scope, after="photos", limit=11): ...

A row is a msgspec.Struct; its key members are text, whole numbers >= 0 or bytes, and sort as such.
Rows that changed shape are brought up to date as they are read (`state.migrate`); a row may be up
to VALUE_LIMIT bytes when packed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from haneul.service import Scope
from haneul.state import migrate
from haneul.state.store import Reader, Writer

Row = TypeVar("Row", bound=msgspec.Struct)
KeyPart = str | int | bytes

_END = b"\x00"


def encode_part(part: KeyPart) -> bytes:
    """One key member as bytes that sort like it: text and bytes end in 00 (00 and 01 inside become 01 01 and 01 02),
    numbers take 8. No encoded member is the beginning of another one's, so prefixes of keys never overlap."""
    if type(part) is str:
        raw = part.encode()
    elif isinstance(part, int):
        return part.to_bytes(8, "big")
    else:
        assert isinstance(part, bytes | str)
        raw = part if isinstance(part, bytes) else part.encode()
    if b"\x00" in raw or b"\x01" in raw:
        raw = raw.replace(b"\x01", b"\x01\x02").replace(b"\x00", b"\x01\x01")
    return raw + _END


def encode_key(*parts: KeyPart) -> bytes:
    return b"".join([encode_part(part) for part in parts])


def after(prefix: bytes) -> bytes:
    """The end of the range of all keys that start with `prefix` (which has a byte below FF, as every table's has)."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes((kept[-1] + 1,))


class Table(Generic[Row]):
    """Rows of one type under `name` (unique in the whole house: "<model>.<noun>"), keyed by `key` members."""

    __slots__ = ("_decode", "_encode", "_prefixes", "_root", "key", "name", "row", "version")

    def __init__(self, name: str, row: type[Row], key: tuple[str, ...]) -> None:
        self.name = name
        self.row = row
        self.key = key
        self.version = migrate.version_of(name)
        self._root = b"t/" + encode_part(name)
        self._prefixes: dict[Scope, bytes] = {}
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(row).decode

    def prefix(self, scope: Scope) -> bytes:
        """Where the scope's rows lie in the store."""
        found = self._prefixes.get(scope)
        if found is None:
            found = self._prefixes[scope] = self._root + encode_key(scope.account, scope.region)
            if len(self._prefixes) > 4096:
                self._prefixes.clear()
        return found

    def get(self, tx: Reader, scope: Scope, *key: KeyPart) -> Row | None:
        value = tx.get(self.prefix(scope) + encode_key(*key))
        return None if value is None else self._unpack(value)

    def packed(self, row: Row) -> bytes:
        """The row as it is stored, to tell whether two are the same."""
        return self._encode(row)

    def put(self, tx: Writer, scope: Scope, row: Row) -> None:
        key = self.prefix(scope) + encode_key(*[getattr(row, name) for name in self.key])
        tx.put(key, bytes([self.version]) + self._encode(row))

    def delete(self, tx: Writer, scope: Scope, *key: KeyPart) -> None:
        tx.delete(self.prefix(scope) + encode_key(*key))

    def delete_all(self, tx: Writer, scope: Scope, *key: KeyPart) -> None:
        """Delete every row whose key starts with the members given."""
        start = self.prefix(scope) + encode_key(*key)
        tx.delete_range(start, after(start))

    def scan(
        self,
        tx: Reader,
        scope: Scope,
        *key: KeyPart,
        after_key: tuple[KeyPart, ...] | None = None,
        from_key: tuple[KeyPart, ...] | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[Row]:
        """Rows in key order whose key starts with the members `key`; `after_key` (exclusive) or `from_key`
        (inclusive) say where to begin, in the members behind `key`; with `reverse`, where to begin going down."""
        root = self.prefix(scope) + encode_key(*key)
        start, end = root, after(root)
        if after_key is not None:
            bound = root + encode_key(*after_key)
            start, end = (start, bound) if reverse else (after(bound), end)
        elif from_key is not None:
            bound = root + encode_key(*from_key)
            start, end = (start, after(bound)) if reverse else (bound, end)
        for _, value in tx.scan(start, end, reverse=reverse, limit=limit):
            yield self._unpack(value)

    def everywhere(self, tx: Reader) -> Iterator[tuple[Scope, Row]]:
        """Every row of every scope (for converge, scrubbing and bills)."""
        for key, value in tx.scan(self._root, after(self._root)):
            account, region, _ = key[len(self._root) :].split(_END, 2)
            yield Scope(account.decode(), region.decode()), self._unpack(value)

    def scopes(self, tx: Reader) -> Iterator[Scope]:
        """Every scope that has rows, without reading them."""
        start, end = self._root, after(self._root)
        while True:
            for key, _ in tx.scan(start, end, limit=1):
                account, region, _ = key[len(self._root) :].split(_END, 2)
                scope = Scope(account.decode(), region.decode())
                break
            else:
                return
            yield scope
            start = after(self.prefix(scope))

    def _unpack(self, value: bytes) -> Row:
        if value[0] != self.version:
            return msgspec.convert(migrate.upgrade(self.name, value[0], value[1:]), self.row)
        return self._decode(memoryview(value)[1:])
