"""Instances told and ended: DescribeInstances, TerminateInstances; how they begin is in `launching`, the power between
in `power`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2.errors import mixed
from haneul.services.ec2.instances import describing, power
from haneul.services.ec2.instances.filtering import FILTERS
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.operations import operation

_SHOWN = "Instances"


@operation()
def describe_instances(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeInstances, in the order of ids, those of a reservation together."""
    named = request.get("InstanceIds") or ()
    if named and request.get("MaxResults") is not None:
        raise mixed("The parameter instancesSet cannot be used with the parameter maxResults")
    with call.read() as tx:
        links = describing.Links(tx, call.scope)
        rows: Iterator[Instance]
        if named:
            rows = iter(INSTANCE.get_all(tx, call.scope, named))
        else:
            after = listing.position(request)
            rows = INSTANCE.table.scan(tx, call.scope, after_key=None if after is None else (after,))
        items = ((row.id, describing.with_reservation(links, row)) for row in rows)
        found = listing.page(request, _SHOWN, items, FILTERS)
    output: dict[str, Any] = {"Reservations": describing.reservations(call.scope, found[_SHOWN])}
    if "NextToken" in found:
        output["NextToken"] = found["NextToken"]
    return output


@operation(power.arns)
def terminate_instances(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TerminateInstances: all of them, or none when one is protected (OperationNotPermitted)."""
    changes = power.Changes(call, request.get("InstanceIds") or ())
    with call.write() as tx:
        for row in changes.rows(tx):
            if row.options.get("DisableApiTermination") and row.state != "terminated":
                raise power.protected(row, "terminated", "disableApiTermination")
        for row in changes.rows(tx):
            if row.state in ("shutting-down", "terminated"):
                changes.keep(row)
            else:
                power.user_ends(row, "shutting-down", call.now())
                row.work = {"force": True} if request.get("SkipOsShutdown") else {}
                changes.put(tx, row)
    return {"TerminatingInstances": changes.told}
