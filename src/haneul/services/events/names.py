"""ARNs of EventBridge, and the buses that names and ARNs mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.events.errors import invalid, no_bus
from haneul.services.events.state import BUSES, DEFAULT, Bus
from haneul.state.store import Reader


def bus_arn(scope: Scope, name: str) -> str:
    return f"arn:aws:events:{scope.region}:{scope.account}:event-bus/{name}"


def rule_arn(scope: Scope, bus: str, name: str) -> str:
    path = name if bus == DEFAULT else f"{bus}/{name}"
    return f"arn:aws:events:{scope.region}:{scope.account}:rule/{path}"


def locate_bus(call: Call, given: str | None) -> tuple[Scope, str]:
    """Whose bus a name or an ARN means."""
    if not given:
        return call.scope, DEFAULT
    if given.startswith("arn:"):
        parts = given.split(":", 5)
        if len(parts) != 6 or not parts[5].startswith("event-bus/"):
            raise invalid(f"Parameter {given} is not valid. Reason: Provided Arn is not in correct format.")
        return Scope(parts[4], parts[3]), parts[5][len("event-bus/") :]
    return call.scope, given


def find_bus(tx: Reader, scope: Scope, name: str) -> Bus:
    """The bus; the default one is always there. Raises ResourceNotFoundException."""
    bus = BUSES.get(tx, scope, name)
    if bus is not None:
        return bus
    if name == DEFAULT:
        return Bus(name=DEFAULT, created=0.0, modified=0.0)
    raise no_bus(name)


def by_bus(call: Call, request: Mapping[str, Any]) -> str:
    scope, name = locate_bus(call, request.get("EventBusName") or request.get("Name"))
    return bus_arn(scope, name)


def by_rule(call: Call, request: Mapping[str, Any]) -> str:
    scope, bus = locate_bus(call, request.get("EventBusName"))
    return rule_arn(scope, bus, request.get("Name") or request.get("Rule") or "*")


def by_entries(call: Call, request: Mapping[str, Any]) -> list[str]:
    arns = []
    for entry in request.get("Entries") or ():
        scope, bus = locate_bus(call, entry.get("EventBusName"))
        arns.append(bus_arn(scope, bus))
    return list(dict.fromkeys(arns)) or ["*"]


def page(names: list[Any], request: Mapping[str, Any], of: Any = str) -> tuple[list[Any], dict[str, Any]]:
    """One page of rows in order, and NextToken when there are more. `of` tells a row's name."""
    after = ""
    if token := request.get("NextToken"):
        position = tokens.open_page(token)
        if not position or not isinstance(position[0], str):
            raise invalid("Parameter NextToken is not valid.")
        after = position[0]
    rows = [row for row in names if of(row) > after]
    limit = request.get("Limit") or 100
    more = {"NextToken": tokens.seal_page(of(rows[limit - 1]))} if len(rows) > limit else {}
    return rows[:limit], more


def tags_of(given: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in given or ()}
