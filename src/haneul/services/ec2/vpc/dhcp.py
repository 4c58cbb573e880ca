"""Sets of DHCP options: what guests learn with their lease; the VPC's resolver hands them out."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.errors import errors, invalid
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import realise
from haneul.services.ec2.vpc.state import DHCP, VPC, DhcpOptions
from haneul.state.store import Writer

ARN = "arn:aws:ec2:{region}:{account}:dhcp-options/{DhcpOptionsId}"
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?")
_FILTERS = {
    "dhcp-options-id": "DhcpOptionsId",
    "key": "DhcpConfigurations.Key",
    "value": "DhcpConfigurations.Values.Value",
    "owner-id": "OwnerId",
}


@operation("arn:aws:ec2:{region}:{account}:dhcp-options/*")
def create_dhcp_options(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDhcpOptions. Raises InvalidParameterValue for an option that AWS doesn't know or a value that can't be."""
    options = _options(request.get("DhcpConfigurations") or ())
    tags = tagging.of_new(request, "dhcp-options")
    with call.write() as tx:
        row = DhcpOptions(id=DHCP.new_id(), options=options, created=call.now(), tags=tags)
        DHCP.table.put(tx, call.scope, row)
    return {"DhcpOptions": describe(call.scope, row)}


@operation()
def describe_dhcp_options(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDhcpOptions."""
    return listing.describe(
        call,
        request,
        DHCP,
        member="DhcpOptions",
        ids="DhcpOptionsIds",
        filters=_FILTERS,
        render=lambda _, row: describe(call.scope, row),
    )


@operation(ARN)
def delete_dhcp_options(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteDhcpOptions. Raises DependencyViolation while a VPC uses them."""
    with call.write() as tx:
        row = DHCP.get(tx, call.scope, request["DhcpOptionsId"])
        if any(vpc.dhcp == row.id for vpc in VPC.table.scan(tx, call.scope)):
            raise errors.DependencyViolation(f"The dhcpOptions '{row.id}' has dependencies and cannot be deleted.")
        DHCP.table.delete(tx, call.scope, row.id)
    return {}


@operation(
    lambda call, request: [
        f"arn:aws:ec2:{call.region}:{call.account}:dhcp-options/{request.get('DhcpOptionsId')}",
        f"arn:aws:ec2:{call.region}:{call.account}:vpc/{request.get('VpcId')}",
    ]
)
async def associate_dhcp_options(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AssociateDhcpOptions with a VPC; "default" for none. Running guests hear of it with their next lease."""

    def change(tx: Writer) -> realise.Changed:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        wanted = request["DhcpOptionsId"]
        vpc.dhcp = wanted if wanted == "default" else DHCP.get(tx, call.scope, wanted).id
        VPC.table.put(tx, call.scope, vpc)
        return {}, [vpc.id]

    return await realise.apply(call, change)


def describe(scope: Scope, row: DhcpOptions) -> dict[str, Any]:
    """A set of options as every answer shows it."""
    return {
        "DhcpOptionsId": row.id,
        "OwnerId": scope.account,
        "DhcpConfigurations": [
            {"Key": key, "Values": [{"Value": value} for value in values]} for key, values in row.options.items()
        ],
        "Tags": tagging.render(row.tags),
    }


def _options(asked: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in asked:
        key, values = one.get("Key") or "", list(one.get("Values") or ())
        if key not in _CHECKS:
            raise invalid(f"Value ({key}) for parameter key is invalid. Unknown DHCP option.")
        # The CLI and Terraform send a list, old clients one text with commas; AWS takes both apart.
        values = [part.strip() for value in values for part in (value.split(",") if key != "domain-name" else [value])]
        if not values or len(values) > _CHECKS[key][0] or key in found:
            raise invalid(
                f"Value ({', '.join(values)}) for parameter value is invalid. Invalid number of {key} values."
            )
        for value in values:
            if not _CHECKS[key][1](value):
                raise invalid(f"Value ({value}) for parameter {key} is invalid. Invalid DHCP option value.")
        found[key] = values
    if not found:
        raise errors.MissingParameter("The request must contain the parameter dhcpConfigurations")
    return found


def _address(value: str) -> bool:
    try:
        return bool(ipaddress.ip_address(value))
    except ValueError:
        return False


_CHECKS: Mapping[str, tuple[int, Callable[[str], bool]]] = {
    "domain-name-servers": (4, lambda value: value == "AmazonProvidedDNS" or _address(value)),
    "domain-name": (1, lambda value: bool(_NAME.fullmatch(value))),
    "ntp-servers": (4, _address),
    "netbios-name-servers": (4, _address),
    "netbios-node-type": (1, lambda value: value in ("1", "2", "4", "8")),
    "ipv6-address-preferred-lease-time": (1, str.isdecimal),
}
"""Option -> the most values, and whether a value may be."""
