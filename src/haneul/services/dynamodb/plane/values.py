"""Attribute values as the wire has them ({"S": "x"}): validated, put in canonical form, measured and compared.

Validation changes numbers to their canonical spelling in place, so that what is stored compares as text.
"""

from __future__ import annotations

import binascii
from binascii import a2b_base64
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from haneul.services.dynamodb.errors import INVALID, Layered, invalid, invalid_parameter
from haneul.services.dynamodb.plane import numbers
from haneul.wire.errors import AwsError

Value = dict[str, Any]
Item = dict[str, Value]

TYPES = ("S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M")
ITEM_LIMIT = 400 * 1024
DEPTH_LIMIT = 32
NAME_LIMIT = 65535
_EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
_SEVERAL = (
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
)
_DEEP = (
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
)
_MEMBER = {"SS": "S", "NS": "N", "BS": "B"}


def check_item(item: Item) -> int:
    """Validate an item or key, canonicalise its numbers, and give its size in bytes. Raises ValidationException."""
    total = 0
    for name, value in item.items():
        total += (len(name) if name.isascii() else len(name.encode())) + check_value(value, 1)
        if len(name) > NAME_LIMIT:
            raise invalid_parameter(f"Attribute name is too large, must be less than {NAME_LIMIT + 1} bytes")
    return total


def check_value(value: Any, depth: int = 1) -> int:
    """Validate one value in place; its size in bytes without its name."""
    if type(value) is not dict or len(value) != 1:
        value = _only(value)
    for kind, content in value.items():
        if kind == "S":
            if type(content) is not str:
                raise _wrong_json(content, "String")
            return len(content) if content.isascii() else len(content.encode())
        if kind == "N":
            if type(content) is not str:
                raise _wrong_json(content, "String")
            value["N"] = number = numbers.canonical(content)
            return numbers.size(number)
        return _check_other(value, kind, content, depth)
    raise invalid(_EMPTY)


def _only(value: Any) -> Value:
    """The value when it holds one known type (nulls and unknown members don't count)."""
    if not isinstance(value, dict):
        raise _wrong_json(value, "AttributeValue")
    unknown = [kind for kind, content in value.items() if content is None or kind not in TYPES]
    for kind in unknown:
        del value[kind]
    if not value:
        raise invalid(_EMPTY)
    if len(value) > 1:
        raise invalid(_SEVERAL)
    return value


def _check_other(value: Value, kind: str, content: Any, depth: int) -> int:
    if content is None or kind not in TYPES:
        _only(value)
    if kind == "BOOL":
        if type(content) is not bool:
            raise _wrong_json(content, "Boolean")
        return 1
    if kind == "NULL":
        if type(content) is not bool:
            raise _wrong_json(content, "Boolean")
        if not content:
            raise invalid_parameter("Null attribute value types must have the value of true")
        return 1
    if kind == "B":
        return len(_binary(content))
    if kind == "M":
        return _check_map(content, depth)
    if kind == "L":
        return _check_list(content, depth)
    return _check_set(value, kind, content)


def _check_map(content: Any, depth: int) -> int:
    if type(content) is not dict:
        raise AwsError("SerializationException", "Unexpected field type")
    if depth >= DEPTH_LIMIT:
        raise invalid(_DEEP)
    total = 3
    for name, member in content.items():
        total += 1 + (len(name) if name.isascii() else len(name.encode())) + check_value(member, depth + 1)
    return total


def _check_list(content: Any, depth: int) -> int:
    if type(content) is not list:
        raise AwsError("SerializationException", "Unexpected field type")
    if depth >= DEPTH_LIMIT:
        raise invalid(_DEEP)
    total = 3
    for member in content:
        total += 1 + check_value(member, depth + 1)
    return total


def _check_set(value: Value, kind: str, content: Any) -> int:
    if type(content) is not list:
        raise AwsError("SerializationException", "Unexpected field type")
    if not content:
        raise invalid_parameter(
            "Binary sets should not be empty"
            if kind == "BS"
            else f"An {'string' if kind == 'SS' else 'number'} set  may not be empty"
        )
    if not all(type(member) is str for member in content):
        raise _wrong_json(next(m for m in content if type(m) is not str), "String")
    if kind == "NS":
        value["NS"] = content = [numbers.canonical(member) for member in content]
        if len(set(content)) != len(content):
            raise Layered(INVALID + "Input collection contains duplicates.", "Input collection contains duplicates")
        return sum(map(numbers.size, content))
    if kind == "BS":
        raws = [_binary(member) for member in content]
        if len(set(raws)) != len(raws):
            told = ",".join(f'"{member}"' for member in _repeated(content, raws))
            raise Layered(
                f"{INVALID}Input collection [{told}]of type BS contains duplicates.",
                f"{INVALID}Input collection [{', '.join(content)}]of type BS contains duplicates.",
            )
        return sum(map(len, raws))
    if len(set(content)) != len(content):
        told = ", ".join(f'"{member}"' for member in _repeated(content, [member.encode() for member in content]))
        raise Layered(
            f"{INVALID}Input collection [{told}] contains duplicates.",
            f"{INVALID}Input collection [{', '.join(content)}] contains duplicates.",
        )
    return sum([len(member.encode()) for member in content])


