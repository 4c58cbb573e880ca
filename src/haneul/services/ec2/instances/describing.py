"""Instances as answers show them: the row, its interfaces and its volumes, in AWS's shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from haneul.service import Scope
from haneul.services.ec2 import tagging
from haneul.services.ec2.instances.state import Instance
from haneul.services.ec2.volumes.state import VOLUME, Volume
from haneul.services.ec2.vpc.places import zone_id
from haneul.services.ec2.vpc.state import INTERFACE, NetworkInterface
from haneul.state.store import Reader

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


class Links:
    """What is attached to instances: found for one by its own rows, for many by reading each table once."""

    def __init__(self, tx: Reader, scope: Scope) -> None:
        self.tx = tx
        self.scope = scope
        self._interfaces: dict[str, list[NetworkInterface]] | None = None
        self._volumes: dict[str, list[tuple[str, Volume]]] | None = None

    def interfaces(self, instance: str) -> list[NetworkInterface]:
        """In the order of their device index."""
        if self._interfaces is None:
            self._interfaces = {}
            for one in INTERFACE.table.scan(self.tx, self.scope):
                if one.attachment.get("instance"):
                    self._interfaces.setdefault(one.attachment["instance"], []).append(one)
            for found in self._interfaces.values():
                found.sort(key=lambda one: (one.attachment.get("card", 0), one.attachment["index"]))
        return self._interfaces.get(instance, [])

    def volumes(self, instance: str) -> list[tuple[str, Volume]]:
        """(device, volume) in the order of devices."""
        if self._volumes is None:
            self._volumes = {}
            for one in VOLUME.table.scan(self.tx, self.scope):
                for holder, attachment in one.attachments.items():
                    self._volumes.setdefault(holder, []).append((attachment["device"], one))
            for found in self._volumes.values():
                found.sort(key=lambda pair: pair[0])
        return self._volumes.get(instance, [])


def state(name: str) -> dict[str, Any]:
    """An InstanceState."""
    return {"Code": CODES[name], "Name": name}


def describe(links: Links, row: Instance) -> dict[str, Any]:
    """An Instance. A terminated one has lost its network and volumes."""
    options = row.options
    lives = row.state != "terminated"
    shown: dict[str, Any] = {
        "InstanceId": row.id,
        "ImageId": row.image,
        "State": state(row.state),
        "InstanceType": row.type,
        "LaunchTime": row.launched,
        "AmiLaunchIndex": row.index,
        "ClientToken": row.client_token or None,
        "KeyName": row.key or None,
        "Placement": _placement(row),
        "Monitoring": {"State": "enabled" if options.get("Monitoring") else "disabled"},
        "Architecture": options.get("Architecture", "x86_64"),
        "RootDeviceName": row.root_device,
        "RootDeviceType": "ebs",
        "VirtualizationType": "hvm",
        "Hypervisor": "xen",
        "EnaSupport": True,
        "EbsOptimized": bool(options.get("EbsOptimized")),
        "PlatformDetails": options.get("PlatformDetails", "Linux/UNIX"),
        "UsageOperation": "RunInstances",
        "UsageOperationUpdateTime": row.created,
        "StateTransitionReason": row.transition,
        "StateReason": {"Code": row.reason[0], "Message": row.reason[1]} if row.reason[0] else None,
        "ProductCodes": [],
        "Tags": tagging.render(row.tags) or None,
        "InstanceLifecycle": options.get("Lifecycle"),
        "SpotInstanceRequestId": options.get("SpotRequest"),
        "BootMode": options.get("BootMode"),
        "CurrentInstanceBootMode": "legacy-bios" if lives else None,
        "CpuOptions": options.get("CpuOptions"),
        "CapacityReservationId": options.get("CapacityReservationId") if lives else None,
        "CapacityReservationSpecification": options.get("CapacityReservationSpecification")
        or {"CapacityReservationPreference": "open"},
        "HibernationOptions": {"Configured": False},
        "EnclaveOptions": {"Enabled": False},
        "MetadataOptions": options["MetadataOptions"],
        "MaintenanceOptions": options.get("MaintenanceOptions") or {"AutoRecovery": "default"},
        "NetworkPerformanceOptions": {"BandwidthWeighting": "default"},
        "Operator": {"Managed": False},
        "SecurityGroups": [],
        "NetworkInterfaces": [],
        "BlockDeviceMappings": [],
        "PrivateDnsName": "",
        "PublicDnsName": "",
    }
    if row.profile:
        shown["IamInstanceProfile"] = {"Arn": row.profile, "Id": options.get("ProfileId", "")}
    if lives:
        shown |= _attached(links, row)
    return shown


def _placement(row: Instance) -> dict[str, Any]:
    return {
        "GroupName": "",
        "Tenancy": "default",
        **(row.options.get("Placement") or {}),
        "AvailabilityZone": row.zone,
        "AvailabilityZoneId": zone_id(row.zone),
    }


def _attached(links: Links, row: Instance) -> dict[str, Any]:
    from haneul.services.ec2.vpc.interfaces import describe_for_instance

    nics = [describe_for_instance(links.tx, links.scope, one) for one in links.interfaces(row.id)]
    shown: dict[str, Any] = {
        "VpcId": row.vpc,
        "SubnetId": row.subnet,
        "NetworkInterfaces": nics,
        "BlockDeviceMappings": [_mapping(row.id, device, volume) for device, volume in links.volumes(row.id)],
        "PrivateDnsNameOptions": row.options.get("PrivateDnsNameOptions")
        or {"HostnameType": "ip-name", "EnableResourceNameDnsARecord": False, "EnableResourceNameDnsAAAARecord": False},
    }
    if nics:
        primary = nics[0]
        association: Mapping[str, Any] = primary.get("Association") or {}
        shown |= {
            "PrivateIpAddress": primary.get("PrivateIpAddress"),
            "PrivateDnsName": primary.get("PrivateDnsName") or "",
            "PublicIpAddress": association.get("PublicIp"),
            "PublicDnsName": association.get("PublicDnsName") or "",
            "SourceDestCheck": primary.get("SourceDestCheck", True),
            "SecurityGroups": list(primary.get("Groups") or ()),
        }
        six = primary.get("Ipv6Addresses") or ()
        if six:
            shown["Ipv6Address"] = six[0]["Ipv6Address"]
    return shown


def _mapping(instance: str, device: str, volume: Volume) -> dict[str, Any]:
    held = volume.attachments[instance]
    return {
        "DeviceName": device,
        "Ebs": {
            "VolumeId": volume.id,
            "Status": "attached" if held["state"] == "busy" else held["state"],
            "AttachTime": held["time"],
            "DeleteOnTermination": held["delete"],
        },
    }


def reservations(scope: Scope, shown: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Instances as `with_reservation` shows them, by what they were launched with, in the order of their indexes."""
    found: dict[str, dict[str, Any]] = {}
    for one in shown:
        instance = dict(one)
        reservation = instance.pop("ReservationId")
        requester = instance.pop("RequesterId", None)
        instance.pop("OwnerId")
        held = found.setdefault(
            reservation,
            {
                "ReservationId": reservation,
                "OwnerId": scope.account,
                "RequesterId": requester,
                "Groups": [],
                "Instances": [],
            },
        )
        held["Instances"].append(instance)
    for held in found.values():
        held["Instances"].sort(key=lambda one: one["AmiLaunchIndex"])
    return list(found.values())


def with_reservation(links: Links, row: Instance) -> dict[str, Any]:
    """An instance with what filters ask of its reservation."""
    return describe(links, row) | {
        "ReservationId": row.reservation,
        "OwnerId": links.scope.account,
        "RequesterId": row.options.get("Requester"),
    }


def moment(at: float) -> str:
    """A time as StateTransitionReason writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S GMT")
