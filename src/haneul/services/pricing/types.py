"""What instance types are, in the price list's attributes: asked of EC2 once, and kept as long as the cloud runs."""

from __future__ import annotations

from typing import Any

from haneul.service import Call
from haneul.services.pricing.desk import Desk
from haneul.wire.errors import AwsError

Types = dict[str, dict[str, str]]
_FAMILIES = {
    "a": "General purpose",
    "m": "General purpose",
    "t": "General purpose",
    "mac": "General purpose",
    "c": "Compute optimized",
    "hpc": "Compute optimized",
    "r": "Memory optimized",
    "u": "Memory optimized",
    "x": "Memory optimized",
    "z": "Memory optimized",
    "d": "Storage optimized",
    "h": "Storage optimized",
    "i": "Storage optimized",
    "im": "Storage optimized",
    "is": "Storage optimized",
}


async def types_of(call: Call) -> Types:
    """Every instance type that EC2 knows -> its attributes. Empty while EC2 isn't part of the cloud."""
    desk: Desk = call.cloud.planes["pricing"]
    kept = desk.types
    if kept:
        return kept
    found: Types = {}
    asked: dict[str, Any] = {}
    while True:
        try:
            page = await call.invoke("ec2", "DescribeInstanceTypes", asked)
        except AwsError:
            return {}
        for one in page["InstanceTypes"]:
            found[one["InstanceType"]] = _attributes(one)
        if not page.get("NextToken"):
            break
        asked = {"NextToken": page["NextToken"]}
    kept.update(found)
    return kept


def _attributes(one: dict[str, Any]) -> dict[str, str]:
    name: str = one["InstanceType"]
    letters = name[: next((at for at, letter in enumerate(name) if not letter.isalpha()), len(name))]
    cores = one.get("VCpuInfo") or {}
    memory = (one.get("MemoryInfo") or {}).get("SizeInMiB", 0) / 1024
    processor = one.get("ProcessorInfo") or {}
    shown = {
        "instanceFamily": _FAMILIES.get(letters, "GPU instance"),
        "vcpu": str(cores.get("DefaultVCpus", "")),
        "memory": f"{memory:g} GiB",
        "currentGeneration": "Yes" if one.get("CurrentGeneration") else "No",
        "physicalProcessor": processor.get("Manufacturer", ""),
        "processorArchitecture": "64-bit",
        "networkPerformance": (one.get("NetworkInfo") or {}).get("NetworkPerformance", ""),
        "storage": "EBS only" if not one.get("InstanceStorageSupported") else _disks(one),
    }
    return {key: value for key, value in shown.items() if value}


def _disks(one: dict[str, Any]) -> str:
    disks = (one.get("InstanceStorageInfo") or {}).get("Disks") or []
    return " + ".join(
        f"{disk.get('Count', 1)} x {disk.get('SizeInGB', 0)} {disk.get('Type', '').upper()}" for disk in disks
    )
