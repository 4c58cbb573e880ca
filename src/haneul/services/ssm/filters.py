"""Filters of DescribeParameters and GetParametersByPath."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from haneul.services.ssm.errors import errors, invalid
from haneul.services.ssm.state import Parameter, Version

_OPTIONS = {
    "Name": ("Equals", "BeginsWith", "Contains"),
    "Type": ("Equals", "BeginsWith"),
    "KeyId": ("Equals", "BeginsWith"),
    "Path": ("OneLevel", "Recursive"),
    "Tier": ("Equals", "BeginsWith"),
    "DataType": ("Equals", "BeginsWith"),
    "Label": ("Equals",),
}
_BY_PATH = ("Type", "KeyId", "Label")


def check(filters: Iterable[Mapping[str, Any]]) -> None:
    """Raise what AWS raises for filters of DescribeParameters that can't be."""
    seen: set[str] = set()
    for chosen in filters:
        key, option, values = chosen["Key"], chosen.get("Option"), chosen.get("Values") or ()
        if key.startswith("tag:"):
            if option not in (None, "Equals", "BeginsWith"):
                raise errors.InvalidFilterOption(
                    f"The following filter option is not valid: {option}. Valid options include: [BeginsWith, Equals]."
                )
            continue
        if key not in _OPTIONS or key == "Label":
            raise errors.InvalidFilterKey(
                f"The following filter key is not valid: {key}. Valid filter keys include: "
                "[Path, Name, Type, KeyId, Tier, DataType, tag:.+]."
            )
        if key in seen:
            raise invalid(
                "The following filters are duplicated in the request: ["
                + key
                + "]. A request can contain only one instance of a specific filter."
            )
        seen.add(key)
        if option is not None and option not in _OPTIONS[key]:
            raise errors.InvalidFilterOption(
                f"The following filter option is not valid: {option}. "
                f"Valid options include: [{', '.join(sorted(_OPTIONS[key]))}]."
            )
        if not values:
            raise errors.InvalidFilterValue(f"The following filter values are missing : null for filter key {key}.")
        if key == "Path" and not all(value.startswith("/") for value in values):
            raise invalid(
                "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a "
                'forward slash "/".'
            )


def check_path_filters(filters: Iterable[Mapping[str, Any]]) -> None:
    for chosen in filters:
        if chosen["Key"] not in _BY_PATH:
            raise errors.InvalidFilterKey(
                f"The following filter key is not valid: {chosen['Key']}. Valid filter keys include: "
                f"[{', '.join(sorted(_BY_PATH))}]."
            )


def fits(parameter: Parameter, version: Version, filters: Iterable[Mapping[str, Any]], *, labels: bool = True) -> bool:
    """Every filter has a value that fits. `labels` False: labels were looked at already."""
    return all(_fits(parameter, version, chosen) for chosen in filters if labels or chosen["Key"] != "Label")


def _fits(parameter: Parameter, version: Version, chosen: Mapping[str, Any]) -> bool:
    key, values = chosen["Key"], chosen.get("Values") or ()
    if key == "Path":
        return any(_below(parameter.name, path, chosen.get("Option") or "OneLevel") for path in values)
    if key.startswith("tag:"):
        held = parameter.tags.get(key[4:])
        return held is not None and (not values or _compare(held, values, chosen.get("Option")))
    texts = {
        "Name": version.name,
        "Type": version.kind,
        "KeyId": version.key or "",
        "Tier": version.tier,
        "DataType": version.data_type,
    }
    held = texts[key]
    if key == "Name":
        held, values = held.lstrip("/"), [value.lstrip("/") for value in values]
    return _compare(held, values, chosen.get("Option"))


def _compare(held: str, values: Iterable[str], option: str | None) -> bool:
    if option == "BeginsWith":
        return any(held.startswith(value) for value in values)
    if option == "Contains":
        return any(value in held for value in values)
    return any(held == value for value in values)


def _below(name: str, path: str, option: str) -> bool:
    prefix = path if path.endswith("/") else path + "/"
    if prefix == "/":
        rest = name.lstrip("/")
        return option == "Recursive" or "/" not in rest
    return name.startswith(prefix) and (option == "Recursive" or "/" not in name[len(prefix) :])
