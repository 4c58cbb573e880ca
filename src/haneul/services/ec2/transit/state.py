"""The rows of transit gateways, and of the gateways of VPNs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from haneul.service import Scope
from haneul.services.ec2.errors import coded
from haneul.services.ec2.kinds import Kind, Row
from haneul.state.store import Reader, Writer
from haneul.state.table import Table
from haneul.wire.errors import AwsError

KEPT = 3600.0
"""Seconds that something is still told after its end."""


class TransitGateway(msgspec.Struct, kw_only=True):
    """options: as AWS tells them, with the ids of the default route tables."""

    id: str
    created: float
    description: str = ""
    options: dict[str, Any] = {}
    deleted: float = 0.0
    tags: dict[str, str] = {}


class TransitAttachment(msgspec.Struct, kw_only=True):
    """A VPC at a transit gateway, by one subnet of each zone that it is reached in. table: the route table that its
    packets go by, "" for none."""

    id: str
    gateway: str
    vpc: str
    subnets: list[str]
    created: float
    table: str = ""
    options: dict[str, Any] = {}
    deleted: float = 0.0
    tags: dict[str, str] = {}


class TransitRouteTable(msgspec.Struct, kw_only=True):
    """routes: static ones, block -> attachment, "" for a black hole. propagations: the attachments whose VPCs' blocks
    are routes of their own."""

    id: str
    gateway: str
    created: float
    routes: dict[str, str] = {}
    propagations: list[str] = []
    deleted: float = 0.0
    tags: dict[str, str] = {}


class CustomerGateway(msgspec.Struct, kw_only=True):
    """What somebody says of a device of theirs; `asn` is text, as AWS tells it."""

    id: str
    created: float
    asn: str
    address: str = ""
    certificate: str = ""
    device: str = ""
    tags: dict[str, str] = {}


class VpnGateway(msgspec.Struct, kw_only=True):
    """attachments: VPC -> attached or detached. deleted: when, 0 for not; as of the others'."""

    id: str
    created: float
    asn: int
    zone: str = ""
    attachments: dict[str, str] = {}
    deleted: float = 0.0
    tags: dict[str, str] = {}


class TransitKind(Kind[Row]):
    """What belongs to transit gateways: AWS's words for it are their own, and it is told for a while after its end, as
    `deleted`, which Terraform waits for."""

    def find(self, tx: Reader, scope: Scope, identifier: str) -> Row | None:
        """One that isn't deleted."""
        row = self.table.get(tx, scope, identifier)
        return None if row is None or row.deleted else row

    def get(self, tx: Reader, scope: Scope, identifier: str) -> Row:
        self.check([identifier])
        row = self.find(tx, scope, identifier)
        if row is None:
            raise self.missing([identifier])
        return row

    def living(self, tx: Reader, scope: Scope) -> Iterator[Row]:
        return (row for row in self.table.scan(tx, scope) if not row.deleted)

    def end(self, tx: Writer, scope: Scope, row: Row, now: float) -> None:
        """It is deleted; those that are so for long enough are forgotten."""
        row.deleted = now
        self.table.put(tx, scope, row)
        for old in list(self.table.scan(tx, scope)):
            if old.deleted and old.deleted <= now - KEPT:
                self.table.delete(tx, scope, old.id)

    def missing(self, identifiers: Sequence[str]) -> AwsError:
        return coded(self.absent, f"{self.noun} {', '.join(identifiers)} was deleted or does not exist.")


TRANSIT_GATEWAY: TransitKind[TransitGateway] = TransitKind(
    "transit-gateway",
    "tgw",
    Table("ec2.transit-gateway", TransitGateway, key=("id",)),
    "InvalidTransitGatewayID.NotFound",
    "Transit Gateway",
)
TRANSIT_ATTACHMENT: TransitKind[TransitAttachment] = TransitKind(
    "transit-gateway-attachment",
    "tgw-attach",
    Table("ec2.transit-gateway-attachment", TransitAttachment, key=("id",)),
    "InvalidTransitGatewayAttachmentID.NotFound",
    "Transit Gateway Attachment",
)
TRANSIT_TABLE: TransitKind[TransitRouteTable] = TransitKind(
    "transit-gateway-route-table",
    "tgw-rtb",
    Table("ec2.transit-gateway-route-table", TransitRouteTable, key=("id",)),
    "InvalidRouteTableID.NotFound",
    "Transit Gateway Route Table",
    "InvalidRouteTableId.Malformed",
)
CUSTOMER_GATEWAY: Kind[CustomerGateway] = Kind(
    "customer-gateway",
    "cgw",
    Table("ec2.customer-gateway", CustomerGateway, key=("id",)),
    "InvalidCustomerGatewayID.NotFound",
    "customerGateway ID",
    "InvalidCustomerGatewayId.Malformed",
)
VPN_GATEWAY: Kind[VpnGateway] = Kind(
    "vpn-gateway",
    "vgw",
    Table("ec2.vpn-gateway", VpnGateway, key=("id",)),
    "InvalidVpnGatewayID.NotFound",
    "vpnGateway ID",
    "InvalidVpnGatewayID.NotFound",
)
