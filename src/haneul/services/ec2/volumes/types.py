"""Volume types: sizes, IOPS and throughput that AWS gives each, and its words when they are out of bounds.

Source: EC2's API reference, CreateVolume; EBS' user guide, "Amazon EBS volume types".
"""

from __future__ import annotations

from typing import NamedTuple

from haneul.services.ec2.errors import invalid, missing, mixed


class VolumeType(NamedTuple):
    """size in GiB, iops and throughput (MiB/s) as (least, most); ratio: most IOPS of each GiB;
    (0, 0): not to be chosen."""

    size: tuple[int, int]
    iops: tuple[int, int] = (0, 0)
    throughput: tuple[int, int] = (0, 0)
    ratio: int = 0


TYPES = {
    "gp2": VolumeType((1, 16384)),
    "gp3": VolumeType((1, 65536), (3000, 80000), (125, 2000), 500),
    "io1": VolumeType((4, 16384), (100, 64000), ratio=50),
    "io2": VolumeType((4, 65536), (100, 256000), ratio=1000),
    "st1": VolumeType((125, 16384)),
    "sc1": VolumeType((125, 16384)),
    "standard": VolumeType((1, 1024)),
}
MULTI_ATTACH = ("io1", "io2")


def settle(kind: str, size: int, iops: int | None, throughput: int | None) -> tuple[int, int]:
    """The (IOPS, throughput) that a volume gets; 0 where AWS tells none. Raises InvalidParameterValue,
    InvalidParameterCombination, MissingParameter."""
    rules = TYPES.get(kind)
    if rules is None:
        raise invalid(f"Invalid volume type: {kind}")
    _size(kind, size, rules)
    if iops is not None and not rules.iops[1]:
        raise mixed(f"The parameter iops is not supported for {kind} volumes.")
    if throughput is not None and not rules.throughput[1]:
        raise mixed(f"The parameter throughput is not supported for {kind} volumes.")
    if kind == "gp2":
        return max(100, min(3 * size, 16000)), 0
    if not rules.iops[1]:
        return 0, 0
    if iops is None:
        if kind != "gp3":
            raise missing("iops")
        iops = 3000
    _iops(kind, size, iops, rules)
    if kind != "gp3":
        return iops, 0
    throughput = 125 if throughput is None else throughput
    _throughput(iops, throughput, rules)
    return iops, throughput


def _size(kind: str, size: int, rules: VolumeType) -> None:
    least, most = rules.size
    if size < least:
        raise invalid(f"Volume of {size}GiB is too small; minimum is {least}GiB for volume type {kind}.")
    if size > most:
        raise invalid(f"Volume of {size}GiB is too large for volume type {kind}; maximum is {most}GiB.")


def _iops(kind: str, size: int, iops: int, rules: VolumeType) -> None:
    least, most = rules.iops
    if iops < least:
        raise invalid(f"Volume iops of {iops} is too low; minimum is {least}.")
    if iops > most:
        raise invalid(f"Volume iops of {iops} is too high; maximum is {most}.")
    if iops > max(rules.ratio * size, least):
        raise mixed(f"Iops to volume size ratio of {iops / size:.6f} is too high; maximum is {rules.ratio}.")


def _throughput(iops: int, throughput: int, rules: VolumeType) -> None:
    least, most = rules.throughput
    if throughput < least:
        raise invalid(f"Throughput of {throughput} MiB/s is too low; minimum is {least} MiB/s.")
    if throughput > most:
        raise invalid(f"Throughput of {throughput} MiB/s is too high; maximum is {most} MiB/s.")
    if throughput > iops / 4:
        raise mixed(f"Throughput (MiBps) to iops ratio of {throughput / iops:.6f} is too high; maximum is 0.25.")
