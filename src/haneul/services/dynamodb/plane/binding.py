"""The placeholders of one request: names and values, checked, and watched for those that no expression used."""

from __future__ import annotations

import re
from collections.abc import Mapping

from haneul.services.dynamodb.errors import Layered, invalid
from haneul.services.dynamodb.plane.reserved import is_reserved
from haneul.services.dynamodb.plane.syntax import Path
from haneul.services.dynamodb.plane.values import NAME_LIMIT, Value, check_value
from haneul.wire.errors import AwsError

_NAME = re.compile(r"#[0-9a-zA-Z_]+\Z")
_VALUE = re.compile(r":[0-9a-zA-Z_]+\Z")
_SIZE_LIMIT = 2 * 1024 * 1024


class Binding:
    """ExpressionAttributeNames and ExpressionAttributeValues of one request."""

    __slots__ = ("names", "used_names", "used_values", "values")

    def __init__(
        self, names: Mapping[str, str] | None, values: Mapping[str, Value] | None, wrapped: bool = False
    ) -> None:
        """`wrapped`: what is wrong with a value is told with its placeholder, as Scan does."""
        self.names: Mapping[str, str] = {}
        self.values: Mapping[str, Value] = {}
        self.used_names: set[str] = set()
        self.used_values: set[str] = set()
        if names is not None:
            self._check_names(names)
        if values is not None:
            self._check_values(values, wrapped)

    def _check_names(self, names: Mapping[str, str]) -> None:
        if not names:
            raise invalid("ExpressionAttributeNames must not be empty")
        for key, name in names.items():
            if not _NAME.match(key):
                raise invalid(f'ExpressionAttributeNames contains invalid key: Syntax error; key: "{key}"')
            if len(key) > 255:
                raise invalid(
                    "ExpressionAttributeNames contains invalid key: Key exceeds the maximum allowed length; "
                    f"key length: {len(key)}"
                )
            if type(name) is not str:
                raise AwsError("SerializationException", "NUMBER_VALUE cannot be converted to String")
            if not name:
                raise invalid(f"ExpressionAttributeNames contains invalid value: Empty attribute name for key {key}")
            if len(name.encode()) > NAME_LIMIT:
                raise invalid(
                    "ExpressionAttributeNames contains invalid value: Attribute name is too large, must be less than "
                    f"{NAME_LIMIT + 1} bytes for key {key}"
                )
        self.names = names

    def _check_values(self, values: Mapping[str, Value], wrapped: bool) -> None:
        if not values:
            raise invalid("ExpressionAttributeValues must not be empty")
        total = 0
        for key, value in values.items():
            if not _VALUE.match(key):
                raise invalid(f'ExpressionAttributeValues contains invalid key: Syntax error; key: "{key}"')
            if len(key) > 255:
                raise invalid(
                    "ExpressionAttributeValues contains invalid key: Key exceeds the maximum allowed length; "
                    f"key length: {len(key)}"
                )
            try:
                total += check_value(value)
            except AwsError as error:
                if error.code != "ValidationException" or not (wrapped or error.message.startswith("Supplied ")):
                    raise
                told = error.older if isinstance(error, Layered) else error.message
                raise invalid(f"ExpressionAttributeValues contains invalid value: {told} for key {key}") from None
        if total > _SIZE_LIMIT:
            raise invalid("ExpressionAttributeValues exceeds max size")
        self.values = values

    def resolve(self, path: Path, expression: str) -> tuple[str | int, ...]:
        """The path with its placeholders replaced. Raises ValidationException for reserved and undefined names."""
        names = self.names
        resolved: list[str | int] = []
        for part in path.parts:
            if type(part) is int:
                resolved.append(part)
            elif part[0] == "#":  # type: ignore[index]
                name = names.get(part)  # type: ignore[arg-type]
                if name is None:
                    raise invalid(
                        f"Invalid {expression}: An expression attribute name used in the document path is not defined; "
                        f"attribute name: {part}"
                    )
                self.used_names.add(part)  # type: ignore[arg-type]
                resolved.append(name)
            else:
                if is_reserved(part):  # type: ignore[arg-type]
                    raise invalid(
                        f"Invalid {expression}: Attribute name is a reserved keyword; reserved keyword: {part}"
                    )
                resolved.append(part)
        return tuple(resolved)

    def value(self, name: str, expression: str) -> Value:
        value = self.values.get(name)
        if value is None:
            raise invalid(
                f"Invalid {expression}: An expression attribute value used in expression is not defined; "
                f"attribute value: {name}"
            )
        self.used_values.add(name)
        return value

    def finish(self) -> None:
        """Complain about placeholders that no expression used."""
        if len(self.used_names) != len(self.names):
            unused = [name for name in self.names if name not in self.used_names]
            raise invalid(
                f"Value provided in ExpressionAttributeNames unused in expressions: keys: {{{', '.join(unused)}}}"
            )
        if len(self.used_values) != len(self.values):
            unused = [name for name in self.values if name not in self.used_values]
            raise invalid(
                f"Value provided in ExpressionAttributeValues unused in expressions: keys: {{{', '.join(unused)}}}"
            )


class Unbound(Binding):
    """No placeholders: PartiQL writes names out, quoted when they are reserved."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None, None)

    def resolve(self, path: Path, expression: str) -> tuple[str | int, ...]:
        return path.parts
