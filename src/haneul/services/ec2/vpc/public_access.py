"""Block public access of VPCs: an account's block of what internet gateways carry in a region, and its exclusions.

Source: VPC user guide, "Block public access to VPCs and subnets". `block-bidirectional` stops everything through
internet gateways; `block-ingress` leaves what goes out by NAT gateways. Exclusions lift it for a VPC or a subnet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from haneul.service import Call, Scope
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid, missing
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import realise
from haneul.services.ec2.vpc.state import (
    ACCOUNTS,
    EXCLUSION,
    SUBNET,
    VPC,
    Account,
    Exclusion,
)
from haneul.state.store import Reader, Writer

ARN = "arn:aws:ec2:{region}:{account}:vpc-block-public-access-exclusion/{ExclusionId}"
MODES = ("off", "block-bidirectional", "block-ingress")
ALLOWED = ("allow-bidirectional", "allow-egress")
LIMIT = 50
_SETTING = "vpc-block-public-access"
_FILTERS = {
    "internet-gateway-exclusion-mode": "InternetGatewayExclusionMode",
    "resource-arn": "ResourceArn",
    "state": "State",
}
Request = Mapping[str, Any]


class Open(NamedTuple):
    """What a subnet has of the internet: everything, or at least the way out by its NAT gateways."""

    whole: bool
    nat: bool


@operation()
async def modify_vpc_block_public_access_options(call: Call, request: Request) -> dict[str, Any]:
    """ModifyVpcBlockPublicAccessOptions: answered once no packet passes that shouldn't."""
    mode = request["InternetGatewayBlockMode"]
    if mode not in MODES:
        raise invalid(f"Value ({mode}) for parameter internetGatewayBlockMode is invalid.")

    def change(tx: Writer) -> realise.Changed:
        row = ACCOUNTS.get(tx, call.scope, "account") or Account()
        row.settings = {**row.settings, _SETTING: {"mode": mode, "at": call.now()}}
        ACCOUNTS.put(tx, call.scope, row)
        shown = {**_options(call, row.settings[_SETTING]), "State": "update-in-progress"}
        return {"VpcBlockPublicAccessOptions": shown}, [vpc.id for vpc in VPC.table.scan(tx, call.scope)]

    return await realise.apply(call, change)


@operation()
def describe_vpc_block_public_access_options(call: Call, request: Request) -> dict[str, Any]:
    """DescribeVpcBlockPublicAccessOptions of the account in the region."""
    with call.read() as tx:
        return {"VpcBlockPublicAccessOptions": _options(call, _setting(tx, call.scope))}


@operation("arn:aws:ec2:{region}:{account}:vpc-block-public-access-exclusion/*")
async def create_vpc_block_public_access_exclusion(call: Call, request: Request) -> dict[str, Any]:
    """CreateVpcBlockPublicAccessExclusion for a VPC or a subnet. Raises MissingParameter,
    InvalidParameterCombination, ResourceAlreadyExists, VpcBlockPublicAccessExclusionLimitExceeded."""
    mode = _allowed(request)
    tags = tagging.of_new(request, "vpc-block-public-access-exclusion")
    if bool(request.get("VpcId")) == bool(request.get("SubnetId")):
        if request.get("VpcId"):
            raise errors.InvalidParameterCombination("Specify either VpcId or SubnetId, not both.")
        raise missing("VpcId or SubnetId")

    def change(tx: Writer) -> realise.Changed:
        if request.get("VpcId"):
            vpc = target = VPC.get(tx, call.scope, request["VpcId"]).id
        else:
            subnet = SUBNET.get(tx, call.scope, request["SubnetId"])
            vpc, target = subnet.vpc, subnet.id
        rows = list(EXCLUSION.table.scan(tx, call.scope))
        if any(one.target == target for one in rows):
            raise errors.ResourceAlreadyExists(f"There is an exclusion for {target} already.")
        if len(rows) >= LIMIT:
            raise errors.VpcBlockPublicAccessExclusionLimitExceeded(f"An account has {LIMIT} exclusions at most.")
        now = call.now()
        row = Exclusion(id=EXCLUSION.new_id(), vpc=vpc, target=target, mode=mode, created=now, changed=now, tags=tags)
        EXCLUSION.table.put(tx, call.scope, row)
        return {"VpcBlockPublicAccessExclusion": {**_shown(call, row), "State": "create-in-progress"}}, [vpc]

    return await realise.apply(call, change)


