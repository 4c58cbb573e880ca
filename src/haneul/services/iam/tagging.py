"""Tags as IAM has them: at most 50, keys compared without case, keys of `aws:` reserved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from haneul.services.iam.errors import errors

LIMIT = 50


def parse(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """A request's Tags as key -> value. Raises InvalidInput."""
    found: dict[str, str] = {}
    keys: set[str] = set()
    for tag in tags or ():
        key = tag["Key"]
        if key.lower() in keys:
            raise errors.InvalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
        if key.lower().startswith("aws:"):
            raise errors.InvalidInput("aws: prefixed tag key names are not allowed for external use.")
        keys.add(key.lower())
        found[key] = tag["Value"]
    if len(found) > LIMIT:
        raise errors.LimitExceeded("The number of tags has reached the maximum limit.")
    return found


def merge(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """`old` with `new` set over it. Raises LimitExceeded."""
    lowered = {key.lower() for key in new}
    merged = {key: value for key, value in old.items() if key.lower() not in lowered} | dict(new)
    if len(merged) > LIMIT:
        raise errors.LimitExceeded("The number of tags has reached the maximum limit.")
    return merged


def without(old: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    lowered = {key.lower() for key in keys}
    return {key: value for key, value in old.items() if key.lower() not in lowered}


def shown(tags: Mapping[str, str]) -> list[dict[str, str]] | None:
    """As AWS answers them: absent when there are none."""
    return [{"Key": key, "Value": value} for key, value in tags.items()] or None
