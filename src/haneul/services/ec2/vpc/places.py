"""AWS's regions and their zones, as data."""

from __future__ import annotations

REGIONS = {
    "af-south-1": False,
    "ap-east-1": False,
    "ap-northeast-1": True,
    "ap-northeast-2": True,
    "ap-northeast-3": True,
    "ap-south-1": True,
    "ap-south-2": False,
    "ap-southeast-1": True,
    "ap-southeast-2": True,
    "ap-southeast-3": False,
    "ap-southeast-4": False,
    "ap-southeast-5": False,
    "ap-southeast-7": False,
    "ca-central-1": True,
    "ca-west-1": False,
    "eu-central-1": True,
    "eu-central-2": False,
    "eu-north-1": True,
    "eu-south-1": False,
    "eu-south-2": False,
    "eu-west-1": True,
    "eu-west-2": True,
    "eu-west-3": True,
    "il-central-1": False,
    "me-central-1": False,
    "me-south-1": False,
    "mx-central-1": False,
    "sa-east-1": True,
    "us-east-1": True,
    "us-east-2": True,
    "us-west-1": True,
    "us-west-2": True,
}
"""Region -> whether it is enabled without an opt-in."""
_LETTERS = {
    "us-east-1": "abcdef",
    "us-west-2": "abcd",
    "ap-northeast-2": "abcd",
    "ca-central-1": "abd",
}
_DIRECTIONS = {
    "northeast": "ne",
    "northwest": "nw",
    "southeast": "se",
    "southwest": "sw",
    "north": "n",
    "south": "s",
    "east": "e",
    "west": "w",
    "central": "c",
}


def zones_of(region: str) -> tuple[str, ...]:
    """The names of a region's zones: us-east-1a, us-east-1b, ..."""
    return tuple(f"{region}{letter}" for letter in _LETTERS.get(region, "abc"))


def zone_id(zone: str) -> str:
    """The id of a zone: use1-az1 of us-east-1a. Every account sees the same ones here."""
    region = zone[:-1]
    area, direction, number = region.rsplit("-", 2)
    short = "".join(area.split("-")) + _DIRECTIONS.get(direction, direction) + number
    return f"{short}-az{zones_of(region).index(zone) + 1 if zone in zones_of(region) else 1}"


def zone_named(region: str, identifier: str) -> str | None:
    """The zone's name for a zone id (use1-az1), if the region has it."""
    return next((zone for zone in zones_of(region) if zone_id(zone) == identifier), None)
