"""What DescribeInstances can be asked for: every filter of EC2's reference, as a path into the instance as shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.services.ec2.filters import Filters

_NIC = "NetworkInterfaces"
_ADDRESS = f"{_NIC}.PrivateIpAddresses"
_CAPACITY = "CapacityReservationSpecification"

_INTERFACES = {
    "addresses.association.allocation-id": f"{_ADDRESS}.Association.AllocationId",
    "addresses.association.association-id": f"{_ADDRESS}.Association.AssociationId",
    "addresses.association.carrier-ip": f"{_ADDRESS}.Association.CarrierIp",
    "addresses.association.customer-owned-ip": f"{_ADDRESS}.Association.CustomerOwnedIp",
    "addresses.association.ip-owner-id": f"{_ADDRESS}.Association.IpOwnerId",
    "addresses.association.public-dns-name": f"{_ADDRESS}.Association.PublicDnsName",
    "addresses.association.public-ip": f"{_ADDRESS}.Association.PublicIp",
    "addresses.primary": f"{_ADDRESS}.Primary",
    "addresses.private-dns-name": f"{_ADDRESS}.PrivateDnsName",
    "addresses.private-ip-address": f"{_ADDRESS}.PrivateIpAddress",
    "association.allocation-id": f"{_NIC}.Association.AllocationId",
    "association.association-id": f"{_NIC}.Association.AssociationId",
    "association.carrier-ip": f"{_NIC}.Association.CarrierIp",
    "association.customer-owned-ip": f"{_NIC}.Association.CustomerOwnedIp",
    "association.ip-owner-id": f"{_NIC}.Association.IpOwnerId",
    "association.public-dns-name": f"{_NIC}.Association.PublicDnsName",
    "association.public-ip": f"{_NIC}.Association.PublicIp",
    "attachment.attach-time": f"{_NIC}.Attachment.AttachTime",
    "attachment.attachment-id": f"{_NIC}.Attachment.AttachmentId",
    "attachment.delete-on-termination": f"{_NIC}.Attachment.DeleteOnTermination",
    "attachment.device-index": f"{_NIC}.Attachment.DeviceIndex",
    "attachment.instance-id": "InstanceId",
    "attachment.instance-owner-id": "OwnerId",
    "attachment.network-card-index": f"{_NIC}.Attachment.NetworkCardIndex",
    "attachment.status": f"{_NIC}.Attachment.Status",
    "availability-zone": "Placement.AvailabilityZone",
    "deny-all-igw-traffic": f"{_NIC}.DenyAllIgwTraffic",
    "description": f"{_NIC}.Description",
    "group-id": f"{_NIC}.Groups.GroupId",
    "group-name": f"{_NIC}.Groups.GroupName",
    "ipv4-prefixes.ipv4-prefix": f"{_NIC}.Ipv4Prefixes.Ipv4Prefix",
    "ipv6-address": f"{_NIC}.Ipv6Addresses.Ipv6Address",
    "ipv6-addresses.ipv6-address": f"{_NIC}.Ipv6Addresses.Ipv6Address",
    "ipv6-addresses.is-primary-ipv6": f"{_NIC}.Ipv6Addresses.IsPrimaryIpv6",
    "ipv6-native": f"{_NIC}.Ipv6Native",
    "ipv6-prefixes.ipv6-prefix": f"{_NIC}.Ipv6Prefixes.Ipv6Prefix",
    "mac-address": f"{_NIC}.MacAddress",
    "network-interface-id": f"{_NIC}.NetworkInterfaceId",
    "operator.managed": f"{_NIC}.Operator.Managed",
    "operator.principal": f"{_NIC}.Operator.Principal",
    "outpost-arn": f"{_NIC}.OutpostArn",
    "owner-id": f"{_NIC}.OwnerId",
    "private-dns-name": f"{_NIC}.PrivateDnsName",
    "private-ip-address": f"{_NIC}.PrivateIpAddress",
    "public-dns-name": f"{_NIC}.Association.PublicDnsName",
    "requester-id": f"{_NIC}.RequesterId",
    "requester-managed": f"{_NIC}.RequesterManaged",
    "source-dest-check": f"{_NIC}.SourceDestCheck",
    "status": f"{_NIC}.Status",
    "subnet-id": f"{_NIC}.SubnetId",
    "tag-key": f"{_NIC}.TagSet.Key",
    "tag-value": f"{_NIC}.TagSet.Value",
    "vpc-id": f"{_NIC}.VpcId",
}

_METADATA: Filters = {
    "metadata-options.http-endpoint": "MetadataOptions.HttpEndpoint",
    "metadata-options.http-protocol-ipv4": lambda item: item["MetadataOptions"]["HttpEndpoint"],
    "metadata-options.http-protocol-ipv6": "MetadataOptions.HttpProtocolIpv6",
    "metadata-options.http-put-response-hop-limit": "MetadataOptions.HttpPutResponseHopLimit",
    "metadata-options.http-tokens": "MetadataOptions.HttpTokens",
    "metadata-options.instance-metadata-tags": "MetadataOptions.InstanceMetadataTags",
    "metadata-options.state": "MetadataOptions.State",
}


def _platform(item: Mapping[str, Any]) -> str | None:
    return str(item["Platform"]).lower() if item.get("Platform") else None


FILTERS: Filters = {
    **{f"network-interface.{name}": path for name, path in _INTERFACES.items()},
    **_METADATA,
    "affinity": "Placement.Affinity",
    "architecture": "Architecture",
    "availability-zone": "Placement.AvailabilityZone",
    "availability-zone-id": "Placement.AvailabilityZoneId",
    "block-device-mapping.attach-time": "BlockDeviceMappings.Ebs.AttachTime",
    "block-device-mapping.delete-on-termination": "BlockDeviceMappings.Ebs.DeleteOnTermination",
    "block-device-mapping.device-name": "BlockDeviceMappings.DeviceName",
    "block-device-mapping.status": "BlockDeviceMappings.Ebs.Status",
    "block-device-mapping.volume-id": "BlockDeviceMappings.Ebs.VolumeId",
    "boot-mode": "BootMode",
    "capacity-reservation-id": "CapacityReservationId",
    "capacity-reservation-specification.capacity-reservation-preference": f"{_CAPACITY}.CapacityReservationPreference",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id": (
        f"{_CAPACITY}.CapacityReservationTarget.CapacityReservationId"
    ),
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn": (
        f"{_CAPACITY}.CapacityReservationTarget.CapacityReservationResourceGroupArn"
    ),
    "client-token": "ClientToken",
    "current-instance-boot-mode": "CurrentInstanceBootMode",
    "dns-name": "PublicDnsName",
    "ebs-optimized": "EbsOptimized",
    "ena-support": "EnaSupport",
    "enclave-options.enabled": "EnclaveOptions.Enabled",
    "group-id": lambda item: [],  # groups of EC2-Classic, which nobody has any more
    "group-name": lambda item: [],
    "hibernation-options.configured": "HibernationOptions.Configured",
    "host-id": "Placement.HostId",
    "hypervisor": "Hypervisor",
    "iam-instance-profile.arn": "IamInstanceProfile.Arn",
    "iam-instance-profile.id": "IamInstanceProfile.Id",
    "iam-instance-profile.name": lambda item: str((item.get("IamInstanceProfile") or {}).get("Arn", "")).rpartition(
        "/"
    )[2],
    "image-id": "ImageId",
    "instance-id": "InstanceId",
    "instance-lifecycle": "InstanceLifecycle",
    "instance-state-code": "State.Code",
    "instance-state-name": "State.Name",
    "instance-type": "InstanceType",
    "instance.group-id": "SecurityGroups.GroupId",
    "instance.group-name": "SecurityGroups.GroupName",
    "ip-address": "PublicIpAddress",
    "ipv6-address": "Ipv6Address",
    "kernel-id": "KernelId",
    "key-name": "KeyName",
    "launch-index": "AmiLaunchIndex",
    "launch-time": "LaunchTime",
    "maintenance-options.auto-recovery": "MaintenanceOptions.AutoRecovery",
    "monitoring-state": "Monitoring.State",
    "network-performance-options.bandwidth-weighting": "NetworkPerformanceOptions.BandwidthWeighting",
    "operator.managed": "Operator.Managed",
    "operator.principal": "Operator.Principal",
    "outpost-arn": "OutpostArn",
    "owner-id": "OwnerId",
    "placement-group-name": "Placement.GroupName",
    "placement-partition-number": "Placement.PartitionNumber",
    "platform": _platform,
    "platform-details": "PlatformDetails",
    "private-dns-name": "PrivateDnsName",
    "private-dns-name-options.enable-resource-name-dns-a-record": "PrivateDnsNameOptions.EnableResourceNameDnsARecord",
    "private-dns-name-options.enable-resource-name-dns-aaaa-record": (
        "PrivateDnsNameOptions.EnableResourceNameDnsAAAARecord"
    ),
    "private-dns-name-options.hostname-type": "PrivateDnsNameOptions.HostnameType",
    "private-ip-address": "PrivateIpAddress",
    "product-code": "ProductCodes.ProductCodeId",
    "product-code.type": "ProductCodes.ProductCodeType",
    "ramdisk-id": "RamdiskId",
    "reason": "StateTransitionReason",
    "requester-id": "RequesterId",
    "reservation-id": "ReservationId",
    "root-device-name": "RootDeviceName",
    "root-device-type": "RootDeviceType",
    "source-dest-check": "SourceDestCheck",
    "spot-instance-request-id": "SpotInstanceRequestId",
    "state-reason-code": "StateReason.Code",
    "state-reason-message": "StateReason.Message",
    "subnet-id": "SubnetId",
    "tenancy": "Placement.Tenancy",
    "tpm-support": "TpmSupport",
    "usage-operation": "UsageOperation",
    "usage-operation-update-time": "UsageOperationUpdateTime",
    "virtualization-type": "VirtualizationType",
    "vpc-id": "VpcId",
}
"""Of an instance as `describing.describe` shows it, with its reservation's ReservationId, OwnerId and RequesterId."""
