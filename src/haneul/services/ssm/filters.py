"""Filters of DescribeParameters and GetParametersByPath."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from haneul.services.ssm import names
from haneul.services.ssm.errors import errors, invalid
from haneul.services.ssm.state import Parameter, Version

_OPTIONS = {
    "Name": ("BeginsWith", "Contains", "Equals"),
    "Type": ("BeginsWith", "Equals"),
    "KeyId": ("BeginsWith", "Equals"),
    "Path": ("Recursive", "OneLevel"),
    "Tier": ("BeginsWith", "Equals"),
    "DataType": ("BeginsWith", "Equals"),
    "Label": ("Equals",),
}
_VALUES = {
    "Tier": ("Standard", "Advanced", "Intelligent-Tiering"),
    "Type": ("String", "StringList", "SecureString"),
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
                f"The following filter is duplicated in the request: {key}. A request can contain only one occurrence "
                "of a specific filter."
            )
        seen.add(key)
        if option is not None and option not in _OPTIONS[key]:
            raise errors.InvalidFilterOption(
                f"The following filter option is not valid: {option}. "
                f"Valid options include: [{', '.join(_OPTIONS[key])}]."
            )
        if not values:
            raise errors.InvalidFilterValue(f"The following filter values are missing : null for filter key {key}.")
        _check_values(key, option, values)


def _check_values(key: str, option: str | None, values: Iterable[str]) -> None:
    if key == "Path":
        for value in values:
            if value.lower().startswith(("/aws", "/ssm")):
                raise invalid(
                    'Filters for common parameters can\'t be prefixed with "aws" or "ssm" (case-insensitive). When '
                    "using global parameters, please specify within a global namespace."
                )
            names.check_path(value)
    if key in _VALUES and option in (None, "Equals"):
        for value in values:
            if value not in _VALUES[key]:
                raise errors.InvalidFilterValue(
                    f"The following filter value is not valid: {value}. Valid values include: "
                    f"[{', '.join(_VALUES[key])}]."
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
    if key == "Name" and chosen.get("Option") == "Contains":
        held = f"/{held.lstrip('/')}"
    elif key == "Name":
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
