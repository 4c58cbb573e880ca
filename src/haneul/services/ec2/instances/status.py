"""DescribeInstanceStatus by real probes: the machine's process runs (system), its guest answers on the network, or has
said on its console that it is ready (instance)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from haneul.engines.errors import EngineError
from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import errors, mixed
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.instances import describing
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.instances.vitals import Vital
from haneul.services.ec2.operations import operation
from haneul.services.ec2.plane import Plane
from haneul.services.ec2.vpc.places import zone_id
from haneul.services.ec2.vpc.state import INTERFACE
from haneul.state.store import Reader

PORT = 22
PATIENCE = 0.5
"""Seconds that a probe waits for an answer."""
SETTLED = 60.0
"""Seconds after which a guest that answers at all is believed to be up."""
_READY = (b"Haneul: ready", b"Reached target Multi-User")
_FILTERS: Filters = {
    "availability-zone": "AvailabilityZone",
    "availability-zone-id": "AvailabilityZoneId",
    "event.code": "Events.Code",
    "event.description": "Events.Description",
    "event.instance-event-id": "Events.InstanceEventId",
    "event.not-after": "Events.NotAfter",
    "event.not-before": "Events.NotBefore",
    "event.not-before-deadline": "Events.NotBeforeDeadline",
    "instance-state-code": "InstanceState.Code",
    "instance-state-name": "InstanceState.Name",
    "instance-status.reachability": "InstanceStatus.Details.Status",
    "instance-status.status": "InstanceStatus.Status",
    "operator.managed": "Operator.Managed",
    "operator.principal": "Operator.Principal",
    "system-status.reachability": "SystemStatus.Details.Status",
    "system-status.status": "SystemStatus.Status",
    "attached-ebs-status.status": "AttachedEbsStatus.Status",
    "application-status.status": "ApplicationStatus.Status",
}


@operation()
def describe_instance_status(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeInstanceStatus: of those that run, or with IncludeAllInstances of all."""
    named = request.get("InstanceIds") or ()
    if named and request.get("MaxResults") is not None:
        raise mixed("The parameter instancesSet cannot be used with the parameter maxResults")
    plane = planes.of(call.cloud)
    everyone = bool(request.get("IncludeAllInstances"))
    with call.read() as tx:
        rows: Iterator[Instance]
        if named:
            rows = iter(INSTANCE.get_all(tx, call.scope, named))
        else:
            after = listing.position(request)
            rows = INSTANCE.table.scan(tx, call.scope, after_key=None if after is None else (after,))
        items = ((row.id, describe(plane, row)) for row in rows if everyone or row.state == "running")
        return listing.page(request, "InstanceStatuses", items, _FILTERS)


def describe(plane: Plane, row: Instance) -> dict[str, Any]:
    """An InstanceStatus."""
    vital = plane.vitals.of(row.id)
    system, instance = _verdicts(row, vital)
    return {
        "InstanceId": row.id,
        "AvailabilityZone": row.zone,
        "AvailabilityZoneId": zone_id(row.zone),
        "InstanceState": describing.state(row.state),
        "SystemStatus": _summary(system, 0.0),
        "InstanceStatus": _summary(instance, vital.failing if vital is not None else 0.0),
        "AttachedEbsStatus": _summary(system, 0.0) if row.state == "running" else None,
        "Operator": {"Managed": False},
    }


@operation(lambda call, request: [INSTANCE.arn(call.scope, one) for one in request.get("Instances") or ()])
def report_instance_status(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ReportInstanceStatus: what somebody else found; it changes nothing of what DescribeInstanceStatus tells, as
    AWS's doesn't. Raises IncorrectInstanceState for one that doesn't run."""
    with call.read() as tx:
        for row in INSTANCE.get_all(tx, call.scope, request["Instances"]):
            if row.state != "running":
                raise errors.IncorrectInstanceState(f"The instance '{row.id}' is not in the 'running' state.")
    return {}


def _verdicts(row: Instance, vital: Vital | None) -> tuple[str, str]:
    """(system, instance): passed, failed, initializing, or not-applicable."""
    if row.state != "running":
        return "not-applicable", "not-applicable"
    if vital is None:
        return "initializing", "initializing"
    if vital.failing:
        return "passed", "failed"
    return ("passed", "passed") if vital.reachable else ("initializing", "initializing")


def _summary(verdict: str, since: float) -> dict[str, Any]:
    overall = {"passed": "ok", "failed": "impaired"}.get(verdict, verdict)
    if verdict == "not-applicable":
        return {"Status": overall}
    detail: dict[str, Any] = {"Name": "reachability", "Status": verdict}
    if since:
        detail["ImpairedSince"] = since
    return {"Status": overall, "Details": [detail]}


def probe(call: Call, plane: Plane, row: Instance) -> bool:
    """Ask a running guest whether it is there; blocking, for half a second at most. Whether it was."""
    vital = plane.vitals.of(row.id)
    if vital is None:
        return False
    with call.read() as tx:
        address = _address(tx, call, row)
    if _answers(call, plane, row, address):
        vital.reachable, vital.failing = True, 0.0
        return True
    if vital.reachable and not vital.failing:
        vital.failing = call.now()
    return False


def _address(tx: Reader, call: Call, row: Instance) -> str:
    for one in INTERFACE.table.scan(tx, call.scope):
        if one.attachment.get("instance") == row.id and one.attachment["index"] == 0 and one.addresses:
            return one.addresses[0]
    return ""


def _answers(call: Call, plane: Plane, row: Instance, address: str) -> bool:
    """A refused connection is an answer too, the guest's kernel gave it; but a guest that has just started may not have
    come as far as its services, of which its console tells."""
    try:
        plane.networks.connect(row.vpc, address, PORT, PATIENCE).close()
        return True
    except ConnectionRefusedError:
        refused = True
    except (OSError, EngineError):
        refused = False
    vital = plane.vitals.of(row.id)
    if vital is not None and vital.reachable:
        return refused
    if refused and call.now() - row.launched > SETTLED:
        return True
    console = plane.machines.console(row.id)
    return any(mark in console for mark in _READY)
