"""What an export leaves out: items that don't meet its conditions, and attributes that it doesn't name."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from haneul.services.dynamodb import expressions, keyconditions
from haneul.services.dynamodb.errors import invalid
from haneul.services.dynamodb.plane import conditions, projections
from haneul.services.dynamodb.plane.values import Item
from haneul.services.dynamodb.schemas import Schema


class ExportFilter:
    """A FilterSpecification ready to run. Raises ValidationException as Query does."""

    def __init__(self, told: Mapping[str, Any], schema: Schema) -> None:
        told = deepcopy(dict(told))  # binding puts numbers in their canonical form; the request stays what it was
        bound = expressions.binding(told)
        self._tests = []
        tree = keyconditions.parsed(told, bound)
        if tree is not None:
            self._tests.append(conditions.bind_tree(tree, bound, keyconditions.EXPRESSION).test)
        test, paths, _ = expressions.filter_test(told, bound, "")
        if test is not None:
            self._tests.append(test)
        self._columns = expressions.projection(told, bound)
        bound.finish()
        expressions.check_key_paths([*paths, *(self._columns or ())], schema)
        if tree is not None:
            keyconditions.span(keyconditions.key_conditions(told, bound, tree), schema, None)
            for name in schema.key_names:
                if any(path[0] == name for path in paths):
                    raise invalid(
                        f"Filter Expression can only contain non-primary key attributes: Primary key attribute: {name}"
                    )

    def __call__(self, item: Item) -> Item | None:
        """What is exported of the item; None for nothing."""
        if not all(test(item) for test in self._tests):
            return None
        return item if self._columns is None else projections.project(item, projections.tree(self._columns))
