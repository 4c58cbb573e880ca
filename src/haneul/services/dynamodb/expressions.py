"""A request's expressions and old parameters, ready to run; checked in the order in which AWS complains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from haneul.services.dynamodb.errors import invalid, invalid_parameter
from haneul.services.dynamodb.plane import conditions, legacy, projections, updates, values
from haneul.services.dynamodb.plane.binding import Binding
from haneul.services.dynamodb.plane.conditions import Bound, Test
from haneul.services.dynamodb.plane.projections import Parts
from haneul.services.dynamodb.plane.updates import Action
from haneul.services.dynamodb.plane.values import Item
from haneul.services.dynamodb.schemas import Schema, wrong_index_type

_UNSUPPORTED = "The update expression attempted to update the secondary index key to unsupported type"
_EMPTY_UPDATED = (
    "One or more parameter values are not valid. The update expression attempted to update a secondary index key to a "
    "value that is not supported. The AttributeValue for a key attribute cannot contain an empty {} value."
)
_NOT_SCALAR = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: {}: {}"


class Condition:
    """What must hold of an item before it is changed."""

    __slots__ = ("paths", "test")

    def __init__(self, test: Test, paths: list[Parts] | None = None) -> None:
        self.test = test
        self.paths = paths or []


def binding(request: Mapping[str, Any], wrapped: bool = False) -> Binding:
    return Binding(request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues"), wrapped)


def condition(request: Mapping[str, Any], bound: Binding) -> Condition | None:
    """ConditionExpression or Expected."""
    text = request.get("ConditionExpression")
    if text is not None:
        found = conditions.bind(text, bound, "ConditionExpression")
        return Condition(found.test, found.paths)
    wanted = request.get("Expected")
    operator = request.get("ConditionalOperator")
    if operator is not None:
        if not wanted:
            raise invalid_parameter("ConditionalOperator cannot be used without Filter or Expected")
        if len(wanted) == 1:
            raise invalid_parameter(
                "ConditionalOperator can only be used when Filter or Expected has two or more elements"
            )
    if not wanted:
        return None
    return Condition(legacy.expected(wanted, operator))


def write_condition(request: Mapping[str, Any]) -> Condition | None:
    """The condition of a PutItem or DeleteItem. Raises ValidationException."""
    legacy.check_mixture(request, ("ConditionExpression",), ("Expected", "ConditionalOperator"))
    if request.get("ConditionExpression") is None and not request.get("Expected"):
        if request.get("ConditionalOperator") is not None:
            raise invalid_parameter("ConditionalOperator cannot be used without Filter or Expected")
        return None
    bound = binding(request)
    found = condition(request, bound)
    bound.finish()
    return found


class Update:
    """What an UpdateItem does: expression actions or AttributeUpdates, and its condition."""

    __slots__ = ("actions", "attributes", "condition")

    def __init__(self, request: Mapping[str, Any]) -> None:
        legacy.check_mixture(
            request,
            ("UpdateExpression", "ConditionExpression"),
            ("AttributeUpdates", "Expected", "ConditionalOperator"),
        )
        self.attributes: Mapping[str, Any] | None = request.get("AttributeUpdates")
        if self.attributes is not None:
            legacy.check_updates(self.attributes)
        bound = binding(request)
        text = request.get("UpdateExpression")
        self.actions: list[Action] | None = None if text is None else updates.bind(text, bound)
        self.condition = condition(request, bound)
        bound.finish()

    @classmethod
    def of(cls, actions: list[Action], condition: Condition | None) -> Update:
        """An update made of actions that are bound already (PartiQL)."""
        made = cls.__new__(cls)
        made.attributes, made.actions, made.condition = None, actions, condition
        return made

    @property
    def paths(self) -> list[Parts]:
        if self.actions is not None:
            return [action.path for action in self.actions]
        return [(name,) for name in self.attributes or ()]

    def only_removes(self) -> bool:
        """Nothing here can bring an item into being."""
        if self.actions is not None:
            return all(action.action in ("REMOVE", "DELETE") for action in self.actions)
        if self.attributes:
            return all(update.get("Action", "PUT") == "DELETE" for update in self.attributes.values())
        return False

    def check(self, schema: Schema) -> None:
        """What the table's keys forbid. Raises ValidationException."""
        for path in self.paths:
            head = path[0]
            if head in schema.key_names:
                if len(path) > 1:
                    raise invalid(_NOT_SCALAR.format("Key", head))
                raise invalid_parameter(f"Cannot update attribute {head}. This attribute is part of the key")
            if len(path) > 1 and head in schema.index_keys:
                raise invalid(_NOT_SCALAR.format("IndexKey", head))
        for name, kind in self._static():
            declared = schema.index_keys.get(name)
            if declared is not None and kind != declared[0]:
                raise wrong_index_type(name, declared[0], kind, declared[1])

    def _static(self) -> Iterable[tuple[str, str]]:
        for action in self.actions or ():
            if len(action.path) == 1 and action.kind is not None and action.action != "DELETE":
                yield str(action.path[0]), action.kind
        for name, update in (self.attributes or {}).items():
            if update.get("Value") is not None and update.get("Action", "PUT") != "DELETE":
                yield name, values.kind_of(update["Value"])

    def apply(self, schema: Schema, old: Item, new: Item) -> int:
        """Change `new` (a copy of `old`); its size. Raises ValidationException."""
        if self.actions is not None:
            updates.apply(self.actions, old, new)
        elif self.attributes:
            legacy.apply(self.attributes, new)
        if schema.index_keys:
            schema.check_index_keys(new, lambda *_: invalid(_UNSUPPORTED), _EMPTY_UPDATED)
        for action in self.actions or ():
            if len(action.path) > 1 or action.kind is None:
                values.check_depth(new.get(action.path[0]))  # type: ignore[arg-type]
        size = values.item_size(new)
        if size > values.ITEM_LIMIT:
            raise invalid("Item size to update has exceeded the maximum allowed size")
        return size


