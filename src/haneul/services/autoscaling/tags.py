"""Tags of groups: create or update, describe, delete, and filters by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from haneul.service import Call, operation
from haneul.services.autoscaling import describing
from haneul.services.autoscaling.errors import errors, invalid
from haneul.services.autoscaling.listing import page
from haneul.services.autoscaling.names import group_arn
from haneul.services.autoscaling.state import GROUPS, Group, Tag
from haneul.state.store import Reader

LIMIT = 50
_FILTERS = ("auto-scaling-group", "key", "value", "propagate-at-launch")


def of_new(given: Sequence[Mapping[str, Any]]) -> dict[str, Tag]:
    """Tags of a new group. Raises ValidationError, LimitExceeded."""
    found: dict[str, Tag] = {}
    for one in given:
        _check(one)
        if one["Key"] in found:
            raise invalid(f"Duplicate tag key '{one['Key']}' specified.")
        found[one["Key"]] = Tag(one.get("Value") or "", bool(one.get("PropagateAtLaunch")))
    _limit(found)
    return found


def _check(one: Mapping[str, Any]) -> None:
    if one["Key"].lower().startswith("aws:"):
        raise invalid("Tag keys starting with 'aws:' are reserved for internal use")


def _limit(held: Mapping[str, Tag]) -> None:
    if len(held) > LIMIT:
        raise errors.LimitExceeded(f"The maximum number of tags of an Auto Scaling group is {LIMIT}.")


def _arns(call: Call, request: Mapping[str, Any]) -> list[str]:
    names = {one.get("ResourceId") or "*" for one in request.get("Tags") or ()}
    with call.read() as tx:
        rows = {name: GROUPS.get(tx, call.scope, name) for name in names}
    place = f"arn:aws:autoscaling:{call.region}:{call.account}"
    return [
        group_arn(call.scope, row) if row is not None else f"{place}:autoScalingGroup:*:autoScalingGroupName/{name}"
        for name, row in sorted(rows.items())
    ]


def _named(tx: Reader, call: Call, one: Mapping[str, Any]) -> Group:
    if one.get("ResourceType") not in (None, "", "auto-scaling-group"):
        raise invalid(f"Tag resource type {one['ResourceType']} is not valid. Valid types are: auto-scaling-group")
    name = one.get("ResourceId") or ""
    row = GROUPS.get(tx, call.scope, name)
    if row is None:
        raise invalid(f"AutoScalingGroup not found - AutoScaling Group {name} not found")
    return row


@operation(resource=_arns)
def create_or_update_tags(call: Call, request: Mapping[str, Any]) -> None:
    """CreateOrUpdateTags: instances that are there keep theirs. Raises ValidationError."""
    with call.write() as tx:
        for one in request["Tags"]:
            _check(one)
            row = _named(tx, call, one)
            row.tags = row.tags | {one["Key"]: Tag(one.get("Value") or "", bool(one.get("PropagateAtLaunch")))}
            _limit(row.tags)
            GROUPS.put(tx, call.scope, row)


@operation(resource=_arns)
def delete_tags(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteTags: by key, and by value where one is given. Raises ValidationError."""
    with call.write() as tx:
        for one in request["Tags"]:
            row = _named(tx, call, one)
            held = row.tags.get(one["Key"])
            if held is not None and one.get("Value") in (None, "", held.value):
                row.tags = {key: tag for key, tag in row.tags.items() if key != one["Key"]}
                GROUPS.put(tx, call.scope, row)


@operation()
def describe_tags(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeTags, by group, key, value and propagation."""
    wanted: dict[str, set[str]] = {}
    for one in request.get("Filters") or ():
        if one.get("Name") not in _FILTERS:
            raise invalid(f"Filter type {one.get('Name')} is not correct. Allowed Filter types are: {list(_FILTERS)}")
        wanted.setdefault(one["Name"], set()).update(one.get("Values") or ())
    with call.read() as tx:
        shown = [
            describing.tag(row.name, key, tag.value, tag.propagate)
            for row in GROUPS.scan(tx, call.scope)
            for key, tag in sorted(row.tags.items())
        ]

    def fits(item: Mapping[str, Any]) -> bool:
        held = (item["ResourceId"], item["Key"], item["Value"], str(item["PropagateAtLaunch"]).lower())
        pairs = zip(_FILTERS, held, strict=True)
        return all(
            name not in wanted or value in wanted[name] or (name == _FILTERS[3] and value.title() in wanted[name])
            for name, value in pairs
        )

    return page(request, "Tags", [item for item in shown if fits(item)], lambda item: item)


def group_filter(filters: Sequence[Mapping[str, Any]]) -> Callable[[Group], bool]:
    """The filters of DescribeAutoScalingGroups: tag-key, tag-value, tag:<key>. Raises ValidationError."""
    for one in filters:
        name = one.get("Name") or ""
        if name not in ("tag-key", "tag-value") and not name.startswith("tag:"):
            raise invalid(
                f"Filter type {name} is not correct. Allowed Filter types are: [tag-key, tag-value, tag:<key>]"
            )

    def chosen(row: Group) -> bool:
        for one in filters:
            name, values = one["Name"], set(one.get("Values") or ())
            if name == "tag-key":
                fits = bool(values & set(row.tags))
            elif name == "tag-value":
                fits = any(tag.value in values for tag in row.tags.values())
            else:
                held = row.tags.get(name[4:])
                fits = held is not None and held.value in values
            if not fits:
                return False
        return True

    return chosen
