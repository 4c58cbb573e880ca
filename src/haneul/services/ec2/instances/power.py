"""StartInstances, StopInstances, RebootInstances: which states they are allowed in, and what they change at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from haneul.converge import wake
from haneul.service import Call
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import errors, mixed
from haneul.services.ec2.hosts import placing
from haneul.services.ec2.instances import capacity, describing, notices
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.instances.types import InstanceType
from haneul.services.ec2.operations import operation
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

KIND = "ec2.instance"


def arns(call: Call, request: Mapping[str, Any]) -> list[str]:
    return [INSTANCE.arn(call.scope, one) for one in request.get("InstanceIds") or ()]


class Changes:
    """The instances of a request, and the state changes that its answer tells. Raises InvalidParameterCombination when
    there are none."""

    def __init__(self, call: Call, identifiers: Sequence[str]) -> None:
        if not identifiers:
            raise mixed("No instances specified")
        self._call = call
        self._identifiers = identifiers
        self.told: list[dict[str, Any]] = []

    def rows(self, tx: Reader) -> list[Instance]:
        """Raises InvalidInstanceID.NotFound, InvalidInstanceID.Malformed."""
        self.told = []
        return INSTANCE.get_all(tx, self._call.scope, self._identifiers)

    def keep(self, row: Instance) -> None:
        """Its state stays."""
        self._tell(row, row.state)

    def put(self, tx: Writer, row: Instance) -> None:
        """Its state is a new one: written down, told, and to be brought about."""
        before = INSTANCE.find(tx, self._call.scope, row.id)
        assert before is not None
        INSTANCE.table.put(tx, self._call.scope, row)
        notices.tell(tx, self._call.scope, row, self._call.now())
        wake(tx, KIND, self._call.scope, (row.id,), self._call.now())
        self._tell(row, before.state)

    def _tell(self, row: Instance, before: str) -> None:
        self.told.append(
            {
                "InstanceId": row.id,
                "CurrentState": describing.state(row.state),
                "PreviousState": describing.state(before),
            }
        )


@operation(arns)
async def start_instances(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StartInstances. Raises IncorrectInstanceState, InsufficientInstanceCapacity."""
    from haneul.services.ec2.instances import types

    changes = Changes(call, request.get("InstanceIds") or ())
    able = await asyncio.to_thread(capacity.able, planes.of(call.cloud))

    def start(tx: Writer) -> None:
        for row in changes.rows(tx):
            if row.state in ("pending", "running"):
                changes.keep(row)
                continue
            if row.state != "stopped":
                raise errors.IncorrectInstanceState(
                    f"The instance '{row.id}' is not in a state from which it can be started."
                )
            if able.why:
                raise errors.Unsupported(able.why)
            spec = types.spec(row.type)
            _seat(tx, call, row, able, spec)
            place = placing.again(tx, call.scope, row)
            row.options = {**row.options, "Placement": place} if place else row.options
            row.state, row.reason, row.transition = "pending", ("", ""), ""
            row.launched = call.now()
            row.work = {}
            changes.put(tx, row)

    await call.transact(start)
    return {"StartingInstances": changes.told}


def _seat(tx: Reader, call: Call, row: Instance, able: capacity.Able, spec: InstanceType) -> None:
    """Room for an instance that starts again: in a capacity reservation, or beside them."""
    from haneul.services.ec2.reservations import seats

    row.options = {name: value for name, value in row.options.items() if name != "CapacityReservationId"}
    seated = seats.Seats([])
    if row.options.get("Lifecycle") != "spot":
        wish = row.options.get("CapacityReservationSpecification")
        seated = seats.find(tx, call.scope, wish, row.type, row.zone, 1)
    if seated.taken:
        row.options = {**row.options, "CapacityReservationId": seated.taken[0]}
    elif seated.only:
        raise seats.exceeded()
    elif not capacity.room(tx, able, spec, 1):
        raise capacity.insufficient(spec, row.zone)


@operation(arns)
def stop_instances(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StopInstances. Raises IncorrectInstanceState, OperationNotPermitted, UnsupportedOperation (one-time Spot)."""
    changes = Changes(call, request.get("InstanceIds") or ())
    with call.write() as tx:
        for row in changes.rows(tx):
            _check_stop(row, bool(request.get("Hibernate")))
        for row in changes.rows(tx):
            if row.state in ("stopping", "stopped") and not (request.get("Force") and row.state == "stopping"):
                changes.keep(row)
                continue
            user_ends(row, "stopping", call.now())
            row.work = {"force": True} if request.get("Force") or request.get("SkipOsShutdown") else {}
            changes.put(tx, row)
    return {"StoppingInstances": changes.told}


@operation(arns)
def reboot_instances(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RebootInstances: asks the guests. Raises IncorrectState for one that doesn't run."""
    changes = Changes(call, request.get("InstanceIds") or ())
    with call.write() as tx:
        rows = changes.rows(tx)
        for row in rows:
            if row.state not in ("running", "pending"):
                raise errors.IncorrectState(f"Instance '{row.id}' is not in the 'running' state.")
        for row in rows:
            if row.state == "running":
                row.work = {**row.work, "reboot": True}
                INSTANCE.table.put(tx, call.scope, row)
                wake(tx, KIND, call.scope, (row.id,), call.now())
    return {}


def user_ends(row: Instance, state: str, now: float) -> None:
    """Somebody asked for its end."""
    row.state = state
    row.reason = ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown")
    row.transition = f"User initiated ({describing.moment(now)})"


def protected(row: Instance, done: str, attribute: str) -> AwsError:
    return errors.OperationNotPermitted(
        f"The instance '{row.id}' may not be {done}. Modify its '{attribute}' instance attribute and try again."
    )


def _check_stop(row: Instance, hibernate: bool) -> None:
    if row.state not in ("running", "stopping", "stopped"):
        raise errors.IncorrectInstanceState(f"This instance '{row.id}' is not in a state from which it can be stopped.")
    if row.options.get("DisableApiStop") and row.state == "running":
        raise protected(row, "stopped", "disableApiStop")
    if hibernate:
        raise errors.UnsupportedHibernationConfiguration(
            f"The following instances are not hibernation-enabled: {row.id}"
        )
    spot = row.options.get("SpotOptions") or {}
    if row.options.get("Lifecycle") == "spot" and spot.get("SpotInstanceType", "one-time") == "one-time":
        raise errors.UnsupportedOperation(
            f"You can't stop the Spot Instance '{row.id}' because it is associated with a one-time Spot Instance "
            "request. You can only stop Spot Instances associated with persistent Spot Instance requests."
        )
