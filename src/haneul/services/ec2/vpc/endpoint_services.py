"""Services that VPC endpoints lead to: this cloud's own rooms, by AWS's names of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from haneul.cloud import Cloud
from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2.errors import coded
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import givens
from haneul.services.ec2.vpc.places import zones_of

_NAMES = {
    "apigateway": "execute-api",
    "cloudwatch": "monitoring",
    "dynamodb": "dynamodb",
    "dynamodbstreams": "dynamodb-streams",
    "ebs": "ebs",
    "ec2": "ec2",
    "events": "events",
    "kms": "kms",
    "lambda": "lambda",
    "logs": "logs",
    "organizations": "organizations",
    "pipes": "pipes",
    "rds": "rds",
    "rds-data": "rds-data",
    "s3": "s3",
    "s3control": "s3-control",
    "scheduler": "scheduler",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "sts": "sts",
}
"""Model -> what its endpoint services are called behind the region."""
_FILTERS: Filters = {
    "owner": "Owner",
    "service-name": "ServiceName",
    "service-region": "ServiceRegion",
    "service-type": "ServiceType.ServiceType",
    "supported-ip-address-types": "SupportedIpAddressTypes",
}


@operation()
def describe_vpc_endpoint_services(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeVpcEndpointServices. Raises InvalidServiceName."""
    wanted = request.get("ServiceNames") or ()
    for name in wanted:
        check(call, name)
    found = [
        (f"{one['ServiceName']}\x00{one['ServiceType'][0]['ServiceType']}", one)
        for one in _services(call.cloud, call.region)
        if not wanted or one["ServiceName"] in wanted
    ]
    answer = listing.paged(request, "ServiceDetails", found, _FILTERS, (1, 1000))
    answer["ServiceNames"] = sorted({one["ServiceName"] for one in answer["ServiceDetails"]})
    return answer


def check(call: Call, name: str, kind: str = "") -> str:
    """What the service is called behind the region. Raises InvalidServiceName; InvalidParameter when it has no
    endpoints of that kind."""
    short = name.removeprefix(f"com.amazonaws.{call.region}.")
    known = {one for model, one in _NAMES.items() if model in call.cloud.services}
    if short == name or short not in known:
        raise coded("InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist")
    if kind == "Gateway" and short not in givens.GATEWAYS:
        raise coded("InvalidParameter", "Endpoint type (Gateway) does not match available service types ([Interface]).")
    return short


def private_name(region: str, short: str) -> str:
    """The name by which clients know the service."""
    return f"{short}.{region}.amazonaws.com"


def _services(cloud: Cloud, region: str) -> list[dict[str, Any]]:
    found = []
    for model, short in _NAMES.items():
        if model in cloud.services:
            found += [_shown(region, short, "Interface")]
            found += [_shown(region, short, "Gateway")] if short in givens.GATEWAYS else []
    return found


def _shown(region: str, short: str, kind: str) -> dict[str, Any]:
    name = f"com.amazonaws.{region}.{short}"
    digest = hashlib.sha256(f"{name} {kind}".encode()).hexdigest()[:17]
    shown: dict[str, Any] = {
        "ServiceName": name,
        "ServiceId": f"vpce-svc-{digest}",
        "ServiceType": [{"ServiceType": kind}],
        "ServiceRegion": region,
        "AvailabilityZones": list(zones_of(region)),
        "Owner": "amazon",
        "BaseEndpointDnsNames": [f"{short}.{region}.{'vpce.' if kind == 'Interface' else ''}amazonaws.com"],
        "VpcEndpointPolicySupported": True,
        "AcceptanceRequired": False,
        "ManagesVpcEndpoints": False,
        "SupportedIpAddressTypes": ["ipv4"],
        "Tags": [],
    }
    if kind == "Interface":
        shown["PrivateDnsName"] = private_name(region, short)
        shown["PrivateDnsNames"] = [{"PrivateDnsName": private_name(region, short)}]
        shown["PrivateDnsNameVerificationState"] = "verified"
    return shown
