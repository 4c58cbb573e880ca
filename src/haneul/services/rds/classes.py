"""DB instance classes: their virtual CPUs and memory, by AWS's regular naming."""

from __future__ import annotations

from functools import cache

from haneul.services.rds.errors import invalid

# Family -> GiB of memory per virtual CPU, and the sizes it comes in.
_SIZES = {
    "large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "10xlarge": 40, "12xlarge": 48,
    "16xlarge": 64, "24xlarge": 96, "32xlarge": 128, "48xlarge": 192,
}  # fmt: skip
_BIG = tuple(_SIZES)
_FAMILIES: dict[str, tuple[float, tuple[str, ...]]] = {
    "m4": (4, ("large", "xlarge", "2xlarge", "4xlarge", "10xlarge", "16xlarge")),
    "m5": (4, tuple(size for size in _BIG if size not in ("10xlarge", "32xlarge", "48xlarge"))),
    "m5d": (4, tuple(size for size in _BIG if size not in ("10xlarge", "32xlarge", "48xlarge"))),
    "m6g": (4, tuple(size for size in _BIG if size not in ("10xlarge", "24xlarge", "32xlarge", "48xlarge"))),
    "m6gd": (4, tuple(size for size in _BIG if size not in ("10xlarge", "24xlarge", "32xlarge", "48xlarge"))),
    "m6i": (4, tuple(size for size in _BIG if size not in ("10xlarge", "48xlarge"))),
    "m7g": (4, tuple(size for size in _BIG if size not in ("10xlarge", "24xlarge", "32xlarge", "48xlarge"))),
    "m7i": (4, tuple(size for size in _BIG if size not in ("10xlarge", "32xlarge"))),
    "m8g": (4, tuple(size for size in _BIG if size not in ("10xlarge", "32xlarge"))),
    "r4": (7.625, ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")),
    "r5": (8, tuple(size for size in _BIG if size not in ("10xlarge", "32xlarge", "48xlarge"))),
    "r6g": (8, tuple(size for size in _BIG if size not in ("10xlarge", "24xlarge", "32xlarge", "48xlarge"))),
    "r6gd": (8, tuple(size for size in _BIG if size not in ("10xlarge", "24xlarge", "32xlarge", "48xlarge"))),
    "r6i": (8, tuple(size for size in _BIG if size not in ("10xlarge", "48xlarge"))),
    "r7g": (8, tuple(size for size in _BIG if size not in ("10xlarge", "24xlarge", "32xlarge", "48xlarge"))),
    "r7i": (8, tuple(size for size in _BIG if size not in ("10xlarge", "32xlarge"))),
    "r8g": (8, tuple(size for size in _BIG if size not in ("10xlarge", "32xlarge"))),
    "x2g": (16, tuple(size for size in _BIG if size not in ("10xlarge", "24xlarge", "32xlarge", "48xlarge"))),
}
_BURST = {
    "micro": (2, 1.0),
    "small": (2, 2.0),
    "medium": (2, 4.0),
    "large": (2, 8.0),
    "xlarge": (4, 16.0),
    "2xlarge": (8, 32.0),
}
GIB = 1 << 30
SERVERLESS = "db.serverless"


@cache
def catalogue() -> dict[str, tuple[int, float]]:
    """Class -> (virtual CPUs, GiB of memory)."""
    found: dict[str, tuple[int, float]] = {}
    for family in ("t2", "t3", "t4g"):
        for size, (cpus, memory) in _BURST.items():
            found[f"db.{family}.{size}"] = (1 if family == "t2" and size in ("micro", "small") else cpus, memory)
    for family, (ratio, sizes) in _FAMILIES.items():
        for size in sizes:
            found[f"db.{family}.{size}"] = (_SIZES[size], _SIZES[size] * ratio)
    return found


def check(name: str, *, aurora: bool = False) -> str:
    """The class, if there is such a one. Raises InvalidParameterValue."""
    if name == SERVERLESS:
        if not aurora:
            raise invalid("The db.serverless DB instance class can only be used in an Aurora DB cluster.")
    elif name not in catalogue():
        raise invalid(f"Invalid DB Instance class: {name}")
    return name


def memory(name: str, capacity: float = 1.0) -> int:
    """Bytes of memory; a serverless instance has 2 GiB for each of its capacity units."""
    if name == SERVERLESS:
        return int(capacity * 2 * GIB)
    return int(catalogue()[name][1] * GIB)
