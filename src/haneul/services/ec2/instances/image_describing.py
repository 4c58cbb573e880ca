"""Images as every answer shows them, and what DescribeImages filters by."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from haneul.service import Scope
from haneul.services.ec2 import tagging
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.instances import image_builtin
from haneul.services.ec2.instances.state import Image

_TOLD = (
    "BootMode", "DeprecationTime", "DeregistrationProtection", "ImdsSupport", "KernelId", "LastLaunchedTime",
    "Platform", "PublicSsmParameterName", "RamdiskId", "SourceImageId", "SourceImageRegion", "SourceInstanceId",
    "SriovNetSupport", "StateReason", "TpmSupport",
)  # fmt: skip
_OWNERS = ("DeregistrationProtection", "LastLaunchedTime", "SourceInstanceId")
FILTERS: Filters = {
    "architecture": "Architecture",
    "block-device-mapping.delete-on-termination": "BlockDeviceMappings.Ebs.DeleteOnTermination",
    "block-device-mapping.device-name": "BlockDeviceMappings.DeviceName",
    "block-device-mapping.encrypted": "BlockDeviceMappings.Ebs.Encrypted",
    "block-device-mapping.snapshot-id": "BlockDeviceMappings.Ebs.SnapshotId",
    "block-device-mapping.volume-size": "BlockDeviceMappings.Ebs.VolumeSize",
    "block-device-mapping.volume-type": "BlockDeviceMappings.Ebs.VolumeType",
    "boot-mode": "BootMode",
    "creation-date": "CreationDate",
    "description": "Description",
    "ena-support": "EnaSupport",
    "free-tier-eligible": "FreeTierEligible",
    "hypervisor": "Hypervisor",
    "image-allowed": "ImageAllowed",
    "image-id": "ImageId",
    "image-type": "ImageType",
    "image-watermark.source-image-creation-time": "ImageWatermarks.SourceImageCreationTime",
    "image-watermark.source-image-id": "ImageWatermarks.SourceImageId",
    "image-watermark.source-image-region": "ImageWatermarks.SourceImageRegion",
    "image-watermark.watermark-creation-time": "ImageWatermarks.WatermarkCreationTime",
    "image-watermark.watermark-key": "ImageWatermarks.WatermarkKey",
    "instance-type-specification.supported-instance-type": "InstanceTypeSpecification.SupportedInstanceTypes",
    "instance-type-specification.unsupported-instance-type": "InstanceTypeSpecification.UnsupportedInstanceTypes",
    "is-public": "Public",
    "kernel-id": "KernelId",
    "manifest-location": "ImageLocation",
    "name": "Name",
    "owner-alias": "ImageOwnerAlias",
    "owner-id": "OwnerId",
    "platform": "Platform",
    "product-code": "ProductCodes.ProductCodeId",
    "product-code.type": "ProductCodes.ProductCodeType",
    "public-ssm-parameter-name": "PublicSsmParameterName",
    "ramdisk-id": "RamdiskId",
    "root-device-name": "RootDeviceName",
    "root-device-type": "RootDeviceType",
    "scan-result.critical-fix-available-since": "ScanResults.CriticalFixAvailableSince",
    "scan-result.finding-scan-date": "ScanResults.FindingScanDate",
    "scan-result.high-fix-available-since": "ScanResults.HighFixAvailableSince",
    "scan-result.highest-finding-severity-label": "ScanResults.HighestFindingSeverityLabel",
    "scan-result.informational-fix-available-since": "ScanResults.InformationalFixAvailableSince",
    "scan-result.low-fix-available-since": "ScanResults.LowFixAvailableSince",
    "scan-result.medium-fix-available-since": "ScanResults.MediumFixAvailableSince",
    "source-image-id": "SourceImageId",
    "source-image-region": "SourceImageRegion",
    "source-instance-id": "SourceInstanceId",
    "sriov-net-support": "SriovNetSupport",
    "state": "State",
    "state-reason-code": "StateReason.Code",
    "state-reason-message": "StateReason.Message",
    "virtualization-type": "VirtualizationType",
}


def describe(scope: Scope, row: Image, *, mine: bool = True) -> dict[str, Any]:
    """An image of an account, as DescribeImages shows it. mine: to its owner, who alone sees its tags and more."""
    amazon = scope.account == image_builtin.OWNER
    shown: dict[str, Any] = {
        "ImageId": row.id,
        "Name": row.name,
        "ImageLocation": f"{scope.account}/{row.name}",
        "ImageType": "machine",
        "State": row.state,
        "OwnerId": owner_of(scope),
        "CreationDate": moment(row.created),
        "Description": row.description or None,
        "Public": "all" in row.shared,
        "ProductCodes": [],
        "Architecture": row.architecture,
        "PlatformDetails": row.options.get("PlatformDetails", "Linux/UNIX"),
        "UsageOperation": row.options.get("UsageOperation", "RunInstances"),
        "EnaSupport": bool(row.options.get("EnaSupport", amazon)),
        "Hypervisor": "xen",
        "RootDeviceName": row.root_device,
        "RootDeviceType": "ebs",
        "VirtualizationType": row.options.get("VirtualizationType", "hvm"),
        "BlockDeviceMappings": row.mappings,
        "FreeTierEligible": amazon,
        "ImageAllowed": True,
        "Tags": tagging.render(row.tags),
    }
    if amazon:
        shown["ImageOwnerAlias"] = "amazon"
    shown |= {name: row.options[name] for name in _TOLD if row.options.get(name)}
    if not mine:
        shown |= {"Tags": []} | dict.fromkeys(_OWNERS)
    return {name: value for name, value in shown.items() if value is not None}


def owner_of(scope: Scope) -> str:
    """The owner's account id."""
    return image_builtin.OWNER_ID if scope.account == image_builtin.OWNER else scope.account


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def is_deprecated(row: Image, now: float) -> bool:
    """Whether its time of deprecation has come."""
    return float(row.options.get("DeprecatedAt", now + 1)) <= now
