"""DB subnet groups, over EC2's subnets where that room runs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope, operation
from haneul.services.rds import listing, names, tags
from haneul.services.rds.errors import errors, invalid, must, no_subnet_group
from haneul.services.rds.state import CLUSTERS, INSTANCES, SUBNET_GROUPS, SubnetGroup
from haneul.wire.errors import AwsError

LIMIT = 150
_ARN = "arn:aws:rds:{region}:{account}:subgrp:{DBSubnetGroupName}"


@operation(resource=_ARN)
async def create_db_subnet_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDBSubnetGroup. Raises DBSubnetGroupAlreadyExists, InvalidSubnet, DBSubnetGroupDoesNotCoverEnoughAZs."""
    name = _name(request["DBSubnetGroupName"])
    if not request["DBSubnetGroupDescription"]:
        raise must("DBSubnetGroupDescription")
    vpc, subnets = await _subnets(call, request["SubnetIds"])
    group = SubnetGroup(
        name=name,
        description=request["DBSubnetGroupDescription"],
        vpc=vpc,
        subnets=subnets,
        tags=tags.read(request.get("Tags")),
    )

    def add(tx: Any) -> None:
        if SUBNET_GROUPS.get(tx, call.scope, name) is not None:
            raise errors.DBSubnetGroupAlreadyExists(f"The DB subnet group '{name}' already exists.")
        if sum(1 for _ in SUBNET_GROUPS.scan(tx, call.scope, limit=LIMIT)) >= LIMIT:
            raise errors.DBSubnetGroupQuotaExceeded(f"You have exceeded the limit of {LIMIT} DB subnet groups.")
        SUBNET_GROUPS.put(tx, call.scope, group)

    await call.transact(add)
    return {"DBSubnetGroup": describe(call.scope, group)}


@operation(resource="arn:aws:rds:{region}:{account}:subgrp:*")
def describe_db_subnet_groups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBSubnetGroups."""
    listing.filters(request, ())
    wanted = request.get("DBSubnetGroupName")
    with call.read() as tx:
        groups = list(SUBNET_GROUPS.scan(tx, call.scope))
    if wanted:
        groups = [group for group in groups if group.name == wanted.lower()]
        if not groups:
            raise no_subnet_group(wanted)
    return listing.page(
        request, "DBSubnetGroups", groups, lambda group: group.name, lambda group: describe(call.scope, group)
    )


@operation(resource=_ARN)
async def modify_db_subnet_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyDBSubnetGroup: the subnets named replace those it had."""
    name = request["DBSubnetGroupName"].lower()
    vpc, subnets = await _subnets(call, request["SubnetIds"])

    def change(tx: Any) -> SubnetGroup:
        group = SUBNET_GROUPS.get(tx, call.scope, name)
        if group is None:
            raise no_subnet_group(name)
        group.vpc, group.subnets = vpc, subnets
        group.description = request.get("DBSubnetGroupDescription") or group.description
        SUBNET_GROUPS.put(tx, call.scope, group)
        return group

    return {"DBSubnetGroup": describe(call.scope, await call.transact(change))}


@operation(resource=_ARN)
def delete_db_subnet_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteDBSubnetGroup. Raises InvalidDBSubnetGroupStateFault when it is in use."""
    name = request["DBSubnetGroupName"].lower()
    with call.write() as tx:
        if SUBNET_GROUPS.get(tx, call.scope, name) is None:
            raise no_subnet_group(name)
        rows: list[Any] = [*INSTANCES.scan(tx, call.scope), *CLUSTERS.scan(tx, call.scope)]
        user = next((row for row in rows if row.shape.get("subnet_group") == name), None)
        if user is not None:
            raise errors.InvalidDBSubnetGroupStateFault(
                f"Cannot delete the subnet group '{name}' because at least one database instance: {user.id} "
                "is still using it."
            )
        SUBNET_GROUPS.delete(tx, call.scope, name)
    return {}


def _name(value: str) -> str:
    if not value:
        raise must("DBSubnetGroupName")
    if not re.fullmatch(r"[A-Za-z0-9 ._-]{1,255}", value) or not value[0].isalnum():
        raise invalid(
            "The parameter DBSubnetGroupName must be provided and must contain no more than 255 alphanumeric "
            "characters, periods, underscores, spaces, or hyphens."
        )
    if value.lower() == "default":
        raise invalid("The DB subnet group name 'default' is reserved.")
    return value.lower()


async def _subnets(call: Call, wanted: list[str]) -> tuple[str, list[tuple[str, str]]]:
    """The VPC, and (id, zone) of each subnet. Without the EC2 room any well-formed id is taken."""
    if not wanted:
        raise must("SubnetIds")
    if "ec2" in call.cloud.services:
        subnets, vpcs = await _from_ec2(call, wanted)
    else:
        bad = [one for one in wanted if not re.fullmatch(r"subnet-[0-9A-Za-z-]{1,40}", one)]
        if bad:
            raise errors.InvalidSubnet(
                "The requested subnet is invalid, or multiple subnets were requested that are not all in a common VPC: "
                f"{bad[0]}"
            )
        subnets = [(one, f"{call.region}{'abc'[index % 3]}") for index, one in enumerate(wanted)]
        vpcs = {f"vpc-{hashlib.sha256(call.account.encode()).hexdigest()[:17]}"}
    if len(vpcs) != 1:
        raise errors.InvalidSubnet("The requested subnets are not all in a common VPC.")
    zones = sorted({zone for _, zone in subnets})
    if len(zones) < 2:
        raise errors.DBSubnetGroupDoesNotCoverEnoughAZs(
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: "
            f"{', '.join(zones)}. Add subnets to cover at least 2 AZs."
        )
    return vpcs.pop(), subnets


async def _from_ec2(call: Call, wanted: list[str]) -> tuple[list[tuple[str, str]], set[str]]:
    try:
        answer = call.invoke("ec2", "DescribeSubnets", {"SubnetIds": wanted})
        output = await answer if hasattr(answer, "__await__") else answer
    except AwsError as error:
        raise errors.InvalidSubnet(f"The requested subnet is invalid: {error.message}") from None
    found = output.get("Subnets", [])
    return [(one["SubnetId"], one["AvailabilityZone"]) for one in found], {one["VpcId"] for one in found}


def describe(scope: Scope, group: SubnetGroup) -> dict[str, Any]:
    return {
        "DBSubnetGroupName": group.name,
        "DBSubnetGroupDescription": group.description,
        "VpcId": group.vpc,
        "SubnetGroupStatus": "Complete",
        "Subnets": [
            {
                "SubnetIdentifier": subnet,
                "SubnetAvailabilityZone": {"Name": zone},
                "SubnetOutpost": {},
                "SubnetStatus": "Active",
            }
            for subnet, zone in group.subnets
        ],
        "DBSubnetGroupArn": names.arn(scope, "subgrp", group.name),
        "SupportedNetworkTypes": ["IPV4"],
    }
