"""What members must be (required, length, range, pattern, enum), checked quickly, and told in AWS's own words.

The compiled check only says yes or no; the words are found by a second walk, for requests that failed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from haneul.wire.errors import AwsError
from haneul.wire.model import Model, Ref
from haneul.wire.patterns import matches
from haneul.wire.quirks import Quirks

Check = Callable[[Any], bool]
"""True when the value keeps its constraints."""

_NUMBERS = frozenset({"integer", "long", "float", "double", "bigdecimal", "biginteger", "short", "byte"})
_MAX_MESSAGES = 20
_PATTERN = "Member must satisfy regular expression pattern: "


class Constraints:
    """Compiles checks for one service's shapes; knows which constraints the service checks."""

    def __init__(self, model: Model, quirks: Quirks, opaque: frozenset[str]) -> None:
        self._model = model
        self._quirks = quirks
        self._opaque = opaque
        self._checks: dict[str, Check | None] = {}

    def check(self, ref: Ref) -> Check | None:
        """A quick check of a value of this shape, or None when nothing about it is constrained."""
        name = ref["shape"]
        if self._leaves(name):
            return None
        if name not in self._checks:
            shape = self._model.shapes[name]
            if shape.get("document"):
                return None
            if shape["type"] == "structure":
                return self._structure(name, shape)
            self._checks[name] = self._value(shape)
        return self._checks[name]

    def _leaves(self, name: str) -> bool:
        """Whether the values of a shape are for the room to check."""
        return name in self._opaque or name in self._quirks.open

    def _structure(self, name: str, shape: Mapping[str, Any]) -> Check | None:
        members: dict[str, Check] = {}
        required = self._required(shape)

        def check(value: Any) -> bool:
            for key in required:
                if value.get(key) is None:
                    return False
            for key, member in value.items():
                inner = members.get(key)
                if inner is not None and member is not None and not inner(member):
                    return False
            return True

        self._checks[name] = check
        for key, member in shape["members"].items():
            inner = self.check(member)
            if inner is not None and not self._unchecked(member):
                members[key] = inner
        if not members and not required:
            self._checks[name] = None
        return self._checks[name]

    def _required(self, shape: Mapping[str, Any]) -> tuple[str, ...]:
        if not self._quirks.required:
            return ()
        return tuple(
            name
            for name in shape.get("required", ())
            if name in shape["members"]
            and name not in self._quirks.optional
            and not self._unchecked(shape["members"][name])
        )

    def _unchecked(self, ref: Ref) -> bool:
        """Streams are checked by whoever reads them."""
        shape = self._model.resolve(ref)
        return bool(shape.get("streaming") or shape.get("eventstream"))

    def _value(self, shape: Mapping[str, Any]) -> Check | None:
        kind = shape["type"]
        if kind == "string":
            return self._string(shape)
        if kind in {"list", "map"}:
            return self._collection(shape)
        lower, upper = self._bounds(shape)
        if lower is None and upper is None:
            return None
        least = -sys.maxsize * 2 if lower is None else lower
        most = sys.maxsize * 2 if upper is None else upper
        if kind == "blob":
            return lambda value: least <= len(value) <= most
        if kind in _NUMBERS:
            return lambda value: bool(least <= value <= most)
        return None

    def _bounds(self, shape: Mapping[str, Any]) -> tuple[Any, Any]:
        return (shape.get("min"), shape.get("max")) if self._quirks.lengths else (None, None)

    def _string(self, shape: Mapping[str, Any]) -> Check | None:
        lower, upper = self._bounds(shape)
        least, most = lower or 0, sys.maxsize if upper is None else upper
        if self._quirks.enums and "enum" in shape:
            values = frozenset(shape["enum"])
            return lambda value: value in values
        source = shape.get("pattern") if self._quirks.patterns else None
        if source is None:
            return (lambda value: least <= len(value) <= most) if least > 0 or most != sys.maxsize else None
        return lambda value: least <= len(value) <= most and matches(source, value)

    def _collection(self, shape: Mapping[str, Any]) -> Check | None:
        lower, upper = self._bounds(shape)
        least, most = lower or 0, sys.maxsize if upper is None else upper
        sized = least > 0 or most != sys.maxsize
        keys = self.check(shape["key"]) if shape["type"] == "map" else None
        inner = self.check(shape["value"] if shape["type"] == "map" else shape["member"])
        if inner is None and keys is None:
            return (lambda value: least <= len(value) <= most) if sized else None

        def check(value: Any) -> bool:
            if not least <= len(value) <= most:
                return False
            if keys is not None:
                for key in value:
                    if not keys(key):
                        return False
            if inner is not None:
                for item in value.values() if type(value) is dict else value:
                    if item is not None and not inner(item):
                        return False
            return True

        return check

    # The words

    def explain(self, ref: Ref, value: Mapping[str, Any]) -> AwsError:
        """The error AWS answers for a value whose check failed."""
        found = []
        for problem in self._problems(ref, value, ""):
            found.append(problem)
            if len(found) == _MAX_MESSAGES:
                break
        quirks = self._quirks
        missing = next((problem for problem in found if problem[2] is None), None)
        code = quirks.invalid if missing is None else quirks.missing
        if quirks.style == "parameter":
            if missing is not None:
                name = _last(missing[0])
                return AwsError(code, f"The request must contain the parameter {dict(quirks.named).get(name, name)}")
            path, shown, text = found[0]
            return AwsError(code, f"Value ({shown}) for parameter {_first_lower(_last(path))} is invalid. {text}")
        if quirks.style == "s3":
            if missing is not None and "." in missing[0]:
                return AwsError(quirks.malformed, MALFORMED_XML)
            return AwsError(code, f"Missing required parameter {found[0][0]}" if missing else f"Invalid {found[0][0]}")
        if quirks.style == "reason":
            return _reasoned(code, found[0][2])
        sentence = self._sentence(found)
        if sentence is not None:
            return AwsError(code, sentence)
        errors = "error" if len(found) == 1 else "errors"
        told = "; ".join(
            f"Value {'null' if text is None else shown} at '{_coral(path)}' failed to satisfy constraint: "
            f"{'Member must not be null' if text is None else text}".replace("Value  at", "Value at")
            for path, shown, text in found
        )
        return AwsError(code, f"{len(found)} validation {errors} detected: {told}")

    def _sentence(self, found: list[tuple[str, str, str | None]]) -> str | None:
        """What the service says in its own words of a member that isn't spelled as it must be."""
        path, _, text = found[-1]
        if text is None or not text.startswith(_PATTERN) or any(problem[0] != path for problem in found):
            return None
        return dict(self._quirks.sentences).get(_coral(path))

    def _problems(self, ref: Ref, value: Any, path: str) -> Iterator[tuple[str, str, str | None]]:
        """(path, value as shown, what it must be; None: must not be null) of everything wrong below `value`."""
        shape = self._model.resolve(ref)
        if self._leaves(ref["shape"]) or value is None or shape.get("document"):
            return
        kind = shape["type"]
        if kind == "structure":
            for name in self._required(shape):
                if value.get(name) is None:
                    yield f"{path}.{name}" if path else name, "", None
            for name, member in value.items():
                if name in shape["members"] and not self._unchecked(shape["members"][name]):
                    yield from self._problems(shape["members"][name], member, f"{path}.{name}" if path else name)
            return
        unshown = shape.get("sensitive") or ref["shape"] in self._quirks.unshown
        shown = "" if unshown else self._shown(value)
        for rule in self._broken(shape, value):
            yield path, shown, rule
        if kind == "list":
            yield from self._items(shape["member"], enumerate(value, 1), path, shown)
        elif kind == "map":
            keys = [rule for key in value for rule in self._broken(self._model.resolve(shape["key"]), key)]
            if keys:
                yield path, shown, f"Map keys must satisfy constraint: [{', '.join(dict.fromkeys(keys))}]"
            yield from self._items(shape["value"], value.items(), path, shown, mapped=True)

    def _items(
        self, ref: Ref, items: Any, path: str, shown: str, mapped: bool = False
    ) -> Iterator[tuple[str, str, str | None]]:
        shape = self._model.resolve(ref)
        if self._leaves(ref["shape"]):
            return
        if shape["type"] in {"structure", "list", "map"}:
            for at, item in items:
                yield from self._problems(ref, item, f"{path}.{at}.member")
            return
        rules = dict.fromkeys(rule for _, item in items if item is not None for rule in self._broken(shape, item))
        if rules:
            last = ["Member must not be null"] if self._quirks.nonnull else []
            every = dict.fromkeys([*rules, *self._rules(shape), *last])
            what = "Map value" if mapped else "Member"
            yield path, shown, f"{what} must satisfy constraint: [{', '.join(every)}]"

    def _rules(self, shape: Mapping[str, Any]) -> list[str]:
        """All that a scalar must be; AWS tells the whole list for members of a collection."""
        rules = []
        word = "value" if shape["type"] in _NUMBERS else "length"
        lower, upper = self._bounds(shape)
        if upper is not None:
            rules.append(f"Member must have {word} less than or equal to {upper}")
        if lower is not None:
            rules.append(f"Member must have {word} greater than or equal to {lower}")
        if "pattern" in shape and self._quirks.patterns and "enum" not in shape:
            rules.append(f"{_PATTERN}{shape['pattern']}")
        if "enum" in shape and self._quirks.enums:
            rules.append(f"Member must satisfy enum value set: [{self._choices(shape)}]")
        return rules

    def _choices(self, shape: Mapping[str, Any]) -> str:
        """An enumeration's values, in the order in which the service names them."""
        values = shape["enum"]
        return ", ".join(next((each for each in self._quirks.orders if set(each) == set(values)), values))

    def _broken(self, shape: Mapping[str, Any], value: Any) -> Iterator[str]:
        kind = shape["type"]
        if kind == "string" and "enum" in shape:
            if self._quirks.enums and value not in shape["enum"]:
                yield f"Member must satisfy enum value set: [{self._choices(shape)}]"
            return
        lower, upper = self._bounds(shape)
        if kind in _NUMBERS:
            size, word = value, "value"
        elif kind in {"string", "list", "map", "blob"}:
            size, word = len(value), "length"
        else:
            return
        if upper is not None and size > upper:
            yield f"Member must have {word} less than or equal to {upper}"
        if lower is not None and size < lower:
            yield f"Member must have {word} greater than or equal to {lower}"
        if kind == "string" and self._quirks.patterns and "pattern" in shape and not matches(shape["pattern"], value):
            yield f"{_PATTERN}{shape['pattern']}"

    def _shown(self, value: Any) -> str:
        text = _java(value)[:4096]
        return text if self._quirks.style == "parameter" else f"'{text}'"


