"""Attribute-based selection: the instance types that meet InstanceRequirements. Price protection is the fleets' own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2.errors import mixed
from haneul.services.ec2.filters import pattern
from haneul.services.ec2.instances.types import InstanceType, all_types
from haneul.services.ec2.operations import operation

Requirements = Mapping[str, Any]
_MAKERS = {"intel": "Intel", "amd": "AMD", "amazon-web-services": "AWS", "apple": "Apple"}
_DEVICE_NAMES = {
    "Virtex UltraScale (VU9P)": "vu9p",
    "Virtex UltraScale+ (VU47P)": "vu47p",
    "Gaudi HL-205": "gaudi-hl-205",
}
_RANGES = ("Min", "Max")


@operation()
def get_instance_types_from_instance_requirements(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetInstanceTypesFromInstanceRequirements, by name; capacity and prices don't count."""
    found = matching(request["InstanceRequirements"], request["ArchitectureTypes"], request["VirtualizationTypes"])
    items = ((one.name, {"InstanceType": one.name}) for one in found)
    limit = request.get("MaxResults")
    return listing.paged(
        {**request, "MaxResults": limit or 1000, "Filters": None}, "InstanceTypes", items, {}, (1, 1000)
    )


def matching(
    wanted: Requirements, architectures: Iterable[str] = ("x86_64",), virtualization: Iterable[str] = ("hvm",)
) -> Iterator[InstanceType]:
    """The types that meet all of the requirements, in the order of names. Raises InvalidParameterCombination."""
    allowed, excluded = wanted.get("AllowedInstanceTypes"), wanted.get("ExcludedInstanceTypes")
    if allowed and excluded:
        raise mixed("You can't specify both AllowedInstanceTypes and ExcludedInstanceTypes.")
    architectures, virtualization = set(architectures), set(virtualization)
    for one in all_types():
        if not (_within(one.vcpus, wanted.get("VCpuCount")) and _within(one.memory, wanted.get("MemoryMiB"))):
            continue
        if not architectures & set(one.architectures):
            continue
        if not ("hvm" in virtualization or ("paravirtual" in virtualization and one.paravirtual)):
            continue
        if (allowed and not _named(one, allowed)) or (excluded and _named(one, excluded)):
            continue
        if _fits(one, wanted) and _stores(one, wanted) and _accelerates(one, wanted):
            yield one


def _named(one: InstanceType, wildcards: Iterable[str]) -> bool:
    return any(pattern(text).fullmatch(one.name) for text in wildcards)


def _fits(one: InstanceType, wanted: Requirements) -> bool:
    makers = {_MAKERS[name] for name in wanted.get("CpuManufacturers") or _MAKERS}
    generations = wanted.get("InstanceGenerations") or ("current", "previous")
    baseline = one.ebs[0] if one.ebs else 0
    return (
        _within(one.memory / 1024 / one.vcpus, wanted.get("MemoryGiBPerVCpu"))
        and one.maker in makers
        and ("current" if one.current else "previous") in generations
        and _admits(one.metal, wanted.get("BareMetal"), "excluded")
        and _admits(one.burstable or one.family == "t1", wanted.get("BurstablePerformance"), "excluded")
        and (one.hibernation or not wanted.get("RequireHibernateSupport"))
        and (one.transit or not wanted.get("RequireEncryptionInTransit"))
        and _within(one.interfaces, wanted.get("NetworkInterfaceCount"))
        and _within(one.baseline, wanted.get("NetworkBandwidthGbps"))
        and _within(baseline, wanted.get("BaselineEbsBandwidthMbps"))
    )


def _stores(one: InstanceType, wanted: Requirements) -> bool:
    kinds = {kind for _, _, kind in one.disks}
    types = wanted.get("LocalStorageTypes")
    return (
        _admits(bool(one.disks), wanted.get("LocalStorage"), "included")
        and (not types or not kinds or bool(kinds & set(types)))
        and _within(one.storage, wanted.get("TotalLocalStorageGB"))
    )


def _accelerates(one: InstanceType, wanted: Requirements) -> bool:
    devices = list(_devices(one))
    types, names = wanted.get("AcceleratorTypes"), wanted.get("AcceleratorNames")
    makers = wanted.get("AcceleratorManufacturers")
    return (
        (not types or any(device[0] in types for device in devices))
        and (not makers or any(device[1] in makers for device in devices))
        and (not names or any(device[2] in names for device in devices))
        and _within(sum(device[3] for device in devices), wanted.get("AcceleratorCount"))
        and _within(sum(device[4] for device in devices), wanted.get("AcceleratorTotalMemoryMiB"))
    )


def _devices(one: InstanceType) -> Iterator[tuple[str, str, str, int, int]]:
    """Accelerators as (type, manufacturer, name, how many, MiB of all), in the words of requirements."""
    if one.gpus:
        maker, name, _, memory, logical, *_ = one.gpus
        yield "gpu", _maker(maker), _device(name), logical, logical * memory
    for kind, found in (("fpga", one.fpgas), ("inference", one.inference), ("media", one.media)):
        if found:
            maker, name, count, memory = found
            yield kind, _maker(maker), _device(name), count, count * memory
    if one.neuron and not one.inference:
        name, count, memory, _, _ = one.neuron
        yield "inference", "amazon-web-services", _device(name), count, count * memory


def _maker(name: str) -> str:
    return "amazon-web-services" if name == "AWS" else name.lower()


def _device(name: str) -> str:
    return _DEVICE_NAMES.get(name) or name.lower().replace(" ", "-")


def _within(value: float, bounds: Mapping[str, float] | None) -> bool:
    least, most = ((bounds or {}).get(end) for end in _RANGES)
    return (least is None or value >= least) and (most is None or value <= most)


def _admits(has: bool, asked: str | None, default: str) -> bool:
    """included, excluded or required."""
    return {"included": True, "excluded": not has, "required": has}[asked or default]
