"""Names of interface endpoints, and what they resolve to inside the VPC."""

from __future__ import annotations

from collections.abc import Iterator

from haneul.service import Scope
from haneul.services.ec2.vpc.state import ENDPOINT, INTERFACE, Endpoint, NetworkInterface
from haneul.state.store import Reader

_ZONE = "Z7HUB22UULQXV"


def entries(tx: Reader, scope: Scope, row: Endpoint) -> list[tuple[str, str]]:
    """The endpoint's names with their hosted zones: regional, one a zone, and the service's own."""
    found = [(_regional(scope, row), _ZONE)]
    found += [(_zonal(scope, row, one.zone), _ZONE) for one in interfaces_of(tx, scope, row)]
    if row.private_dns:
        found.append((_private(scope, row), f"Z0{row.id[-18:].upper()}"))
    return found


def names(tx: Reader, scope: Scope, vpc: str) -> list[tuple[str, str]]:
    """(name, address) of all interface endpoints of a VPC, for its resolver."""
    found = []
    for row in ENDPOINT.table.scan(tx, scope):
        if row.vpc != vpc or row.kind != "Interface":
            continue
        for one in interfaces_of(tx, scope, row):
            found += [(_regional(scope, row), one.addresses[0]), (_zonal(scope, row, one.zone), one.addresses[0])]
            if row.private_dns:
                found.append((_private(scope, row), one.addresses[0]))
    return found


def interfaces_of(tx: Reader, scope: Scope, row: Endpoint) -> Iterator[NetworkInterface]:
    for identifier in row.interfaces.values():
        found = INTERFACE.find(tx, scope, identifier)
        if found is not None:
            yield found


def _short(row: Endpoint) -> str:
    return row.service.rpartition(".")[2]


def _regional(scope: Scope, row: Endpoint) -> str:
    return f"{row.id}-{row.id[-8:]}.{_short(row)}.{scope.region}.vpce.amazonaws.com"


def _zonal(scope: Scope, row: Endpoint, zone: str) -> str:
    return f"{row.id}-{row.id[-8:]}-{zone}.{_short(row)}.{scope.region}.vpce.amazonaws.com"


def _private(scope: Scope, row: Endpoint) -> str:
    return f"{_short(row)}.{scope.region}.amazonaws.com"
