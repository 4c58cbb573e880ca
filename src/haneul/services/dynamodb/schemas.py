"""A table's row made ready for work: how keys are found in items, checked and encoded, and what a change must touch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haneul.service import Scope
from haneul.services.dynamodb.errors import errors, invalid, invalid_parameter
from haneul.services.dynamodb.plane import keys, records, values
from haneul.services.dynamodb.plane.values import Item
from haneul.services.dynamodb.state import Index, TableRow

HASH_LIMIT = 2048
RANGE_LIMIT = 1024
NO_MATCH = "The provided key element does not match the schema"
NOT_VALID = "One or more parameter values are not valid. "
_EMPTY_KEY = NOT_VALID + "The AttributeValue for a key attribute cannot contain an empty {} value. Key: {}"
_EMPTY_INDEX_KEY = (
    NOT_VALID + "A value specified for a secondary index key is not supported. "
    "The AttributeValue for a key attribute cannot contain an empty {} value. IndexName: {}, IndexKey: {}"
)
NO_INDEX = "The table does not have the specified index"
_LONG_RANGE = "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
_WORDS = {"S": "string", "B": "binary"}


class IndexSchema:
    """An index's keys and projection."""

    def __init__(self, table: TableRow, index: Index, root: bytes) -> None:
        self.row = index
        self.name = index.name
        self.local = index.local
        self.prefix = root + bytes([index.number])
        self.hashes = [(name, table.attributes[name]) for name in index.hashes]
        self.ranges = [(name, table.attributes[name]) for name in index.ranges]
        self.attributes = self.hashes + self.ranges
        own = [name for name, _ in self.attributes]
        table_keys = [table.hash] + ([table.range] if table.range else [])
        self.key_names = own + [name for name in table_keys if name not in own]
        self.all = index.projection == "ALL"
        self.projected = frozenset(self.key_names) | frozenset(index.attributes or ())
        self.active = index.status != "CREATING"
        """An index can be read once it is built; it is kept up to date from the moment it is created."""

    def key(self, item: Mapping[str, Any], base: bytes) -> bytes | None:
        """Where the item's entry lies, without the prefix; None when the item is not in the index."""
        hashes = []
        for name, kind in self.hashes:
            value = item.get(name)
            if value is None or kind not in value:
                return None
            hashes.append(keys.raw(kind, value[kind]))
        parts = [keys.partition(*hashes)]
        for name, kind in self.ranges:
            value = item.get(name)
            if value is None or kind not in value:
                return None
            parts.append(keys.ordered(kind, keys.raw(kind, value[kind])))
        parts.append(base)
        return b"".join(parts)

    def project(self, item: Item) -> Item:
        if self.all:
            return item
        projected = self.projected
        return {name: value for name, value in item.items() if name in projected}