_REASONS = (
    (_PATTERN, "INVALID_PATTERN", "You provided a value that does not match the required pattern."),
    ("Member must satisfy enum", "INVALID_ENUM", "You specified an invalid value."),
    ("Member must have length less", "MAX_LENGTH_EXCEEDED", "You provided a string parameter that is too long."),
    ("Member must have length greater", "MIN_LENGTH_EXCEEDED", "You provided a string parameter that is too short."),
    ("Member must have value less", "MAX_VALUE_EXCEEDED", "You provided a numeric parameter that is too large."),
    ("Member must have value greater", "MIN_VALUE_EXCEEDED", "You provided a numeric parameter that is too small."),
    ("", "INVALID_LIST_MEMBER", "You provided a list to a parameter that contains at least one invalid value."),
)


def _reasoned(code: str, rule: str | None) -> AwsError:
    """Organizations tells the kind of fault, not the member."""
    if rule is None:
        return AwsError(code, "You must include a value for all required parameters.", Reason="INPUT_REQUIRED")
    reason, text = next((reason, text) for start, reason, text in _REASONS if rule.startswith(start))
    return AwsError(code, text, Reason=reason)


MALFORMED_XML = "The XML you provided was not well-formed or did not validate against our published schema"


def _java(value: Any) -> str:
    """A value as Java prints it, which is what AWS's messages quote."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={_java(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_java(item) for item in value) + "]"
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    return str(value)


def _first_lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _last(path: str) -> str:
    return path.removesuffix(".member").rpartition(".")[2]


def _coral(path: str) -> str:
    return ".".join(_first_lower(part) for part in path.split("."))
