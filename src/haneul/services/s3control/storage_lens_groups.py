"""Storage Lens groups: objects by prefix, suffix, tag, age and size, wherever they lie in the account."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.service import Call, operation
from haneul.services.s3.state import Object
from haneul.services.s3control import pages
from haneul.services.s3control.account_blocks import own_account
from haneul.services.s3control.errors import errors
from haneul.services.s3control.lens_rows import GROUPS, Group, group_arn
from haneul.services.s3control.tag_lists import and_tagging, given_tags
from haneul.state.store import Reader

RESOURCE = "arn:aws:s3:{region}:{account}:storage-lens-group/{Name}"
_NEW = "arn:aws:s3:{region}:{account}:storage-lens-group/*"
MAX_GROUPS = 50
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_LISTS = ("MatchAnyPrefix", "MatchAnySuffix", "MatchAnyTag")
_RANGES = {
    "MatchObjectAge": ("DaysGreaterThan", "DaysLessThan"),
    "MatchObjectSize": ("BytesGreaterThan", "BytesLessThan"),
}
_DAY = 86_400


@operation(resource=_NEW, action=and_tagging("s3:CreateStorageLensGroup"))
def create_storage_lens_group(call: Call, request: Mapping[str, Any]) -> None:
    """CreateStorageLensGroup. Raises ConfigurationAlreadyExists, InvalidName, InvalidFilter."""
    own_account(call, request)
    given = request["StorageLensGroup"]
    name = given["Name"]
    if not _NAME.fullmatch(name):
        raise errors.InvalidName("The Storage Lens group Name must use the ^[a-zA-Z0-9\\-_]+$ pattern.")
    _check(given["Filter"])
    tags = given_tags(request)
    with call.write() as tx:
        if GROUPS.get(tx, call.scope, name) is not None:
            raise errors.ConfigurationAlreadyExists("The specified configuration already exists.")
        if sum(1 for _ in GROUPS.scan(tx, call.scope)) >= MAX_GROUPS:
            raise errors.TooManyConfigurations(
                f"You have attempted to create more Storage Lens group configurations than the {MAX_GROUPS} allowed."
            )
        GROUPS.put(tx, call.scope, Group(name=name, filter=given["Filter"], tags=tags))


@operation(resource=RESOURCE)
def get_storage_lens_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetStorageLensGroup. Raises NoSuchConfiguration."""
    with call.read() as tx:
        group = _group(call, tx, request)
    arn = group_arn(call.scope, group.name)
    return {"StorageLensGroup": {"Name": group.name, "Filter": group.filter, "StorageLensGroupArn": arn}}


@operation(resource="*")
def list_storage_lens_groups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListStorageLensGroups of this home region."""
    own_account(call, request)
    with call.read() as tx:
        found = (
            (one.name, {"Name": one.name, "StorageLensGroupArn": group_arn(call.scope, one.name),
                        "HomeRegion": call.region})
            for one in GROUPS.scan(tx, call.scope, after_key=pages.after(request))
        )  # fmt: skip
        page, token = pages.take(request, found)
    return {"StorageLensGroupList": page, "NextToken": token}


@operation(resource=RESOURCE)
def update_storage_lens_group(call: Call, request: Mapping[str, Any]) -> None:
    """UpdateStorageLensGroup: another filter. Raises NoSuchConfiguration, MismatchedName, InvalidFilter."""
    given = request["StorageLensGroup"]
    if given["Name"] != request["Name"]:
        raise errors.MismatchedName("The name specified in the request doesn't match the Storage Lens group name.")
    _check(given["Filter"])
    with call.write() as tx:
        GROUPS.put(tx, call.scope, msgspec.structs.replace(_group(call, tx, request), filter=given["Filter"]))


@operation(resource=RESOURCE)
def delete_storage_lens_group(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteStorageLensGroup. Raises NoSuchConfiguration."""
    with call.write() as tx:
        GROUPS.delete(tx, call.scope, _group(call, tx, request).name)


def _group(call: Call, tx: Reader, request: Mapping[str, Any]) -> Group:
    own_account(call, request)
    found = GROUPS.get(tx, call.scope, request["Name"])
    if found is None:
        raise errors.NoSuchConfiguration("The specified configuration does not exist.")
    return found


def _check(wanted: Mapping[str, Any]) -> None:
    named = [name for name, value in wanted.items() if value is not None]
    if len(named) != 1:
        raise errors.InvalidFilter("A filter must include one element; several go into And or Or.")
    inner = wanted[named[0]] if named[0] in ("And", "Or") else wanted
    present = [name for name, value in inner.items() if value is not None]
    if named[0] in ("And", "Or") and sum(len(inner[n]) if n in _LISTS else 1 for n in present) < 2:
        raise errors.InvalidLogicalOperator("At least two sub elements must be present in And or Or.")
    for name in _LISTS:
        if name in present and not inner[name]:
            raise getattr(errors, f"Invalid{name}")(f"The {name} parameter can't be empty.")
        if len(inner.get(name) or ()) > 10:
            raise errors.TooManyElements("Only 10 prefixes, suffixes, or tags are allowed.")
    for name, (greater, less) in _RANGES.items():
        if name not in present:
            continue
        low, high = inner[name].get(greater), inner[name].get(less)
        if low is None and high is None:
            raise getattr(errors, f"Invalid{name}")(f"The {name} parameter can't be empty.")
        if (low is not None and low < 0) or (high is not None and high <= 0):
            raise getattr(errors, "InvalidAge" if "Age" in name else "InvalidSize")("Numbers must be positive.")
        if low is not None and high is not None and low >= high:
            raise errors.InvalidNumericCombination("This object age or object size combination isn't valid.")


def matches(wanted: Mapping[str, Any], key: str, found: Object, now: float) -> bool:
    """Whether an object is of a group."""
    if wanted.get("And") is not None:
        return all(_verdicts(wanted["And"], key, found, now))
    return any(_verdicts(wanted.get("Or") or wanted, key, found, now))


def _verdicts(wanted: Mapping[str, Any], key: str, found: Object, now: float) -> list[bool]:
    """What each element of a filter says."""
    said: list[bool] = []
    if wanted.get("MatchAnyPrefix"):
        said.append(key.startswith(tuple(wanted["MatchAnyPrefix"])))
    if wanted.get("MatchAnySuffix"):
        said.append(key.endswith(tuple(wanted["MatchAnySuffix"])))
    if wanted.get("MatchAnyTag"):
        tags = found.tags or {}
        said.append(any(tags.get(tag["Key"]) == tag["Value"] for tag in wanted["MatchAnyTag"]))
    measured = {
        "MatchObjectAge": (now - found.entry.modified) / _DAY,
        "MatchObjectSize": float(found.entry.size),
    }
    for name, (greater, less) in _RANGES.items():
        if wanted.get(name) is not None:
            low, high = wanted[name].get(greater), wanted[name].get(less)
            value = measured[name]
            said.append((low is None or value > low) and (high is None or value < high))
    return said
