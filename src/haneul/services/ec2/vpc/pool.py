"""Public addresses: those of the block that this cloud's networks own, each given to one interface or account."""

from __future__ import annotations

import ipaddress

from haneul.services.ec2.errors import errors
from haneul.services.ec2.plane import Plane
from haneul.services.ec2.vpc.state import ADDRESS, INTERFACE
from haneul.state.store import Reader

FIRST = 10
"""The block's first addresses are the routers' and the host's."""


def used(tx: Reader) -> set[str]:
    """Every public address that somebody has, in any account and region."""
    found = {row.public for _, row in ADDRESS.table.everywhere(tx)}
    for _, row in INTERFACE.table.everywhere(tx):
        found.update(row.publics.values())
    return found


def free(tx: Reader, plane: Plane, wanted: str = "") -> str:
    """A public address that nobody has; `wanted` when it is free. Raises InsufficientAddressCapacity,
    InvalidAddress.NotFound for one that isn't to be had."""
    block = ipaddress.ip_network(plane.networks.publics())
    taken = used(tx)
    if wanted:
        try:
            known = ipaddress.ip_address(wanted) in block and wanted not in taken
        except ValueError:
            known = False
        if not known:
            raise errors.AuthFailure(f"The address '{wanted}' does not belong to you.")
        return wanted
    for number in range(FIRST, block.num_addresses - 1):
        address = str(block[number])
        if address not in taken:
            return address
    raise errors.InsufficientAddressCapacity("Insufficient address capacity: every public address is in use.")
