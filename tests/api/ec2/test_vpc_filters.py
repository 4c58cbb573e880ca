"""Every filter that AWS documents for the VPC's Describes is known: a tool's request must never be refused for one."""

from __future__ import annotations

import re

import pytest

CALLS = {
    "DescribeAddresses": "describe_addresses",
    "DescribeEgressOnlyInternetGateways": "describe_egress_only_internet_gateways",
    "DescribeInternetGateways": "describe_internet_gateways",
    "DescribeNetworkAcls": "describe_network_acls",
    "DescribeNetworkInterfaces": "describe_network_interfaces",
    "DescribeRouteTables": "describe_route_tables",
    "DescribeSecurityGroupRules": "describe_security_group_rules",
    "DescribeSecurityGroups": "describe_security_groups",
    "DescribeSubnets": "describe_subnets",
    "DescribeVpcs": "describe_vpcs",
}
PLACEHOLDERS = ("tag", "tag-key", "Owner", "TeamA", "tag:Owner")


@pytest.mark.parametrize("operation", CALLS)
def test_documented_filters(ec2, operation):
    """The documentation of the model itself is the list."""
    members = ec2.meta.service_model.operation_model(operation).input_shape.members
    names = re.findall(r"<code>([A-Za-z0-9.-]+)</code> -", members["Filters"].documentation)
    assert names
    for name in names:
        if name not in PLACEHOLDERS:
            value = "sg-00000000" if name == "group-id" else "nothing"  # of which alone the form is looked at
            getattr(ec2, CALLS[operation])(Filters=[{"Name": name, "Values": [value]}])
    getattr(ec2, CALLS[operation])(Filters=[{"Name": "tag:Owner", "Values": ["nobody"]}])
