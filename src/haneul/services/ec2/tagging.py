"""Tags of every kind of resource: CreateTags, DeleteTags, DescribeTags, and TagSpecifications at creation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import catalog, listing
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.kinds import Kind
from haneul.services.ec2.operations import operation
from haneul.state.store import Reader

LIMIT = 50
_FILTERS = {"key": "Key", "value": "Value", "resource-id": "ResourceId", "resource-type": "ResourceType"}


def _arns(call: Call, request: Mapping[str, Any]) -> list[str]:
    found = []
    for identifier in request.get("Resources") or ():
        kind = catalog.kind_of(identifier)
        found.append(kind.arn(call.scope, identifier) if kind else f"arn:aws:ec2:{call.region}:{call.account}:*/*")
    return found


@operation(_arns)
def create_tags(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateTags: adds or overwrites, on up to 1000 resources at once, on all of them or none."""
    added = checked(request["Tags"], reserved=call.principal.kind == "service")
    with call.write() as tx:
        for kind, row in _resources(call, tx, request["Resources"]):
            row.tags = row.tags | added
            _within_limit(row.tags)
            kind.table.put(tx, call.scope, row)
    return {}


@operation(_arns)
def delete_tags(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteTags: a tag without a value goes whatever its value is, one with a value only when it matches; no Tags: all
    that aren't AWS's own."""
    asked = request.get("Tags")
    with call.write() as tx:
        for kind, row in _resources(call, tx, request["Resources"]):
            row.tags = _left(row.tags, asked)
            kind.table.put(tx, call.scope, row)
    return {}


@operation()
def describe_tags(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeTags, by resource and key."""
    with call.read() as tx:
        items = [
            (f"{row.id}\x00{key}", {"Key": key, "ResourceId": row.id, "ResourceType": kind.type, "Value": value})
            for kind in catalog.kinds()
            for row in kind.table.scan(tx, call.scope)
            for key, value in row.tags.items()
        ]
    filtered: Filters = {**_FILTERS, "tag": lambda item: f"{item['Key']}={item['Value']}"}
    asked = {**request, "Filters": [_by_name(one) for one in request.get("Filters") or ()]}
    return listing.paged(asked, "Tags", items, filtered)


def _by_name(one: Mapping[str, Any]) -> Mapping[str, Any]:
    """`tag:Owner` with values as a filter of key and value at once."""
    name = one.get("Name") or ""
    if not name.startswith("tag:"):
        return one
    return {"Name": "tag", "Values": [f"{name[4:]}={value}" for value in one.get("Values") or ()]}


def of_new(request: Mapping[str, Any], kind: str, *others: str, reserved: bool = False) -> dict[str, str]:
    """The tags that TagSpecifications give a new resource of type `kind`; `others`: the types that may stand beside it.
    Raises InvalidParameterValue, InvalidParameter."""
    found: dict[str, str] = {}
    for one in request.get("TagSpecifications") or ():
        named = one.get("ResourceType")
        if not named:
            raise errors.InvalidParameter("Tag specification resource type must have a value")
        if named != kind and named not in others:
            raise invalid(f"'{named}' is not a valid taggable resource type for this operation.")
        if not one.get("Tags"):
            raise invalid("Tag specification must have at least one tag")
        if named == kind:
            found.update(checked(one.get("Tags") or (), reserved=reserved))
    _within_limit(found)
    return found


def checked(tags: Sequence[Mapping[str, str]], *, reserved: bool = False) -> dict[str, str]:
    """The tags as a dictionary. Raises InvalidParameterValue, InvalidParameter for keys and values AWS refuses."""
    found: dict[str, str] = {}
    for tag in tags:
        key, value = tag.get("Key") or "", tag.get("Value") or ""
        if not key:
            raise invalid("Tag key cannot be empty")
        if key.lower().startswith("aws:") and not reserved:
            raise invalid("Tag keys starting with 'aws:' are reserved for internal use")
        if len(key) > 127:
            raise invalid("Tag key exceeds the maximum length of 127 characters")
        if len(value) > 255:
            raise invalid("Tag value exceeds the maximum length of 255 characters")
        if key in found:
            raise invalid(f"Duplicate tag key '{key}' specified.")
        found[key] = value
    return found


def render(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as every answer shows them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _within_limit(tags: Mapping[str, str]) -> None:
    if sum(not key.startswith("aws:") for key in tags) > LIMIT:
        raise errors.TagLimitExceeded(f"The maximum number of tags for a resource has been reached: {LIMIT}")


def _left(tags: dict[str, str], asked: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    if not asked:
        return {key: value for key, value in tags.items() if key.startswith("aws:")}
    gone = {(tag["Key"], tag.get("Value")) for tag in asked if tag.get("Key")}
    return {key: value for key, value in tags.items() if (key, None) not in gone and (key, value) not in gone}


def _resources(call: Call, tx: Reader, identifiers: Sequence[str]) -> list[tuple[Kind[Any], Any]]:
    if len(identifiers) > 1000:
        raise invalid("The maximum number of resources that can be tagged in one request is 1000")
    found = []
    for identifier in dict.fromkeys(identifiers):
        kind = catalog.kind_of(identifier)
        if kind is None or not catalog.plausible(identifier):
            raise coded("InvalidID", f"The ID '{identifier}' is not valid")
        found.append((kind, kind.get(tx, call.scope, identifier)))
    return found
