"""What a parsed SELECT expression is made of."""

from __future__ import annotations

from typing import Any, NamedTuple

AGGREGATES = frozenset({"COUNT", "SUM", "AVG", "MIN", "MAX"})
TYPES = {
    "BOOL": "bool",
    "BOOLEAN": "bool",
    "INT": "int",
    "INTEGER": "int",
    "SMALLINT": "int",
    "BIGINT": "int",
    "STRING": "string",
    "VARCHAR": "string",
    "CHAR": "string",
    "CHARACTER": "string",
    "FLOAT": "float",
    "REAL": "float",
    "DOUBLE": "float",
    "DECIMAL": "decimal",
    "NUMERIC": "decimal",
    "TIMESTAMP": "timestamp",
}


class Name(NamedTuple):
    """A step of a path: unquoted names match in any case."""

    text: str
    quoted: bool


EVERY = Name("*", True)
"""The step [*] of a FROM path."""


class Node(NamedTuple):
    """kind and arguments: ("literal", value), ("path", steps), ("op", name, nodes), ("call", name, nodes), ..."""

    kind: str
    args: tuple[Any, ...]


class Item(NamedTuple):
    node: Node
    alias: str


class Query(NamedTuple):
    """`items` is None for SELECT *; `source` the path behind S3Object, `alias` what rows are called."""

    items: list[Item] | None
    source: list[Name | int]
    alias: Name
    where: Node | None
    limit: int | None
    aggregates: bool
