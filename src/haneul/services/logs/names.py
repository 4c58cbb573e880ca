"""ARNs of log groups and streams, and the groups that names and ARNs mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.logs.errors import invalid, no_group
from haneul.services.logs.state import GROUPS, Group
from haneul.state.store import Reader, Writer

_NUMBER = b"logs/n"


def group_arn(scope: Scope, name: str) -> str:
    return f"arn:aws:logs:{scope.region}:{scope.account}:log-group:{name}"


def by_group(call: Call, request: Mapping[str, Any]) -> str:
    given = request.get("logGroupName") or request.get("logGroupIdentifier") or ""
    name = name_of(given)
    stream = request.get("logStreamName")
    return (
        f"{group_arn(call.scope, name or '*')}:log-stream:{stream}"
        if stream
        else f"{group_arn(call.scope, name or '*')}:*"
    )


def by_arn(call: Call, request: Mapping[str, Any]) -> str:
    return str(request["resourceArn"])


def name_of(given: str) -> str:
    """A group's name from its name or ARN."""
    if not given.startswith("arn:"):
        return given
    return given.split(":", 6)[6].removesuffix(":*") if given.count(":") >= 6 else given


def wanted(request: Mapping[str, Any]) -> str:
    """The group that a request names, by logGroupName or logGroupIdentifier."""
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if name and identifier:
        raise invalid("Only one of logGroupName or logGroupIdentifier can be specified.")
    if not name and not identifier:
        raise invalid("Either logGroupName or logGroupIdentifier must be specified.")
    return name or name_of(str(identifier))


def find(tx: Reader, scope: Scope, name: str) -> Group:
    group = GROUPS.get(tx, scope, name)
    if group is None:
        raise no_group()
    return group


def number(tx: Writer) -> int:
    """A number for a new group or stream."""
    value = tx.get(_NUMBER)
    following = (int.from_bytes(value, "big") if value else 0) + 1
    tx.put(_NUMBER, following.to_bytes(8, "big"))
    return following


def millis(call: Call) -> int:
    return int(call.now() * 1000)


def open_token(token: str | None) -> str:
    """The position behind nextToken, "" at the start. Raises InvalidParameterException."""
    if not token:
        return ""
    position = tokens.open_page(token)
    if not position or not isinstance(position[0], str):
        raise invalid("The specified nextToken is invalid.")
    return position[0]


def page(rows: list[Any], request: Mapping[str, Any], of: Any, limit: int = 50) -> tuple[list[Any], dict[str, Any]]:
    """One page of rows in order, and nextToken when there are more."""
    after = open_token(request.get("nextToken"))
    rest = [row for row in rows if of(row) > after] if after else rows
    more = {"nextToken": tokens.seal_page(of(rest[limit - 1]))} if len(rest) > limit else {}
    return rest[:limit], more
