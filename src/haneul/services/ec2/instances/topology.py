"""DescribeInstanceTopology: how near instances are to each other; on one machine, as near as can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2.errors import invalid, mixed
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc.places import zone_id

LIMIT = 100
"""Names or ids of one request."""
_FAMILIES = frozenset(
    {
        *("g6", "g6e", "g6f", "gr6", "gr6f", "g7e", "hpc6a", "hpc6id", "hpc7a", "hpc7g", "hpc8a"),
        *("p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "trn1", "trn1n", "trn2"),
    }
)
"""Those that AWS tells the topology of, as far as is known here."""
_FILTERS = {"availability-zone": "AvailabilityZone", "instance-type": "InstanceType", "zone-id": "ZoneId"}


@operation()
def describe_instance_topology(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeInstanceTopology of running instances: 20 a page. The three network nodes of a zone stand for this
    machine. Raises InvalidInstanceID.NotFound, InvalidParameterCombination, InvalidParameterValue."""
    named, groups = request.get("InstanceIds") or (), set(request.get("GroupNames") or ())
    if named and request.get("MaxResults") is not None:
        raise mixed("The parameter instanceIds cannot be used with the parameter maxResults")
    for name, given in (("instance IDs", named), ("group names", groups)):
        if len(given) > LIMIT:
            raise invalid(f"The maximum number of {name} specified on a single call is {LIMIT}")
    with call.read() as tx:
        rows = INSTANCE.get_all(tx, call.scope, named) if named else list(INSTANCE.table.scan(tx, call.scope))
    items = [
        (row.id, _node(row))
        for row in rows
        if row.state == "running" and row.type.partition(".")[0] in _FAMILIES and (not groups or _group(row) in groups)
    ]
    asked = {**request, "MaxResults": None if named else request.get("MaxResults") or 20}
    return listing.paged(asked, "Instances", items, _FILTERS, (1, 100))


def _group(row: Instance) -> str:
    return str((row.options.get("Placement") or {}).get("GroupName") or "")


def _node(row: Instance) -> dict[str, Any]:
    identifier = zone_id(row.zone)
    nodes = [f"nn-{identifier.replace('-', '')}{level:010x}" for level in (1, 2, 3)]
    return {
        "InstanceId": row.id,
        "InstanceType": row.type,
        "GroupName": _group(row) or None,
        "NetworkNodes": nodes,
        "AvailabilityZone": row.zone,
        "ZoneId": identifier,
    }