@operation(ARN)
async def modify_vpc_block_public_access_exclusion(call: Call, request: Request) -> dict[str, Any]:
    """ModifyVpcBlockPublicAccessExclusion: its mode."""
    mode = _allowed(request)

    def change(tx: Writer) -> realise.Changed:
        row = EXCLUSION.get(tx, call.scope, request["ExclusionId"])
        row.mode, row.changed, row.state = mode, call.now(), "update-complete"
        EXCLUSION.table.put(tx, call.scope, row)
        return {"VpcBlockPublicAccessExclusion": {**_shown(call, row), "State": "update-in-progress"}}, [row.vpc]

    return await realise.apply(call, change)


@operation(ARN)
async def delete_vpc_block_public_access_exclusion(call: Call, request: Request) -> dict[str, Any]:
    """DeleteVpcBlockPublicAccessExclusion."""

    def change(tx: Writer) -> realise.Changed:
        row = EXCLUSION.get(tx, call.scope, request["ExclusionId"])
        EXCLUSION.table.delete(tx, call.scope, row.id)
        return {"VpcBlockPublicAccessExclusion": {**_shown(call, row), "State": "delete-in-progress"}}, [row.vpc]

    return await realise.apply(call, change)


@operation()
def describe_vpc_block_public_access_exclusions(call: Call, request: Request) -> dict[str, Any]:
    """DescribeVpcBlockPublicAccessExclusions."""
    return listing.describe(
        call,
        request,
        EXCLUSION,
        member="VpcBlockPublicAccessExclusions",
        ids="ExclusionIds",
        filters=_FILTERS,
        render=lambda _, row: _shown(call, row),
    )


def opening(tx: Reader, scope: Scope, vpc: str) -> Mapping[str, Open] | None:
    """Subnet -> what it has of the internet, "" for those that aren't named; None when nothing is blocked."""
    mode = _setting(tx, scope).get("mode", "off")
    if mode == "off":
        return None
    # An exclusion that allows what goes out allows what NAT gateways carry.
    of = {row.target: Open(row.mode == "allow-bidirectional", True) for row in EXCLUSION.table.scan(tx, scope)}
    rest = of.get(vpc, Open(False, mode == "block-ingress"))
    return {"": rest, **{target: found for target, found in of.items() if target.startswith("subnet-")}}


def _setting(tx: Reader, scope: Scope) -> dict[str, Any]:
    row = ACCOUNTS.get(tx, scope, "account")
    found: dict[str, Any] = row.settings.get(_SETTING, {}) if row is not None else {}
    return found


def _allowed(request: Request) -> str:
    mode = str(request["InternetGatewayExclusionMode"])
    if mode not in ALLOWED:
        raise coded("InvalidParameterValue", f"Value ({mode}) for parameter internetGatewayExclusionMode is invalid.")
    return mode


def _options(call: Call, setting: Mapping[str, Any]) -> dict[str, Any]:
    shown = {
        "AwsAccountId": call.account,
        "AwsRegion": call.region,
        "State": "update-complete" if setting else "default-state",
        "InternetGatewayBlockMode": setting.get("mode", "off"),
        "ManagedBy": "account",
        "ExclusionsAllowed": "allowed",
    }
    return {**shown, "LastUpdateTimestamp": setting["at"]} if setting else shown


def _shown(call: Call, row: Exclusion) -> dict[str, Any]:
    kind = VPC if row.target == row.vpc else SUBNET
    return {
        "ExclusionId": row.id,
        "InternetGatewayExclusionMode": row.mode,
        "ResourceArn": kind.arn(call.scope, row.target),
        "State": row.state,
        "CreationTimestamp": row.created,
        "LastUpdateTimestamp": row.changed,
        "Tags": tagging.render(row.tags),
    }
