"""Tags of buses and rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope, operation
from haneul.services.events import names
from haneul.services.events.errors import errors, invalid, no_rule
from haneul.services.events.state import BUSES, DEFAULT, RULES, Bus, Rule
from haneul.state.store import Reader, Writer


def by_arn(call: Call, request: Mapping[str, Any]) -> str:
    return str(request["ResourceARN"])


def _find(tx: Reader, call: Call, arn: str) -> tuple[Scope, Bus | Rule]:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "events":
        raise invalid(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")
    scope = Scope(parts[4], parts[3])
    kind, _, path = parts[5].partition("/")
    if kind == "event-bus":
        return scope, names.find_bus(tx, scope, path)
    if kind == "rule":
        bus, _, name = path.rpartition("/")
        rule = RULES.get(tx, scope, bus or DEFAULT, name)
        if rule is None:
            raise no_rule(name, bus or DEFAULT)
        return scope, rule
    raise errors.ResourceNotFoundException(f"Resource {arn} does not exist.")


def _put(tx: Writer, scope: Scope, row: Bus | Rule, tags: dict[str, str]) -> None:
    row.tags = tags
    if isinstance(row, Bus):
        BUSES.put(tx, scope, row)
    else:
        RULES.put(tx, scope, row)


@operation(resource=by_arn)
def tag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TagResource."""
    with call.write() as tx:
        scope, row = _find(tx, call, request["ResourceARN"])
        _put(tx, scope, row, {**row.tags, **names.tags_of(request["Tags"])})
    return {}


@operation(resource=by_arn)
def untag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UntagResource."""
    gone = set(request["TagKeys"])
    with call.write() as tx:
        scope, row = _find(tx, call, request["ResourceARN"])
        _put(tx, scope, row, {key: value for key, value in row.tags.items() if key not in gone})
    return {}


@operation(resource=by_arn)
def list_tags_for_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsForResource."""
    with call.read() as tx:
        _, row = _find(tx, call, request["ResourceARN"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in row.tags.items()]}
