"""The rows of Dedicated Hosts."""

from __future__ import annotations

import msgspec

from haneul.services.ec2.kinds import Kind
from haneul.state.table import Table


class Host(msgspec.Struct, kw_only=True):
    """type: the one type that it takes, "" for every type of the family. state: available or released."""

    id: str
    family: str
    zone: str
    allocated: float
    type: str = ""
    state: str = "available"
    released: float = 0.0
    auto_placement: str = "off"
    recovery: str = "off"
    maintenance: str = "off"
    client_token: str = ""
    tags: dict[str, str] = {}


HOST = Kind(
    "dedicated-host",
    "h",
    Table("ec2.host", Host, key=("id",)),
    "InvalidHostID.NotFound",
    "host ID",
)
