"""EC2-Classic, which AWS has ended: what it says of links to it, tools still ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2.errors import errors
from haneul.services.ec2.operations import operation


@operation()
def describe_vpc_classic_link(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeVpcClassicLink: UnsupportedOperation, as everywhere since 2022."""
    raise _ended()


@operation()
def describe_vpc_classic_link_dns_support(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeVpcClassicLinkDnsSupport: UnsupportedOperation."""
    raise _ended()


@operation()
def describe_classic_link_instances(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeClassicLinkInstances: UnsupportedOperation."""
    raise _ended()


@operation("arn:aws:ec2:{region}:{account}:vpc/{VpcId}")
def enable_vpc_classic_link(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """EnableVpcClassicLink: UnsupportedOperation."""
    raise _ended()


@operation("arn:aws:ec2:{region}:{account}:vpc/{VpcId}")
def disable_vpc_classic_link(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DisableVpcClassicLink: UnsupportedOperation."""
    raise _ended()


@operation("arn:aws:ec2:{region}:{account}:vpc/{VpcId}")
def enable_vpc_classic_link_dns_support(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """EnableVpcClassicLinkDnsSupport: UnsupportedOperation."""
    raise _ended()


@operation("arn:aws:ec2:{region}:{account}:vpc/{VpcId}")
def disable_vpc_classic_link_dns_support(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DisableVpcClassicLinkDnsSupport: UnsupportedOperation."""
    raise _ended()


def _ended() -> Exception:
    return errors.UnsupportedOperation("The functionality you requested is not available in this region.")
