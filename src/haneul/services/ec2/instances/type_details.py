"""An instance type as DescribeInstanceTypes shows it (InstanceTypeInfo), and what its filters look at."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from haneul.services.ec2.filters import Filters, texts
from haneul.services.ec2.instances.types import InstanceType, spec

Details = Mapping[str, Any]


@lru_cache(maxsize=4096)
def details(name: str) -> Details:
    """InstanceTypeInfo of a type."""
    one = spec(name)
    shown = {
        "InstanceType": one.name,
        "CurrentGeneration": one.current,
        "FreeTierEligible": one.free,
        "SupportedUsageClasses": list(one.usage),
        "SupportedRootDeviceTypes": ["ebs", "instance-store"] if one.store_root else ["ebs"],
        "SupportedVirtualizationTypes": ["hvm", "paravirtual"] if one.paravirtual else ["hvm"],
        "BareMetal": one.metal,
        "Hypervisor": None if one.metal else one.hypervisor,
        "ProcessorInfo": {
            "SupportedArchitectures": list(one.architectures),
            "SustainedClockSpeedInGhz": one.clock or None,
            "SupportedFeatures": list(one.features) or None,
            "Manufacturer": one.maker,
        },
        "VCpuInfo": _vcpus(one),
        "MemoryInfo": {"SizeInMiB": one.memory},
        "InstanceStorageSupported": bool(one.disks),
        "InstanceStorageInfo": _storage(one),
        "EbsInfo": _ebs(one),
        "NetworkInfo": _network(one),
        "PlacementGroupInfo": {"SupportedStrategies": [*(["cluster"] if one.cluster else []), "partition", "spread"]},
        "HibernationSupported": one.hibernation,
        "BurstablePerformanceSupported": one.burstable,
        "DedicatedHostsSupported": one.hosts,
        "AutoRecoverySupported": one.recovery,
        "SupportedBootModes": list(one.boot),
        "NitroEnclavesSupport": _support(one.enclaves),
        "NitroTpmSupport": _support(one.tpm),
        "NitroTpmInfo": {"SupportedVersions": ["2.0"]} if one.tpm else None,
        "PhcSupport": _support(one.phc),
        "RebootMigrationSupport": _support(one.migration),
        "SupportedInRegion": True,
        **_accelerators(one),
    }
    return {key: value for key, value in shown.items() if value is not None}


def _support(supported: bool) -> str:
    return "supported" if supported else "unsupported"


def _vcpus(one: InstanceType) -> Details:
    shown: dict[str, Any] = {
        "DefaultVCpus": one.vcpus,
        "DefaultCores": one.cores,
        "DefaultThreadsPerCore": one.threads,
    }
    if one.valid_cores:
        shown["ValidCores"] = list(one.valid_cores)
        shown["ValidThreadsPerCore"] = [1, 2] if one.threads == 2 else [1]
    return shown


def _storage(one: InstanceType) -> Details | None:
    if not one.disks:
        return None
    return {
        "TotalSizeInGB": one.storage,
        "Disks": [{"SizeInGB": size, "Count": count, "Type": type} for count, size, type in one.disks],
        "NvmeSupport": one.disk_nvme,
        "EncryptionSupport": one.disk_encryption,
    }


def _ebs(one: InstanceType) -> Details:
    shown: dict[str, Any] = {
        "EbsOptimizedSupport": one.ebs_optimized,
        "EncryptionSupport": "supported",
        "NvmeSupport": one.ebs_nvme,
        "MaximumEbsAttachments": one.attachments,
        "AttachmentLimitType": one.attachment_limit,
    }
    if one.ebs:
        shown["EbsOptimizedInfo"] = _bandwidth(one.ebs)
        if one.ebs_cards > 1:
            part = _bandwidth([value // one.ebs_cards for value in one.ebs])
            shown["MaximumEbsCards"] = one.ebs_cards
            shown["EbsCards"] = [{"EbsCardIndex": index, **part} for index in range(one.ebs_cards)]
    return shown


def _bandwidth(figures: Sequence[int]) -> Details:
    baseline, most, baseline_iops, most_iops = figures
    return {
        "BaselineBandwidthInMbps": baseline,
        "BaselineThroughputInMBps": baseline / 8,
        "BaselineIops": baseline_iops,
        "MaximumBandwidthInMbps": most,
        "MaximumThroughputInMBps": most / 8,
        "MaximumIops": most_iops,
    }


def _network(one: InstanceType) -> Details:
    cards = _cards(one)
    return {
        "NetworkPerformance": one.network,
        "MaximumNetworkInterfaces": sum(card["MaximumNetworkInterfaces"] for card in cards),
        "MaximumNetworkCards": len(cards),
        "DefaultNetworkCardIndex": 0,
        "NetworkCards": cards,
        "Ipv4AddressesPerInterface": one.addresses,
        "Ipv6AddressesPerInterface": one.addresses if one.six is None else one.six,
        "Ipv6Supported": one.six != 0,
        "EnaSupport": one.ena,
        "EfaSupported": bool(one.efa),
        "EfaInfo": {"MaximumEfaInterfaces": one.efa} if one.efa else None,
        "EncryptionInTransitSupported": one.transit,
        "EnaSrdSupported": one.srd,
        "BandwidthWeightings": ["default", "vpc-1", "ebs-1"] if one.weightings else None,
        "FlexibleEnaQueuesSupport": _support(one.flexible),
        "ConnectionTrackingConfiguration": {
            "DefaultTcpEstablishedTimeout": one.tracking,
            "DefaultUdpTimeout": 30,
            "DefaultUdpStreamTimeout": 180,
        },
        "SecondaryNetworkSupported": False,
    }


def _cards(one: InstanceType) -> list[dict[str, Any]]:
    runs = one.cards or [(1, one.network, one.baseline, one.interfaces)]
    found: list[dict[str, Any]] = []
    for count, performance, baseline, interfaces in runs:
        for _ in range(count):
            peak = _peak(performance) if one.cards or one.peak is None else one.peak
            found.append(
                {
                    "NetworkCardIndex": len(found),
                    "NetworkPerformance": performance,
                    "MaximumNetworkInterfaces": interfaces,
                    "BaselineBandwidthInGbps": baseline,
                    "PeakBandwidthInGbps": peak or baseline,
                    "DefaultEnaQueueCountPerInterface": one.queues,
                    "InterfaceTypes": ["interface", "efa", "efa-only"] if one.efa else ["interface"],
                }
            )
    return found


def _peak(performance: str) -> float | None:
    """Gbps in words like "Up to 12.5 Gigabit" or "450 Megabit"."""
    number = re.search(r"([\d.]+) (Gigabit|Megabit)", performance)
    return None if number is None else float(number[1]) / (1 if number[2] == "Gigabit" else 1000)


def _accelerators(one: InstanceType) -> dict[str, Details | None]:
    return {
        "GpuInfo": _gpus(one.gpus),
        "FpgaInfo": _devices(one.fpgas, "Fpgas", "TotalFpgaMemoryInMiB"),
        "InferenceAcceleratorInfo": _devices(one.inference, "Accelerators", "TotalInferenceMemoryInMiB"),
        "MediaAcceleratorInfo": _devices(one.media, "Accelerators", "TotalMediaMemoryInMiB"),
        "NeuronInfo": _neuron(one.neuron),
    }


def _gpus(found: Sequence[Any] | None) -> Details | None:
    if found is None:
        return None
    maker, name, count, memory, logical, part, workloads = found
    gpu = {
        "Name": name,
        "Manufacturer": maker,
        "Count": count,
        "LogicalGpuCount": logical,
        "GpuPartitionSize": float(part),
        "Workloads": list(workloads),
        "MemoryInfo": {"SizeInMiB": memory},
    }
    return {"Gpus": [gpu], "TotalGpuMemoryInMiB": logical * memory}


def _devices(found: Sequence[Any] | None, member: str, total: str) -> Details | None:
    if found is None:
        return None
    maker, name, count, memory = found
    device = {"Name": name, "Manufacturer": maker, "Count": count, "MemoryInfo": {"SizeInMiB": memory}}
    return {member: [device], total: count * memory}


def _neuron(found: Sequence[Any] | None) -> Details | None:
    if found is None:
        return None
    name, count, memory, cores, version = found
    device = {
        "Name": name,
        "Count": count,
        "CoreInfo": {"Count": cores, "Version": version},
        "MemoryInfo": {"SizeInMiB": memory},
    }
    return {"NeuronDevices": [device], "TotalNeuronDeviceMemoryInMiB": count * memory}


def _number(path: str) -> Callable[[Details], list[str]]:
    """A path to decimal numbers, which filters would take for times otherwise."""

    def read(item: Details) -> list[str]:
        value: Any = item
        for step in path.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        return [] if value is None else list({f"{value:g}", str(value)})

    return read


def _threads(item: Details) -> list[str]:
    """Each number of threads alone, and all together ("1,2")."""
    found = list(texts(item, "VCpuInfo.ValidThreadsPerCore"))
    return [*found, ",".join(found)]


_OPTIMIZED = "EbsInfo.EbsOptimizedInfo"
FILTERS: Filters = {
    "auto-recovery-supported": "AutoRecoverySupported",
    "bare-metal": "BareMetal",
    "burstable-performance-supported": "BurstablePerformanceSupported",
    "current-generation": "CurrentGeneration",
    "dedicated-hosts-supported": "DedicatedHostsSupported",
    "ebs-info.attachment-limit-type": "EbsInfo.AttachmentLimitType",
    "ebs-info.maximum-ebs-attachments": "EbsInfo.MaximumEbsAttachments",
    "ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps": f"{_OPTIMIZED}.BaselineBandwidthInMbps",
    "ebs-info.ebs-optimized-info.baseline-iops": f"{_OPTIMIZED}.BaselineIops",
    "ebs-info.ebs-optimized-info.baseline-throughput-in-mbps": _number(f"{_OPTIMIZED}.BaselineThroughputInMBps"),
    "ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps": f"{_OPTIMIZED}.MaximumBandwidthInMbps",
    "ebs-info.ebs-optimized-info.maximum-iops": f"{_OPTIMIZED}.MaximumIops",
    "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps": _number(f"{_OPTIMIZED}.MaximumThroughputInMBps"),
    "ebs-info.ebs-optimized-support": "EbsInfo.EbsOptimizedSupport",
    "ebs-info.encryption-support": "EbsInfo.EncryptionSupport",
    "ebs-info.nvme-support": "EbsInfo.NvmeSupport",
    "free-tier-eligible": "FreeTierEligible",
    "hibernation-supported": "HibernationSupported",
    "hypervisor": "Hypervisor",
    "instance-storage-info.disk.count": "InstanceStorageInfo.Disks.Count",
    "instance-storage-info.disk.size-in-gb": "InstanceStorageInfo.Disks.SizeInGB",
    "instance-storage-info.disk.type": "InstanceStorageInfo.Disks.Type",
    "instance-storage-info.encryption-support": "InstanceStorageInfo.EncryptionSupport",
    "instance-storage-info.nvme-support": "InstanceStorageInfo.NvmeSupport",
    "instance-storage-info.total-size-in-gb": "InstanceStorageInfo.TotalSizeInGB",
    "instance-storage-supported": "InstanceStorageSupported",
    "instance-type": "InstanceType",
    "memory-info.size-in-mib": "MemoryInfo.SizeInMiB",
    "network-info.bandwidth-weightings": "NetworkInfo.BandwidthWeightings",
    "network-info.efa-info.maximum-efa-interfaces": "NetworkInfo.EfaInfo.MaximumEfaInterfaces",
    "network-info.efa-supported": "NetworkInfo.EfaSupported",
    "network-info.ena-support": "NetworkInfo.EnaSupport",
    "network-info.flexible-ena-queues-support": "NetworkInfo.FlexibleEnaQueuesSupport",
    "network-info.encryption-in-transit-supported": "NetworkInfo.EncryptionInTransitSupported",
    "network-info.ipv4-addresses-per-interface": "NetworkInfo.Ipv4AddressesPerInterface",
    "network-info.ipv6-addresses-per-interface": "NetworkInfo.Ipv6AddressesPerInterface",
    "network-info.ipv6-supported": "NetworkInfo.Ipv6Supported",
    "network-info.maximum-network-cards": "NetworkInfo.MaximumNetworkCards",
    "network-info.maximum-network-interfaces": "NetworkInfo.MaximumNetworkInterfaces",
    "network-info.network-performance": "NetworkInfo.NetworkPerformance",
    "nitro-enclaves-support": "NitroEnclavesSupport",
    "nitro-tpm-support": "NitroTpmSupport",
    "nitro-tpm-info.supported-versions": "NitroTpmInfo.SupportedVersions",
    "processor-info.supported-architecture": "ProcessorInfo.SupportedArchitectures",
    "processor-info.sustained-clock-speed-in-ghz": _number("ProcessorInfo.SustainedClockSpeedInGhz"),
    "processor-info.supported-features": "ProcessorInfo.SupportedFeatures",
    "reboot-migration-support": "RebootMigrationSupport",
    "supported-boot-mode": "SupportedBootModes",
    "supported-root-device-type": "SupportedRootDeviceTypes",
    "supported-usage-class": "SupportedUsageClasses",
    "supported-virtualization-type": "SupportedVirtualizationTypes",
    "vcpu-info.default-cores": "VCpuInfo.DefaultCores",
    "vcpu-info.default-threads-per-core": "VCpuInfo.DefaultThreadsPerCore",
    "vcpu-info.default-vcpus": "VCpuInfo.DefaultVCpus",
    "vcpu-info.valid-cores": "VCpuInfo.ValidCores",
    "vcpu-info.valid-threads-per-core": _threads,
}
