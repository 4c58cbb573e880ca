"""Instance types: what AWS publishes of each, as data.

type_data.json has a family's columns: one value for all of its sizes, or values by size ("metal" for every bare metal
one, "*" for the others). A family is like another one but for what it says itself; what follows from the size (vCPUs)
or from another column (throughput from bandwidth) is calculated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgspec
import orjson

from haneul.services.ec2.errors import invalid

_DATA = Path(__file__).with_name("type_data.json")
_SIZES = {"medium": 1, "large": 2, "xlarge": 4}
_METAL, _REST = "metal", "*"
_OWN = ("like", "sizes", "gib", "memory", "vcpus", "cores", "architectures", "features", "usage", "boot")
"""Columns that don't become members as they stand."""


class InstanceType(msgspec.Struct, frozen=True, kw_only=True):
    """memory: MiB. clock: GHz, 0 if untold. cores: the number of cores; valid_cores: those that CpuOptions may ask for,
    none where it can't ask. baseline, peak: Gbps, of the first network card. interfaces, addresses, six: how many
    network interfaces (on all cards), IPv4 and IPv6 addresses on each. ebs: baseline and maximum Mbps, baseline and
    maximum IOPS; none where EBS has no bandwidth of its own. disks: (count, GB, hdd or ssd). gpus, fpgas, inference,
    media, neuron: accelerators, as type_data.json has them."""

    name: str
    vcpus: int
    memory: int
    cores: int
    threads: int = 2
    valid_cores: tuple[int, ...] = ()
    architectures: tuple[str, ...] = ("x86_64",)
    maker: str = "Intel"
    clock: float = 0
    features: tuple[str, ...] = ()
    current: bool = True
    free: bool = False
    usage: tuple[str, ...] = ("on-demand", "spot")
    store_root: bool = False
    paravirtual: bool = False
    hypervisor: str = "nitro"
    boot: tuple[str, ...] = ("legacy-bios", "uefi")
    network: str = "Up to 10 Gigabit"
    baseline: float = 0
    peak: float | None = None
    interfaces: int = 2
    addresses: int = 2
    six: int | None = None
    cards: Sequence[Sequence[Any]] | None = None
    """Where there are several network cards: (how many, performance, baseline, interfaces)."""
    queues: int = 8
    ena: str = "required"
    efa: int = 0
    srd: bool = False
    transit: bool = True
    flexible: bool = False
    weightings: bool = False
    tracking: int = 432000
    """Seconds for which an established TCP connection that is silent is tracked."""
    ebs: Sequence[int] | None = None
    ebs_optimized: str = "default"
    ebs_nvme: str = "required"
    ebs_cards: int = 1
    attachments: int = 27
    attachment_limit: str = "shared"
    disks: Sequence[Sequence[Any]] = ()
    disk_nvme: str = "required"
    disk_encryption: str = "required"
    gpus: Sequence[Any] | None = None
    fpgas: Sequence[Any] | None = None
    inference: Sequence[Any] | None = None
    media: Sequence[Any] | None = None
    neuron: Sequence[Any] | None = None
    hibernation: bool = False
    burstable: bool = False
    hosts: bool = True
    recovery: bool = False
    cluster: bool = True
    enclaves: bool = False
    tpm: bool = True
    phc: bool = False
    migration: bool = False

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]

    @property
    def size(self) -> str:
        return self.name.partition(".")[2]

    @property
    def metal(self) -> bool:
        return self.size.startswith(_METAL)

    @property
    def storage(self) -> int:
        """GB of instance store."""
        return sum(count * size for count, size, _ in self.disks)


@lru_cache(maxsize=4096)
def spec(name: str) -> InstanceType:
    """The type of a name. Raises InvalidParameterValue."""
    family, _, size = name.partition(".")
    found = _families().get(family)
    if found is None or size not in found["sizes"].split():
        raise invalid(f"Invalid value '{name}' for InstanceType.")
    return _made(family, size)


@cache
def names() -> tuple[str, ...]:
    """Every type's name, sorted."""
    return tuple(sorted(f"{family}.{size}" for family, found in _families().items() for size in found["sizes"].split()))


def all_types() -> Iterator[InstanceType]:
    """Every type, in the order of names."""
    return (spec(name) for name in names())


@cache
def _families() -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = orjson.loads(_DATA.read_bytes())["families"]
    return found


@cache
def _columns(family: str) -> Mapping[str, Any]:
    """All that is said of a family: by itself, or by what it is like."""
    own = _families()[family]
    return {**_columns(own["like"]), **own} if "like" in own else own


def _column(family: str, name: str, size: str) -> Any:
    """What a column says of a size; None where nothing is said."""
    return _of_size(_columns(family).get(name), size)


def _of_size(value: Any, size: str) -> Any:
    if not isinstance(value, dict):
        return value
    if size in value:
        return value[size]
    if size.startswith(_METAL) and _METAL in value:
        return value[_METAL]
    return value.get(_REST)


def _made(family: str, size: str) -> InstanceType:
    members = {name: _of_size(value, size) for name, value in _columns(family).items() if name not in _OWN}
    members |= {
        name: tuple(value.split())
        for name in ("architectures", "features", "usage", "boot")
        if (value := _column(family, name, size)) is not None
    }
    vcpus = _column(family, "vcpus", size) or _vcpus(size)
    memory = _column(family, "memory", size) or round(_column(family, "gib", size) * 1024 * vcpus)
    cores = vcpus // (members.get("threads") or 2)
    given = {name: value for name, value in members.items() if value is not None}
    return InstanceType(
        name=f"{family}.{size}",
        vcpus=vcpus,
        memory=memory,
        cores=cores,
        valid_cores=_valid_cores(_column(family, "cores", size) or "each", cores),
        **given,
    )


def _vcpus(size: str) -> int:
    """What most sizes' names tell: 4xlarge is 16 vCPUs, metal-24xl 96."""
    number = re.match(r"(?:metal-)?(\d+)xl", size)
    return int(number[1]) * 4 if number else _SIZES[size]


def _valid_cores(said: str, cores: int) -> tuple[int, ...]:
    """each: any number up to all; even; all: nothing else; none; or ranges, as in "2-16/2,32"."""
    if said == "none":
        return ()
    if said == "all":
        return (cores,)
    if said in ("each", "even"):
        return tuple(range(1, cores + 1) if said == "each" else range(2, cores + 1, 2))
    found: list[int] = []
    for part in said.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        found += range(int(first), int(last or first) + 1, int(step or 1))
    return tuple(found)
