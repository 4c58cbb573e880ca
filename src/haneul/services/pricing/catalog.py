"""The products there are: every price of the meter's sheets and every instance type that the sheets price, by region.

A region without a sheet of its own has us-east-1's prices, as on the bill.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from haneul.metering import instances
from haneul.metering.prices import HOME, Row, sheet
from haneul.services.pricing import terms
from haneul.services.pricing.names import LOCATIONS, SERVICES, code_of, family_of

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_VOLUMES = {
    "gp3": "General Purpose",
    "gp2": "General Purpose",
    "piops": "Provisioned IOPS",
    "io2": "Provisioned IOPS",
    "st1": "Throughput Optimized HDD",
    "sc1": "Cold HDD",
}
_CLASSES = {
    "TimedStorage-ByteHrs": "General Purpose",
    "TimedStorage-SIA-ByteHrs": "Infrequent Access",
    "TimedStorage-ZIA-ByteHrs": "Infrequent Access",
    "TimedStorage-GIR-ByteHrs": "Archive Instant Retrieval",
    "TimedStorage-INT-FA-ByteHrs": "Intelligent-Tiering",
    "TimedStorage-GlacierByteHrs": "Archive",
    "TimedStorage-GDA-ByteHrs": "Archive",
}


class Product(msgspec.Struct, frozen=True, dict=True):
    """One product of one region; `type` is the instance type whose reserved prices it has too."""

    sku: str
    code: str
    family: str
    attributes: dict[str, str]
    row: Row
    dated: str
    type: str = ""

    @property
    def effective(self) -> str:
        return f"{self.dated}T00:00:00Z"

    def terms(self) -> dict[str, Any]:
        """Kind of term -> terms by code."""
        found = {"OnDemand": terms.on_demand(self.sku, self.row, self.about, self.effective)}
        if self.type:
            priced = instances.sheet(self.attributes["regionCode"]).region
            reserved = terms.reserved(self.sku, priced, self.type, self.effective)
            if reserved:
                found["Reserved"] = reserved
        return found

    @property
    def about(self) -> str:
        """What the price is for, in the words of its description."""
        kind = self.attributes.get("instanceType")
        what = f"On Demand Linux {kind} Instance" if self.type else (kind or self.row.type)
        return f"of {what} in {self.attributes['location']}"

    def shown(self) -> dict[str, Any]:
        """As GetProducts answers it."""
        return {
            "product": {"productFamily": self.family, "attributes": self.attributes, "sku": self.sku},
            "serviceCode": self.code,
            "terms": self.terms(),
            "version": version_of(self.code),
            "publicationDate": f"{dated(self.code)}T00:00:00Z",
        }


@lru_cache
def codes() -> tuple[str, ...]:
    """Every service code that has a price, sorted."""
    return tuple(sorted({code_of(row) for row in sheet(HOME).rows}))


def dated(code: str, region: str = HOME) -> str:
    """When a service's prices were taken: the newer of the sheets that they come from."""
    own = sheet(region).dated
    return max(own, instances.sheet(region).dated) if code == "AmazonEC2" else own


def version_of(code: str, region: str = HOME) -> str:
    """The version of a price list: its date, in digits."""
    return dated(code, region).replace("-", "") + "000000"


def products(code: str, region: str, types: Mapping[str, Mapping[str, str]]) -> Iterator[Product]:
    """The products of a service in a region. types: instance type -> attributes, which EC2 alone has."""
    yield from _of_rows(code, region)
    if code == "AmazonEC2":
        for name, about in types.items():
            found = _instance(region, name, about)
            if found is not None:
                yield found
        for family in sorted({name.partition(".")[0] for name in types}):
            price = instances.host(instances.sheet(region).region, family)
            if price is not None:
                yield _host(region, family, f"{price.normalize():f}")


@lru_cache(maxsize=64)
def _of_rows(code: str, region: str) -> tuple[Product, ...]:
    found: dict[str, Product] = {}
    for row in sheet(region).rows:
        if code_of(row) == code:
            operation = row.operations[0] if len(row.operations) == 1 else ""
            attributes = {**_place(code, region), "usagetype": row.type, "operation": operation, **_details(row)}
            sku = _sku(code, region, row.type, *row.operations)
            # What two models count is one product when it is called and costs the same.
            found.setdefault(sku, Product(sku, code, family_of(row), attributes, row, sheet(region).dated))
    return tuple(found.values())


def _instance(region: str, name: str, about: Mapping[str, str]) -> Product | None:
    row = sheet(region).row("ec2", f"BoxUsage:{name}", "")
    if row is None:
        return None
    attributes = {
        **_place("AmazonEC2", region),
        "usagetype": row.type,
        "operation": "RunInstances",
        "instanceType": name,
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "licenseModel": "No License required",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
        **about,
    }
    family = "Compute Instance (bare metal)" if ".metal" in name else "Compute Instance"
    return Product(
        _sku("AmazonEC2", region, row.type), "AmazonEC2", family, attributes, row, instances.sheet(region).dated, name
    )


def _host(region: str, family: str, price: str) -> Product:
    type = f"HostUsage:{family}"
    row = Row(service="ec2", usage=type, type=type, unit="Hrs", price=price)
    attributes = {
        **_place("AmazonEC2", region),
        "usagetype": type,
        "operation": "RunInstances",
        "instanceType": family,
        "tenancy": "Host",
        "capacitystatus": "AllocatedHost",
    }
    sku = _sku("AmazonEC2", region, type)
    return Product(sku, "AmazonEC2", "Dedicated Host", attributes, row, instances.sheet(region).dated)


def _place(code: str, region: str) -> dict[str, str]:
    return {
        "servicecode": code,
        "servicename": SERVICES.get(code, code),
        "location": LOCATIONS.get(region, region),
        "locationType": "AWS Region",
        "regionCode": region,
    }


def _details(row: Row) -> dict[str, str]:
    if row.type.startswith("EBS:Volume") or row.type == "EBS:VolumeUsage":
        api = row.type.split(".")[1] if "." in row.type else "standard"
        return {"volumeType": _VOLUMES.get(api, "Magnetic"), "volumeApiName": "io1" if api == "piops" else api}
    if row.service == "s3" and row.type in _CLASSES:
        return {"storageClass": _CLASSES[row.type]}
    if row.unit == "Requests":
        return {"group": row.type}
    return {}


def _sku(*parts: str) -> str:
    """16 characters that are always the same for the same product."""
    digest = hashlib.sha256("\x00".join(parts).encode()).digest()
    return "".join(_ALPHABET[octet & 31] for octet in digest[:16])
