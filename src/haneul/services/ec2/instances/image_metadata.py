"""DescribeInstanceImageMetadata: the images that instances were launched from, also those that are gone since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ec2 import listing
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.account.allowed_images import DISABLED, Rules
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.instances import describing, image_builtin, image_describing
from haneul.services.ec2.instances.state import IMAGE, INSTANCE, Image, Instance
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc.places import zone_id
from haneul.state.store import Reader

_FILTERS: Filters = {
    "availability-zone": "AvailabilityZone",
    "image-allowed": "ImageMetadata.ImageAllowed",
    "instance-id": "InstanceId",
    "instance-state-name": "State.Name",
    "instance-type": "InstanceType",
    "launch-time": "LaunchTime",
    "owner-alias": "ImageMetadata.ImageOwnerAlias",
    "owner-id": "OwnerId",
    "zone-id": "ZoneId",
}


@operation()
def describe_instance_image_metadata(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeInstanceImageMetadata. Raises InvalidInstanceID.NotFound."""

    def render(tx: Reader, row: Instance) -> dict[str, Any]:
        return {
            "InstanceId": row.id,
            "InstanceType": row.type,
            "LaunchTime": row.launched,
            "AvailabilityZone": row.zone,
            "ZoneId": zone_id(row.zone),
            "State": describing.state(row.state),
            "OwnerId": call.account,
            "Tags": [{"Key": key, "Value": value} for key, value in row.tags.items()],
            "ImageMetadata": _image(tx, call, row.image),
        }

    return listing.describe(
        call, request, INSTANCE, member="InstanceImageMetadata", ids="InstanceIds", filters=_FILTERS, render=render
    )


def _image(tx: Reader, call: Call, identifier: str) -> dict[str, Any]:
    found = _found(tx, call, identifier)
    if found is None:
        return {"ImageId": identifier, "State": "deregistered"}
    scope, row = found
    rules = Rules(tx, call)
    shown = {
        "ImageId": row.id,
        "Name": row.name,
        "OwnerId": image_describing.owner_of(scope),
        "State": row.state,
        "ImageOwnerAlias": "amazon" if scope.account == image_builtin.OWNER else None,
        "CreationDate": image_describing.moment(row.created),
        "DeprecationTime": row.options.get("DeprecationTime"),
        "ImageAllowed": None if rules.state == DISABLED else rules.allow(scope, row),
        "IsPublic": "all" in row.shared or scope.account == image_builtin.OWNER,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _found(tx: Reader, call: Call, identifier: str) -> tuple[Scope, Image] | None:
    """An image whoever it belongs to, as long as anything is known of it."""
    own = IMAGE.find(tx, call.scope, identifier)
    if own is not None:
        return call.scope, own
    built_in = image_builtin.find(planes.of(call.cloud), identifier)
    if built_in is not None:
        return Scope(image_builtin.OWNER, call.region), built_in
    for scope, row in IMAGE.table.everywhere(tx):
        if row.id == identifier and scope.region == call.region:
            return scope, row
    return None
