"""The methods that values have in templates: Java's, by name. What isn't listed doesn't exist."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

MAX_TEXT = 10 << 20
Method = Callable[..., Any]


class TemplateError(Exception):
    """The template is no template, or can't be rendered."""


def shown(value: Any) -> str:
    """A value as Java prints it."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{shown(key)}={shown(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(shown(one) for one in value) + "]"
    if isinstance(value, int | float):
        return str(value)
    return ""


def truncated(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise TemplateError("a text is too long")
    return text


def _pattern(text: Any) -> re.Pattern[str]:
    if len(shown(text)) > 1000:
        raise TemplateError("a pattern is too long")
    return re.compile(shown(text))


def _replacement(text: Any) -> str:
    """Java's $1 as Python's."""
    return re.sub(r"\$(\d)", r"\\\1", re.sub(r"\\(?!\$)", r"\\\\", shown(text)).replace("\\$", "$"))


def _split(text: str, pattern: Any, limit: int = 0) -> list[str]:
    parts = _pattern(pattern).split(text, max(0, limit - 1) if limit > 0 else 0)
    parts = [part or "" for part in parts]
    while limit == 0 and len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts


def _substring(text: str, start: int, end: int | None = None) -> str:
    if start < 0 or start > len(text) or (end is not None and not start <= end <= len(text)):
        raise TemplateError("a substring is out of range")
    return text[start:end]


_STRING: dict[str, Method] = {
    "length": len,
    "isEmpty": lambda text: not text,
    "toString": lambda text: text,
    "trim": lambda text: text.strip(),
    "toUpperCase": lambda text: text.upper(),
    "toLowerCase": lambda text: text.lower(),
    "substring": _substring,
    "charAt": lambda text, index: text[index],
    "concat": lambda text, other: truncated(text + shown(other)),
    "contains": lambda text, other: shown(other) in text,
    "startsWith": lambda text, other: text.startswith(shown(other)),
    "endsWith": lambda text, other: text.endswith(shown(other)),
    "indexOf": lambda text, other, start=0: text.find(shown(other), start),
    "lastIndexOf": lambda text, other: text.rfind(shown(other)),
    "equals": lambda text, other: text == other,
    "equalsIgnoreCase": lambda text, other: text.lower() == shown(other).lower(),
    "compareTo": lambda text, other: (text > shown(other)) - (text < shown(other)),
    "matches": lambda text, pattern: _pattern(pattern).fullmatch(text) is not None,
    "replace": lambda text, old, new: truncated(text.replace(shown(old), shown(new))),
    "replaceAll": lambda text, pattern, new: truncated(_pattern(pattern).sub(_replacement(new), text)),
    "replaceFirst": lambda text, pattern, new: truncated(_pattern(pattern).sub(_replacement(new), text, 1)),
    "split": _split,
}


def _set(values: list[Any], index: int, value: Any) -> Any:
    old = values[index]
    values[index] = value
    return old


def _add(values: list[Any], *given: Any) -> bool:
    if len(values) >= 100_000:
        raise TemplateError("a list is too long")
    if len(given) == 2:
        values.insert(given[0], given[1])
    else:
        values.append(given[0])
    return True


def _remove_from(values: list[Any], what: Any) -> Any:
    if isinstance(what, int) and not isinstance(what, bool):
        return values.pop(what)
    if what in values:
        values.remove(what)
        return True
    return False


def _add_all(values: list[Any], more: Any) -> bool:
    for one in list(more):
        _add(values, one)
    return True


_LIST: dict[str, Method] = {
    "size": len,
    "length": len,
    "isEmpty": lambda values: not values,
    "get": lambda values, index: values[int(index)],
    "set": _set,
    "add": _add,
    "addAll": _add_all,
    "remove": _remove_from,
    "contains": lambda values, one: one in values,
    "containsAll": lambda values, others: all(one in values for one in others),
    "indexOf": lambda values, one: values.index(one) if one in values else -1,
    "subList": lambda values, start, end: values[start:end],
    "iterator": lambda values: values,
    "toString": shown,
    "clear": lambda values: values.clear() or "",
    "join": lambda values, mark=",": shown(mark).join(shown(one) for one in values),
}


def _put(values: dict[Any, Any], key: Any, value: Any) -> Any:
    if len(values) >= 100_000:
        raise TemplateError("a map is too large")
    old = values.get(key)
    values[key] = value
    return old


_MAP: dict[str, Method] = {
    "size": len,
    "isEmpty": lambda values: not values,
    "get": lambda values, key: values.get(key),
    "getOrDefault": lambda values, key, other: values.get(key, other),
    "put": _put,
    "putAll": lambda values, more: values.update(more) or "",
    "putIfAbsent": lambda values, key, value: values.get(key) if key in values else _put(values, key, value),
    "remove": lambda values, key: values.pop(key, None),
    "containsKey": lambda values, key: key in values,
    "containsValue": lambda values, one: one in values.values(),
    "keySet": lambda values: list(values.keys()),
    "values": lambda values: list(values.values()),
    "entrySet": lambda values: [{"key": key, "value": one} for key, one in values.items()],
    "getKey": lambda values: values.get("key"),
    "getValue": lambda values: values.get("value"),
    "toString": shown,
    "equals": lambda values, other: values == other,
    "clear": lambda values: values.clear() or "",
}
_NUMBER: dict[str, Method] = {
    "toString": shown,
    "intValue": int,
    "longValue": int,
    "doubleValue": float,
    "floatValue": float,
    "equals": lambda number, other: number == other,
    "compareTo": lambda number, other: (number > other) - (number < other),
    "parseInt": lambda number, text: int(shown(text)),
    "parseDouble": lambda number, text: float(shown(text)),
    "valueOf": lambda number, text: int(shown(text)),
}
_PROPERTIES = frozenset({"length", "size", "empty"})


def call_method(value: Any, name: str, arguments: tuple[Any, ...], absent: Any) -> Any:
    """What the method gives; `absent` when the value has no such method. Raises TemplateError."""
    own = getattr(type(value), "invoke", None)
    if own is not None:  # one of our own objects, which says what it does
        return own(value, name, arguments)
    if isinstance(value, str):
        table = _STRING
    elif isinstance(value, Mapping):
        table = _MAP
    elif isinstance(value, list):
        table = _LIST
    elif isinstance(value, int | float):
        table = _NUMBER if not isinstance(value, bool) else {"toString": shown, "equals": _NUMBER["equals"]}
    else:
        return absent
    method = table.get(name)
    if method is None:
        return absent
    try:
        return method(value, *arguments)
    except (TypeError, IndexError, ValueError, AttributeError) as error:
        raise TemplateError(f"{name}: {error}") from error
