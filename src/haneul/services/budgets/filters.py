"""Which lines of the bill count for a budget: CostFilters, the newer FilterExpression, and CostTypes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haneul.metering.bill import Line
from haneul.metering.names import service_name
from haneul.services.budgets.errors import errors, unsupported

Keep = Callable[[Line], bool]
_READ: Mapping[str, Callable[[Line], str]] = {
    "SERVICE": lambda line: service_name(line.service, line.type),
    "USAGE_TYPE": lambda line: line.type,
    "OPERATION": lambda line: line.operation,
    "REGION": lambda line: "global" if line.region == "aws-global" else line.region,
    "LINKED_ACCOUNT": lambda line: line.account,
    "INSTANCE_TYPE": lambda line: line.type.partition(":")[2] if "Usage:" in line.type else "",
}
"""Dimension -> what a line of the bill says about it."""
DIMENSIONS = {
    "Service": "SERVICE",
    "UsageType": "USAGE_TYPE",
    "Operation": "OPERATION",
    "Region": "REGION",
    "LinkedAccount": "LINKED_ACCOUNT",
    "InstanceType": "INSTANCE_TYPE",
}
"""Name in CostFilters -> dimension."""
TAG = "TagKeyValue"
_ELSEWHERE = frozenset({"AZ", "UsageTypeGroup", "PurchaseType", "CostCategory", "Tenancy", "OperatingSystem"})
"""Names that AWS knows and the meter doesn't count by."""
_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "EQUALS": lambda told, wanted: told == wanted,
    "STARTS_WITH": lambda told, wanted: told.startswith(wanted),
    "ENDS_WITH": lambda told, wanted: told.endswith(wanted),
    "CONTAINS": lambda told, wanted: wanted in told,
}


def check_filters(filters: Mapping[str, list[str]]) -> None:
    """Raises InvalidParameterException for what no budget filters by, NotImplemented for what isn't counted here."""
    for name in filters:
        if name in _ELSEWHERE:
            raise unsupported(f"a filter by {name}")
        if name not in DIMENSIONS and name != TAG:
            raise errors.InvalidParameterException(f"Invalid cost filter key: {name}")


def check_expression(expression: Mapping[str, Any]) -> None:
    """Raises InvalidParameterException, NotImplemented."""
    kinds = [kind for kind in expression if expression[kind] is not None]
    if len(kinds) != 1:
        raise errors.InvalidParameterException("Expression must have exactly one root operator")
    kind = kinds[0]
    if kind in ("Or", "And"):
        if len(expression[kind]) < 2:
            raise errors.InvalidParameterException(f"{kind} must have at least two expressions")
        for part in expression[kind]:
            check_expression(part)
    elif kind == "Not":
        check_expression(expression[kind])
    elif kind == "Dimensions":
        _check_dimension(expression[kind])
    elif kind != "Tags":
        raise unsupported(f"a filter by {kind}")


def keeper(settings: Mapping[str, Any]) -> Keep:
    """Whether a line counts for the budget with these settings."""
    expression = settings.get("FilterExpression")
    if expression:
        return lambda line: _matches(expression, line)
    filters = settings.get("CostFilters") or {}
    types = settings.get("CostTypes") or {}
    return lambda line: _passes(filters, line) and _is_of(types, line)


def as_expression(filters: Mapping[str, list[str]]) -> dict[str, Any] | None:
    """CostFilters in the newer language."""
    parts: list[dict[str, Any]] = []
    for name, values in filters.items():
        if not values:
            continue
        if name == TAG:
            tags = [_tag(value) for value in values]
            parts.append({"Or": tags} if len(tags) > 1 else tags[0])
        else:
            parts.append({"Dimensions": {"Key": DIMENSIONS[name], "Values": values}})
    return {"And": parts} if len(parts) > 1 else (parts[0] if parts else None)


def _check_dimension(dimension: Mapping[str, Any]) -> None:
    if dimension["Key"] not in _READ:
        raise unsupported(f"a filter by {dimension['Key']}")
    for option in dimension.get("MatchOptions") or ():
        if option not in _TESTS:
            raise unsupported(f"the match option {option}")


def _passes(filters: Mapping[str, list[str]], line: Line) -> bool:
    """All filters, each by any of its values. Usage isn't counted by tag: a tag's has none."""
    return all(name != TAG and _READ[DIMENSIONS[name]](line) in values for name, values in filters.items() if values)


def _is_of(types: Mapping[str, bool], line: Line) -> bool:
    upfront, recurring = line.type.startswith("Upfront:"), line.type.startswith("HeavyUsage:")
    if upfront or recurring:
        kind = "IncludeUpfront" if upfront else "IncludeRecurring"
        return types.get("IncludeSubscription", True) and types.get(kind, True)
    return True


def _matches(expression: Mapping[str, Any], line: Line) -> bool:
    if expression.get("Or"):
        return any(_matches(part, line) for part in expression["Or"])
    if expression.get("And"):
        return all(_matches(part, line) for part in expression["And"])
    if expression.get("Not"):
        return not _matches(expression["Not"], line)
    dimension = expression.get("Dimensions")
    if not dimension:
        return False
    told = _READ[dimension["Key"]](line)
    tests = [_TESTS[option] for option in dimension.get("MatchOptions") or ("EQUALS",)]
    return any(test(told, wanted) for test in tests for wanted in dimension["Values"])


def _tag(value: str) -> dict[str, Any]:
    key, _, wanted = value.removeprefix("user:").partition("$")
    return {"Tags": {"Key": key, "Values": [wanted]}}
