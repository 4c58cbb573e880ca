"""Long ids (17 characters), which AWS gives everything since 2018: what is left of the time when one could choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call
from haneul.services.ec2.errors import errors, invalid
from haneul.services.ec2.operations import operation

_RESOURCES = (
    *("bundle", "conversion-task", "customer-gateway", "dhcp-options", "elastic-ip-allocation"),
    *("elastic-ip-association", "export-task", "flow-log", "image", "import-task", "instance", "internet-gateway"),
    *("network-acl", "network-acl-association", "network-interface", "network-interface-attachment", "prefix-list"),
    *("reservation", "route-table", "route-table-association", "security-group", "snapshot", "subnet"),
    *("subnet-cidr-block-association", "volume", "vpc", "vpc-cidr-block-association", "vpc-endpoint"),
    *("vpc-peering-connection", "vpn-connection", "vpn-gateway"),
)
_ALL = "all-current"

Request = Mapping[str, Any]


@operation()
def describe_id_format(call: Call, request: Request) -> dict[str, Any]:
    """DescribeIdFormat: every type has long ids."""
    return {"Statuses": _statuses(_chosen(request.get("Resource")))}


@operation()
def modify_id_format(call: Call, request: Request) -> dict[str, Any]:
    """ModifyIdFormat: long ids may be asked for, and can't be declined."""
    _check(request)
    return {}


@operation()
def describe_identity_id_format(call: Call, request: Request) -> dict[str, Any]:
    """DescribeIdentityIdFormat of a principal."""
    _check_principal(request["PrincipalArn"])
    return {"Statuses": _statuses(_chosen(request.get("Resource")))}


@operation()
def modify_identity_id_format(call: Call, request: Request) -> dict[str, Any]:
    """ModifyIdentityIdFormat of a principal, or of "all"."""
    if request["PrincipalArn"] != "all":
        _check_principal(request["PrincipalArn"])
    _check(request)
    return {}


@operation()
def describe_aggregate_id_format(call: Call, request: Request) -> dict[str, Any]:
    """DescribeAggregateIdFormat: all of the region has long ids."""
    return {"UseLongIdsAggregated": True, "Statuses": _statuses(_RESOURCES)}


@operation()
def describe_principal_id_format(call: Call, request: Request) -> dict[str, Any]:
    """DescribePrincipalIdFormat: nobody deviates from the root user's setting, which can't be changed."""
    for name in request.get("Resources") or ():
        _chosen(name)
    return {"Principals": []}


def _statuses(names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"Resource": name, "UseLongIds": True} for name in names]


def _chosen(name: str | None) -> Sequence[str]:
    if not name:
        return _RESOURCES
    if name not in _RESOURCES:
        raise invalid(f"Invalid value '{name}' for resource.")
    return (name,)


def _check(request: Request) -> None:
    if request["Resource"] != _ALL:
        _chosen(request["Resource"])
    if not request["UseLongIds"]:
        raise errors.OperationNotPermitted("The period in which short ids could be chosen is over.")


def _check_principal(arn: str) -> None:
    if not arn.startswith("arn:aws:iam::"):
        raise invalid(f"Invalid value '{arn}' for principalArn.")