class Schema:
    """A table as requests need it."""

    def __init__(self, scope: Scope, row: TableRow, packed: bytes) -> None:
        self.scope = scope
        self.row = row
        self.packed = packed
        self.name = row.name
        self.arn = f"arn:aws:dynamodb:{scope.region}:{scope.account}:table/{row.name}"
        root = records.root(row.data)
        self.root = root
        self.base = root + b"\x00"
        self.pieces = records.pieces_root(row.data)
        self.data = bytes.fromhex(row.data)
        self.hash = row.hash
        self.hash_type = row.attributes[row.hash]
        self.range = row.range
        self.range_type = row.attributes[row.range] if row.range else None
        self.key_names = [row.hash] + ([row.range] if row.range else [])
        self.key_types = [(name, row.attributes[name]) for name in self.key_names]
        self.indexes = [IndexSchema(row, index, root) for index in row.indexes if index.status != "DELETING"]
        self.index_keys: dict[str, tuple[str, str]] = {}
        """Attribute -> (type, an index it is a key of), for attributes that are keys of indexes only."""
        for index in self.indexes:
            for name, kind in index.attributes:
                if name not in self.key_names:
                    self.index_keys.setdefault(name, (kind, index.name))
        self.narrow = any(row.hash == name for index in self.indexes for name, _ in index.ranges)
        """The partition key is some index's sort key: it can be no longer than those."""
        self.has_local = any(index.local for index in self.indexes)
        self.stream = row.stream
        self.logged = row.pitr_since is not None
        self.ttl = row.ttl
        self.replicated = row.replicas is not None and len(row.replicas) > 1
        self.plain = not (self.indexes or self.stream or self.logged or self.ttl or self.replicated)
        """A change touches the item's row and nothing else."""

    def index(self, name: str) -> IndexSchema:
        """The index by name, if it can be read. Raises ValidationException."""
        for index in self.indexes:
            if index.name == name:
                if not index.active:
                    raise errors.ValidationException(f"Cannot read from backfilling global secondary index: {name}")
                return index
        raise invalid(f"{NO_INDEX}: {name}")

    def key(self, key: Mapping[str, Any]) -> bytes:
        """The bytes of a Key parameter, canonical in place. Raises ValidationException."""
        if len(key) != len(self.key_types):
            values.check_item(dict(key))
            raise invalid(NO_MATCH)
        parts = []
        for name, kind in self.key_types:
            value = key.get(name)
            if value is None:
                values.check_item(dict(key))
                raise invalid(NO_MATCH)
            values.check_value(value)
            content = value.get(kind)
            if content is None:
                raise invalid(NO_MATCH)
            parts.append(self._raw(name, kind, content))
        return self._join(parts)

    def item_key(self, item: Mapping[str, Any]) -> bytes:
        """The key bytes of a whole, validated item. Raises ValidationException."""
        parts = []
        for name, kind in self.key_types:
            value = item.get(name)
            if value is None:
                raise invalid_parameter(f"Missing the key {name} in the item")
            content = value.get(kind)
            if content is None:
                raise invalid_parameter(
                    f"Type mismatch for key {name} expected: {kind} actual: {values.kind_of(value)}"
                )
            parts.append(self._raw(name, kind, content))
        if self.narrow and len(parts[0]) > RANGE_LIMIT:
            raise invalid_parameter(_LONG_RANGE)
        return self._join(parts)

    def _raw(self, name: str, kind: str, content: str) -> bytes:
        raw = keys.raw(kind, content)
        if kind != "N":
            if not raw:
                raise invalid(_EMPTY_KEY.format(_WORDS[kind], name))
            if len(raw) > RANGE_LIMIT:
                if name == self.hash:
                    if len(raw) > HASH_LIMIT:
                        raise invalid_parameter("Size of hashkey has exceeded the maximum size limit of2048 bytes")
                else:
                    raise invalid_parameter(_LONG_RANGE)
        return raw

    def _join(self, parts: list[bytes]) -> bytes:
        if len(parts) == 1:
            return keys.partition(parts[0])
        assert self.range_type is not None
        return keys.partition(parts[0]) + keys.ordered(self.range_type, parts[1])

    def check_index_keys(
        self,
        item: Mapping[str, Any],
        wrong: Callable[[str, str, str, str], Exception],
        empty: str = _EMPTY_INDEX_KEY,
    ) -> None:
        """Index keys in an item must have the declared type, and bytes. `wrong` makes the error of a wrong type,
        `empty` is that of no bytes."""
        for name, (kind, index) in self.index_keys.items():
            value = item.get(name)
            if value is None:
                continue
            content = value.get(kind)
            if content is None:
                raise wrong(name, kind, values.kind_of(value), index)
            if kind == "N":
                continue
            raw = keys.raw(kind, content)
            if not raw:
                raise invalid(empty.format(_WORDS[kind], index, name))
            self._check_index_size(name, index, len(raw))

    def _check_index_size(self, name: str, index_name: str, size: int) -> None:
        if size <= RANGE_LIMIT:
            return
        for index in self.indexes:
            if any(name == attribute for attribute, _ in index.ranges):
                raise invalid_parameter(_LONG_RANGE)
        if size > HASH_LIMIT:
            raise invalid_parameter("Size of hashkey has exceeded the maximum size limit of2048 bytes")

    def key_of(self, item: Mapping[str, Any]) -> Item:
        """The item's primary key as members."""
        return {name: item[name] for name in self.key_names}


def wrong_index_type(name: str, kind: str, actual: str, index: str) -> Exception:
    """The error of an item whose index key has another type than declared."""
    return invalid_parameter(f"Type mismatch for Index Key {name} Expected: {kind} Actual: {actual} IndexName: {index}")