def _repeated(content: list[str], raws: list[bytes]) -> list[str]:
    """A set's members as AWS tells them: in order up to the first that comes again, then the rest as they were sent."""
    seen: dict[bytes, str] = {}
    for number, (member, raw) in enumerate(zip(content, raws, strict=True)):
        if raw in seen:
            return [seen[each] for each in sorted(seen)] + content[number:]
        seen[raw] = member
    return content


def _binary(content: Any) -> bytes:
    if type(content) is not str:
        raise _wrong_json(content, "Blob")
    try:
        return a2b_base64(content, strict_mode=True) if content else b""
    except (binascii.Error, ValueError):
        raise AwsError(
            "SerializationException", f"'{content}' can not be converted to a Blob: invalid Base64"
        ) from None


def _wrong_json(content: Any, wanted: str) -> AwsError:
    """What AWS says when a JSON value is of another type than the model's."""
    if isinstance(content, bool):
        found = "TRUE_VALUE" if content else "FALSE_VALUE"
    elif isinstance(content, int):
        found = "NUMBER_VALUE"
    elif isinstance(content, float):
        found = "DECIMAL_VALUE"
    elif isinstance(content, str):
        found = "STRING_VALUE"
    elif isinstance(content, list):
        return AwsError("SerializationException", "Unrecognized collection type class java.util.ArrayList")
    elif isinstance(content, dict):
        return AwsError("SerializationException", "Start of structure or map found where not expected.")
    else:
        return invalid(_EMPTY)
    return AwsError("SerializationException", f"{found} cannot be converted to {wanted}")


def kind_of(value: Mapping[str, Any]) -> str:
    return next(iter(value))


def size_of(value: Value) -> int:
    """Bytes a value that was validated before counts for."""
    for kind, content in value.items():
        if kind == "S":
            return len(content) if content.isascii() else len(content.encode())
        if kind == "N":
            return numbers.size(content)
        if kind in ("BOOL", "NULL"):
            return 1
        if kind == "B":
            return len(a2b_base64(content))
        if kind == "M":
            return 3 + sum([1 + len(name.encode()) + size_of(member) for name, member in content.items()])
        if kind == "L":
            return 3 + sum([1 + size_of(member) for member in content])
        member_kind = _MEMBER[kind]
        return sum([size_of({member_kind: member}) for member in content])
    return 0


def item_size(item: Item) -> int:
    return sum([(len(name) if name.isascii() else len(name.encode())) + size_of(value) for name, value in item.items()])


def equal(left: Value, right: Value) -> bool:
    """Whether two validated values are the same; the order of a set's members doesn't count."""
    if left == right:
        return True
    kind = next(iter(left))
    if kind not in right:
        return False
    a, b = left[kind], right[kind]
    if kind in _MEMBER:
        return len(a) == len(b) and frozenset(a) == frozenset(b)
    if kind == "L":
        return len(a) == len(b) and all(map(equal, a, b))
    if kind == "M":
        return len(a) == len(b) and all(name in b and equal(member, b[name]) for name, member in a.items())
    return False


def order(value: Value) -> tuple[str, Any] | None:
    """(type, something that compares as AWS compares values of this type); None for types without an order."""
    for kind, content in value.items():
        if kind == "S":
            return kind, content
        if kind == "N":
            return kind, Decimal(content)
        if kind == "B":
            return kind, a2b_base64(content)
    return None


def contains(container: Value, member: Value) -> bool:
    """contains(path, operand): a substring, a set's member or a list's element."""
    for kind, content in container.items():
        wanted, sought = next(iter(member.items()))
        if kind in ("S", "B"):
            if kind != wanted:
                return False
            return sought in content if kind == "S" else a2b_base64(sought) in a2b_base64(content)
        if kind in _MEMBER:
            return wanted == _MEMBER[kind] and sought in content
        if kind == "L":
            return any(equal(element, member) for element in content)
    return False


def begins_with(value: Value, prefix: Value) -> bool:
    for kind, content in value.items():
        if kind not in prefix:
            return False
        if kind == "S":
            return bool(content.startswith(prefix["S"]))
        if kind == "B":
            return a2b_base64(content).startswith(a2b_base64(prefix["B"]))
    return False


def length(value: Value) -> int | None:
    """size(path): characters of a string, bytes of a binary, members of a set, list or map; None for the rest."""
    for kind, content in value.items():
        if kind in ("S", "SS", "NS", "BS", "L", "M"):
            return len(content)
        if kind == "B":
            return len(a2b_base64(content))
    return None


def check_depth(value: Value | None) -> None:
    """A value's nesting after an update. Raises ValidationException."""
    level: list[Value] = [] if value is None else [value]
    for _ in range(DEPTH_LIMIT):
        below: list[Value] = []
        for each in level:
            for kind, content in each.items():
                if kind == "M":
                    below += content.values()
                elif kind == "L":
                    below += content
        if not below:
            return
        level = below
    raise invalid(_DEEP)