def check_key_paths(paths: Iterable[Parts], schema: Schema) -> None:
    """Keys are scalars: no path leads into one. Raises ValidationException."""
    for path in paths:
        if len(path) > 1:
            if path[0] in schema.key_names:
                raise invalid(_NOT_SCALAR.format("Key", path[0]))
            if path[0] in schema.index_keys:
                raise invalid(_NOT_SCALAR.format("IndexKey", path[0]))


def projection(request: Mapping[str, Any], bound: Binding) -> list[Parts] | None:
    """ProjectionExpression or AttributesToGet, as paths."""
    text = request.get("ProjectionExpression")
    if text is not None:
        return projections.bind(text, bound)
    names = request.get("AttributesToGet")
    if names is None:
        return None
    return attributes_to_get(names)


def attributes_to_get(names: list[str]) -> list[Parts]:
    seen = set()
    for name in names:
        if name in seen:
            raise invalid_parameter(f"Duplicate value in attribute name: {name}")
        if len(name.encode()) > values.NAME_LIMIT:
            raise invalid_parameter(f"Attribute name is too large, must be less than {values.NAME_LIMIT + 1} bytes")
        seen.add(name)
    return [(name,) for name in names]


def read_projection(request: Mapping[str, Any]) -> list[Parts] | None:
    """The projection of a GetItem (or a table's part of a batch). Raises ValidationException."""
    legacy.check_mixture(request, ("ProjectionExpression",), ("AttributesToGet",))
    if request.get("ProjectionExpression") is None:
        names = request.get("AttributesToGet")
        return None if names is None else attributes_to_get(names)
    bound = Binding(request.get("ExpressionAttributeNames"), None)
    paths = projection(request, bound)
    bound.finish()
    return paths


def filter_test(request: Mapping[str, Any], bound: Binding, legacy_name: str) -> tuple[Test | None, list[Parts], str]:
    """FilterExpression, QueryFilter or ScanFilter: (test, paths it looks at, what AWS calls it in messages)."""
    text = request.get("FilterExpression")
    if text is not None:
        found: Bound = conditions.bind(text, bound, "FilterExpression")
        return found.test, found.paths, "Filter Expression"
    filters = request.get(legacy_name)
    operator = request.get("ConditionalOperator")
    if operator is not None:
        if not filters:
            raise invalid_parameter("ConditionalOperator cannot be used without Filter or Expected")
        if len(filters) == 1:
            raise invalid_parameter(
                "ConditionalOperator can only be used when Filter or Expected has two or more elements"
            )
    if not filters:
        return None, [], legacy_name
    return legacy.filters(filters, operator), [(name,) for name in filters], legacy_name
