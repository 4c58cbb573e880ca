"""Names of functions in every form that AWS takes, and finding what they name."""

from __future__ import annotations

import re
from typing import NamedTuple

from haneul.service import Call, Scope
from haneul.services.lambda_.errors import errors, invalid, missing, not_found
from haneul.services.lambda_.state import ALIASES, FUNCTIONS, VERSIONS, Alias, Function, Version
from haneul.state.store import Reader

LATEST = "$LATEST"
_NAME = re.compile(
    r"(?:arn:(?:aws[a-zA-Z-]*):lambda:)?(?:([a-z]{2}(?:-[a-z]+)+-\d):)?(?:(\d{12}):)?(?:function:)?"
    r"([a-zA-Z0-9-_]+)(?::(\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)


class Name(NamedTuple):
    """A function as a request names it; qualifier "" when none was given."""

    scope: Scope
    name: str
    qualifier: str

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.scope.region}:{self.scope.account}:function:{self.name}"

    @property
    def qualified(self) -> str:
        return f"{self.arn}:{self.qualifier}" if self.qualifier else self.arn


def parse(call: Call, text: str, qualifier: str | None = None) -> Name:
    """The function that `text` names. Raises ValidationException, InvalidParameterValueException."""
    found = _NAME.fullmatch(text)
    if found is None or len(found.group(3)) > 140:
        raise errors.ValidationException(
            f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?"
            "(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"
        )
    region, account, name, inner = found.groups()
    if inner and qualifier and inner != qualifier:
        raise invalid("The derived qualifier from the function name does not match the specified qualifier.")
    if region and region != call.scope.region:
        raise not_found(f"Functions from '{region}' are not reachable in this region ('{call.scope.region}')")
    scope = Scope(account or call.scope.account, call.scope.region)
    return Name(scope, name, qualifier or inner or "")


def function(tx: Reader, name: Name) -> Function:
    row = FUNCTIONS.get(tx, name.scope, name.name)
    if row is None:
        raise missing(name.qualified)
    return row


def version(tx: Reader, name: Name) -> tuple[Version, Alias | None]:
    """The version that a name means ($LATEST unless it says), and the alias it was reached by."""
    qualifier = name.qualifier or LATEST
    alias = None
    if qualifier != LATEST and not qualifier.isdigit():
        alias = ALIASES.get(tx, name.scope, name.name, qualifier)
        if alias is None:
            raise missing(name.qualified)
        qualifier = alias.version
    row = VERSIONS.get(tx, name.scope, name.name, 0 if qualifier == LATEST else int(qualifier))
    if row is None:
        raise missing(name.qualified)
    return row, alias


def resource(call: Call, request: object) -> str:
    """The ARN that IAM decides about."""
    text = request["FunctionName"]  # type: ignore[index]
    found = parse(call, text)
    return found.qualified
