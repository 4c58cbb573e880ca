"""Customer gateways and virtual private gateways. VPN connections are refused: nothing here speaks IPsec, and one that
never came up would be no help to anybody."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.operations import operation
from haneul.services.ec2.transit import gateways
from haneul.services.ec2.transit.state import (
    CUSTOMER_GATEWAY,
    KEPT,
    TRANSIT_GATEWAY,
    VPN_GATEWAY,
    CustomerGateway,
    VpnGateway,
)
from haneul.services.ec2.vpc import realise
from haneul.services.ec2.vpc.state import ROUTE_TABLE, VPC
from haneul.state.store import Reader, Writer

CUSTOMER_ARN = "arn:aws:ec2:{region}:{account}:customer-gateway/{CustomerGatewayId}"
ARN = "arn:aws:ec2:{region}:{account}:vpn-gateway/{VpnGatewayId}"
LIMIT = 50
_CUSTOMER_FILTERS = {
    "bgp-asn": "BgpAsn",
    "customer-gateway-id": "CustomerGatewayId",
    "ip-address": "IpAddress",
    "state": "State",
    "type": "Type",
}
_FILTERS = {
    "amazon-side-asn": "AmazonSideAsn",
    "attachment.state": "VpcAttachments.State",
    "attachment.vpc-id": "VpcAttachments.VpcId",
    "availability-zone": "AvailabilityZone",
    "state": "State",
    "type": "Type",
    "vpn-gateway-id": "VpnGatewayId",
}
_CONNECTION_FILTERS = {
    "customer-gateway-configuration": "CustomerGatewayConfiguration",
    "customer-gateway-id": "CustomerGatewayId",
    "state": "State",
    "option.static-routes-only": "Options.StaticRoutesOnly",
    "route.destination-cidr-block": "Routes.DestinationCidrBlock",
    "bgp-asn": "BgpAsn",
    "type": "Type",
    "vpn-connection-id": "VpnConnectionId",
    "vpn-gateway-id": "VpnGatewayId",
    "transit-gateway-id": "TransitGatewayId",
}
Request = Mapping[str, Any]


@operation("arn:aws:ec2:{region}:{account}:customer-gateway/*")
def create_customer_gateway(call: Call, request: Request) -> dict[str, Any]:
    """CreateCustomerGateway: the same device again is the same gateway. Raises CustomerGatewayLimitExceeded."""
    tags = tagging.of_new(request, "customer-gateway")
    address = request.get("IpAddress") or request.get("PublicIp") or ""
    certificate = request.get("CertificateArn") or ""
    if not address and not certificate:
        raise errors.MissingParameter("The request must contain the parameter ipAddress")
    if address:
        _check_address(address)
    number = request.get("BgpAsnExtended") or request.get("BgpAsn") or 65000
    if not 1 <= number <= 4294967295:
        raise invalid(f"Value ({number}) for parameter bgpAsn is invalid.")
    with call.write() as tx:
        rows = list(CUSTOMER_GATEWAY.table.scan(tx, call.scope))
        wanted = (str(number), address, certificate, request.get("DeviceName") or "")
        row = next((one for one in rows if (one.asn, one.address, one.certificate, one.device) == wanted), None)
        if row is None:
            if len(rows) >= LIMIT:
                raise errors.CustomerGatewayLimitExceeded("The maximum number of customer gateways has been reached.")
            asn, _, _, device = wanted
            row = CustomerGateway(
                id=CUSTOMER_GATEWAY.new_id(),
                created=call.now(),
                asn=asn,
                address=address,
                certificate=certificate,
                device=device,
            )
        row.tags = row.tags | tags
        CUSTOMER_GATEWAY.table.put(tx, call.scope, row)
    return {"CustomerGateway": _customer(row)}


@operation()
def describe_customer_gateways(call: Call, request: Request) -> dict[str, Any]:
    """DescribeCustomerGateways."""
    return listing.describe(
        call,
        request,
        CUSTOMER_GATEWAY,
        member="CustomerGateways",
        ids="CustomerGatewayIds",
        filters=_CUSTOMER_FILTERS,
        render=lambda _, row: _customer(row),
    )


@operation(CUSTOMER_ARN)
def delete_customer_gateway(call: Call, request: Request) -> dict[str, Any]:
    """DeleteCustomerGateway."""
    with call.write() as tx:
        row = CUSTOMER_GATEWAY.get(tx, call.scope, request["CustomerGatewayId"])
        CUSTOMER_GATEWAY.table.delete(tx, call.scope, row.id)
    return {}


@operation("arn:aws:ec2:{region}:{account}:vpn-gateway/*")
def create_vpn_gateway(call: Call, request: Request) -> dict[str, Any]:
    """CreateVpnGateway: attached to nothing yet. Raises VpnGatewayLimitExceeded."""
    tags = tagging.of_new(request, "vpn-gateway")
    number = gateways.asn(request.get("AmazonSideAsn"), 64512)
    with call.write() as tx:
        if sum(not one.deleted for one in VPN_GATEWAY.table.scan(tx, call.scope)) >= LIMIT:
            raise errors.VpnGatewayLimitExceeded("The maximum number of virtual private gateways has been reached.")
        row = VpnGateway(
            id=VPN_GATEWAY.new_id(),
            created=call.now(),
            asn=number,
            zone=request.get("AvailabilityZone") or "",
            tags=tags,
        )
        VPN_GATEWAY.table.put(tx, call.scope, row)
    return {"VpnGateway": _describe(row)}


@operation()
def describe_vpn_gateways(call: Call, request: Request) -> dict[str, Any]:
    """DescribeVpnGateways; a deleted one is told for an hour."""
    return listing.describe(
        call,
        request,
        VPN_GATEWAY,
        member="VpnGateways",
        ids="VpnGatewayIds",
        filters=_FILTERS,
        render=lambda _, row: _describe(row),
        wanted=lambda row: not row.deleted or row.deleted > call.now() - KEPT,
    )


@operation(ARN)
async def attach_vpn_gateway(call: Call, request: Request) -> dict[str, Any]:
    """AttachVpnGateway: a gateway at one VPC, a VPC with one gateway."""

    def change(tx: Writer) -> realise.Changed:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        row = _living(tx, call, request["VpnGatewayId"])
        other = next((one for one, state in row.attachments.items() if state == "attached"), "")
        if other and other != vpc.id:
            raise errors.VpnGatewayAttachmentLimitExceeded(
                "The maximum number of virtual private gateway attachments has been reached."
            )
        if any(
            one.id != row.id and one.attachments.get(vpc.id) == "attached"
            for one in VPN_GATEWAY.table.scan(tx, call.scope)
        ):
            raise invalid(f"VPC {vpc.id} already has a virtual private gateway attached.")
        row.attachments = {vpc.id: "attached"}
        VPN_GATEWAY.table.put(tx, call.scope, row)
        return {"VpcAttachment": {"State": "attaching", "VpcId": vpc.id}}, [vpc.id]

    return await realise.apply(call, change)


@operation(ARN)
async def detach_vpn_gateway(call: Call, request: Request) -> dict[str, Any]:
    """DetachVpnGateway: routes to it are black holes, and tables hear of nothing from it any more."""

    def change(tx: Writer) -> realise.Changed:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        row = _living(tx, call, request["VpnGatewayId"])
        if row.attachments.get(vpc.id) != "attached":
            raise coded(
                "InvalidVpnGatewayAttachment.NotFound",
                f"The attachment with vpn gateway ID '{row.id}' and vpc ID '{vpc.id}' does not exist",
            )
        row.attachments = {vpc.id: "detached"}
        VPN_GATEWAY.table.put(tx, call.scope, row)
        for table in list(ROUTE_TABLE.table.scan(tx, call.scope)):
            if row.id in table.propagating:
                table.propagating = [one for one in table.propagating if one != row.id]
                ROUTE_TABLE.table.put(tx, call.scope, table)
        return {}, [vpc.id]

    return await realise.apply(call, change)


@operation(ARN)
def delete_vpn_gateway(call: Call, request: Request) -> dict[str, Any]:
    """DeleteVpnGateway. Raises IncorrectState while it is attached."""
    with call.write() as tx:
        row = _living(tx, call, request["VpnGatewayId"])
        if "attached" in row.attachments.values():
            raise errors.IncorrectState(f"The virtual private gateway '{row.id}' is in use.")
        row.deleted, row.attachments = call.now(), {}
        VPN_GATEWAY.table.put(tx, call.scope, row)
        for old in list(VPN_GATEWAY.table.scan(tx, call.scope)):
            if old.deleted and old.deleted <= call.now() - KEPT:
                VPN_GATEWAY.table.delete(tx, call.scope, old.id)
    return {}


@operation("arn:aws:ec2:{region}:{account}:route-table/{RouteTableId}")
def enable_vgw_route_propagation(call: Call, request: Request) -> dict[str, Any]:
    """EnableVgwRoutePropagation: the table would hear of what the gateway's connections lead to. Raises
    Gateway.NotAttached."""
    with call.write() as tx:
        table = ROUTE_TABLE.get(tx, call.scope, request["RouteTableId"])
        row = _living(tx, call, request["GatewayId"])
        if row.attachments.get(table.vpc) != "attached":
            raise coded("Gateway.NotAttached", f"resource {row.id} is not attached to network {table.vpc}")
        table.propagating = list(dict.fromkeys([*table.propagating, row.id]))
        ROUTE_TABLE.table.put(tx, call.scope, table)
    return {}


@operation("arn:aws:ec2:{region}:{account}:route-table/{RouteTableId}")
def disable_vgw_route_propagation(call: Call, request: Request) -> dict[str, Any]:
    """DisableVgwRoutePropagation."""
    with call.write() as tx:
        table = ROUTE_TABLE.get(tx, call.scope, request["RouteTableId"])
        _living(tx, call, request["GatewayId"])
        table.propagating = [one for one in table.propagating if one != request["GatewayId"]]
        ROUTE_TABLE.table.put(tx, call.scope, table)
    return {}


@operation("arn:aws:ec2:{region}:{account}:vpn-connection/*")
def create_vpn_connection(call: Call, request: Request) -> dict[str, Any]:
    """CreateVpnConnection: checked, and then refused."""
    if request.get("VpnGatewayId") and request.get("TransitGatewayId"):
        raise invalid("The request must not contain both parameter vpnGatewayId and transitGatewayId")
    with call.read() as tx:
        CUSTOMER_GATEWAY.get(tx, call.scope, request["CustomerGatewayId"])
        if request.get("VpnGatewayId"):
            _living(tx, call, request["VpnGatewayId"])
        gateway = request.get("TransitGatewayId")
        if gateway and TRANSIT_GATEWAY.find(tx, call.scope, gateway) is None:
            raise coded("InvalidTransitGatewayID.NotFound", f"The transitGateway ID '{gateway}' does not exist")
    raise errors.UnsupportedOperation("VPN connections are not supported: nothing here speaks IPsec.")


@operation()
def describe_vpn_connections(call: Call, request: Request) -> dict[str, Any]:
    """DescribeVpnConnections: there are none."""
    for identifier in request.get("VpnConnectionIds") or ():
        raise _no_connection(identifier)
    return {"VpnConnections": listing.paged(request, "VpnConnections", [], _CONNECTION_FILTERS)["VpnConnections"]}


@operation("arn:aws:ec2:{region}:{account}:vpn-connection/{VpnConnectionId}")
def delete_vpn_connection(call: Call, request: Request) -> dict[str, Any]:
    """DeleteVpnConnection: there are none."""
    raise _no_connection(request["VpnConnectionId"])


def _no_connection(identifier: str) -> Exception:
    return coded("InvalidVpnConnectionID.NotFound", f"The vpnConnection ID '{identifier}' does not exist")


def _living(tx: Reader, call: Call, identifier: str) -> VpnGateway:
    row = VPN_GATEWAY.get(tx, call.scope, identifier)
    if row.deleted:
        raise VPN_GATEWAY.missing([identifier])
    return row


def _check_address(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise invalid(f"Value ({text}) for parameter ipAddress is invalid. Invalid IPv4 address.") from None


def _customer(row: CustomerGateway) -> dict[str, Any]:
    return {
        "CustomerGatewayId": row.id,
        "State": "available",
        "Type": "ipsec.1",
        "BgpAsn": row.asn,
        "IpAddress": row.address or None,
        "CertificateArn": row.certificate or None,
        "DeviceName": row.device or None,
        "Tags": tagging.render(row.tags),
    }


def _describe(row: VpnGateway) -> dict[str, Any]:
    return {
        "VpnGatewayId": row.id,
        "State": "deleted" if row.deleted else "available",
        "Type": "ipsec.1",
        "AmazonSideAsn": row.asn,
        "AvailabilityZone": row.zone or None,
        "VpcAttachments": [{"VpcId": vpc, "State": state} for vpc, state in row.attachments.items()],
        "Tags": tagging.render(row.tags),
    }
