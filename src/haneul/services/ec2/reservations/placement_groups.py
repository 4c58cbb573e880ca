"""Placement groups: a launch's group must be there, spread groups have a limit, partitions are given out evenly. All
instances run on this machine whatever the strategy says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid, missing, mixed
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.instances.types import InstanceType
from haneul.services.ec2.operations import operation
from haneul.services.ec2.reservations.state import PLACEMENT_GROUP, PlacementGroup
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

Request = Mapping[str, Any]
GROUPS = 500
"""Of an account in a region."""
SPREAD = 7
"""Running instances of a spread group in one zone."""
PARTITIONS = (1, 7)
_STRATEGIES = ("cluster", "spread", "partition")
_FILTERS: Filters = {
    "group-arn": "GroupArn",
    "group-name": "GroupName",
    "spread-level": "SpreadLevel",
    "state": "State",
    "strategy": "Strategy",
}


@operation("arn:aws:ec2:{region}:{account}:placement-group/{GroupName}")
def create_placement_group(call: Call, request: Request) -> dict[str, Any]:
    """CreatePlacementGroup. Raises InvalidPlacementGroup.Duplicate."""
    name = request.get("GroupName") or ""
    if not name:
        raise missing("groupName")
    if len(name) > 255 or not name.isascii():
        raise invalid(f"Value ({name}) for parameter groupName is invalid. It has at most 255 ASCII characters.")
    strategy = request.get("Strategy") or "cluster"
    tags = tagging.of_new(request, "placement-group")
    with call.write() as tx:
        rows = list(PLACEMENT_GROUP.table.scan(tx, call.scope))
        if any(row.name == name for row in rows):
            raise coded("InvalidPlacementGroup.Duplicate", f"The placement group '{name}' already exists.")
        if len(rows) >= GROUPS:
            raise errors.PlacementGroupLimitExceeded(f"The limit of {GROUPS} placement groups has been reached.")
        row = PlacementGroup(
            id=PLACEMENT_GROUP.new_id(),
            name=name,
            strategy=strategy,
            partitions=_partitions(request, strategy),
            spread=_spread(request, strategy),
            tags=tags,
        )
        PLACEMENT_GROUP.table.put(tx, call.scope, row)
    return {"PlacementGroup": describe(call.scope, row)}


@operation()
def describe_placement_groups(call: Call, request: Request) -> dict[str, Any]:
    """DescribePlacementGroups, by names, ids and filters; all on one page. Raises InvalidPlacementGroup.Unknown."""
    names, ids = request.get("GroupNames") or (), request.get("GroupIds") or ()
    with call.read() as tx:
        if names or ids:
            rows = PLACEMENT_GROUP.get_all(tx, call.scope, ids)
            rows += [named(tx, call.scope, name) for name in names]
        else:
            rows = list(PLACEMENT_GROUP.table.scan(tx, call.scope))
    items = [(row.name, describe(call.scope, row)) for row in {row.id: row for row in rows}.values()]
    return listing.paged(request, "PlacementGroups", items, _FILTERS)


@operation("arn:aws:ec2:{region}:{account}:placement-group/{GroupName}")
def delete_placement_group(call: Call, request: Request) -> dict[str, Any]:
    """DeletePlacementGroup. Raises InvalidPlacementGroup.InUse while an instance is in it."""
    with call.write() as tx:
        row = named(tx, call.scope, request["GroupName"])
        if any(_members(tx, call.scope, row)):
            raise coded(
                "InvalidPlacementGroup.InUse", f"The placement group '{row.name}' is in use and may not be deleted."
            )
        PLACEMENT_GROUP.table.delete(tx, call.scope, row.id)
    return {}


def named(tx: Reader, scope: Scope, name: str) -> PlacementGroup:
    """A group by its name. Raises InvalidPlacementGroup.Unknown."""
    row = next((one for one in PLACEMENT_GROUP.table.scan(tx, scope) if one.name == name), None)
    if row is None:
        raise unknown(name)
    return row


def unknown(name: str) -> AwsError:
    return coded("InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown.")


def places(
    tx: Reader, scope: Scope, asked: Mapping[str, Any], spec: InstanceType, zone: str, count: int
) -> list[dict[str, Any]]:
    """What Placement says of each of `count` new instances: fewer than `count` when a spread group has no room for
    more. Raises InvalidPlacementGroup.Unknown, InvalidParameterCombination, InvalidParameterValue."""
    placement = asked.get("Placement") or {}
    row = _asked_for(tx, scope, placement)
    if row is None:
        if placement.get("PartitionNumber"):
            raise mixed("A partition number may only be given with a placement group of the partition strategy.")
        return [{} for _ in range(count)]
    told = {"GroupName": row.name, "GroupId": row.id}
    if row.strategy == "partition":
        numbers = _numbers(tx, scope, row, placement.get("PartitionNumber"), count)
        return [{**told, "PartitionNumber": number} for number in numbers]
    if placement.get("PartitionNumber"):
        raise mixed("A partition number may only be given with a placement group of the partition strategy.")
    if row.strategy == "cluster" and not spec.cluster:
        raise mixed(
            f"Cluster placement groups are not supported by the '{spec.name}' instance type. Specify a supported "
            "instance type or change the placement group strategy, and try again."
        )
    if row.strategy == "spread":
        there = sum(one.zone == zone for one in _members(tx, scope, row) if one.lives)
        count = max(0, min(count, SPREAD - there))
    return [dict(told) for _ in range(count)]


def describe(scope: Scope, row: PlacementGroup) -> dict[str, Any]:
    """A PlacementGroup."""
    return {
        "GroupName": row.name,
        "GroupId": row.id,
        "GroupArn": f"arn:aws:ec2:{scope.region}:{scope.account}:placement-group/{row.name}",
        "State": "available",
        "Strategy": row.strategy,
        "PartitionCount": row.partitions or None,
        "SpreadLevel": row.spread or None,
        "Tags": tagging.render(row.tags) or None,
    }


def _asked_for(tx: Reader, scope: Scope, placement: Mapping[str, Any]) -> PlacementGroup | None:
    if placement.get("GroupId"):
        row = PLACEMENT_GROUP.get(tx, scope, placement["GroupId"])
        if placement.get("GroupName") not in (None, "", row.name):
            raise mixed("The placement's group name and group ID are those of different groups.")
        return row
    return named(tx, scope, placement["GroupName"]) if placement.get("GroupName") else None


def _members(tx: Reader, scope: Scope, row: PlacementGroup) -> Iterator[Instance]:
    for one in INSTANCE.table.scan(tx, scope):
        placement = one.options.get("Placement") or {}
        if placement.get("GroupName") == row.name and one.state not in ("shutting-down", "terminated"):
            yield one


def _numbers(tx: Reader, scope: Scope, row: PlacementGroup, wanted: int | None, count: int) -> list[int]:
    """Partitions of new instances: the one asked for, or the emptiest ones."""
    if wanted is not None:
        if not 1 <= wanted <= row.partitions:
            raise invalid(
                f"Value ({wanted}) for parameter partitionNumber is invalid. The placement group '{row.name}' has "
                f"{row.partitions} partitions."
            )
        return [wanted] * count
    there = Counter(one.options["Placement"].get("PartitionNumber", 0) for one in _members(tx, scope, row))
    found = []
    for _ in range(count):
        number = min(range(1, row.partitions + 1), key=lambda one: (there[one], one))
        there[number] += 1
        found.append(number)
    return found


def _partitions(request: Request, strategy: str) -> int:
    if strategy not in _STRATEGIES:
        raise errors.UnsupportedOperation(f"Placement groups of the strategy '{strategy}' are not supported here.")
    asked = request.get("PartitionCount")
    if strategy != "partition":
        if asked:
            raise mixed("A partition count is only valid for placement groups of the partition strategy.")
        return 0
    if asked is not None and not PARTITIONS[0] <= asked <= PARTITIONS[1]:
        raise invalid(
            f"Value ({asked}) for parameter partitionCount is invalid. It must be between {PARTITIONS[0]} and "
            f"{PARTITIONS[1]}."
        )
    return asked or 2


def _spread(request: Request, strategy: str) -> str:
    level = request.get("SpreadLevel") or ""
    if strategy != "spread":
        if level:
            raise mixed("A spread level is only valid for placement groups of the spread strategy.")
        return ""
    if level == "host":
        raise errors.UnsupportedOperation("Host level spread placement groups are of Outposts, which are not here.")
    return level or "rack"
