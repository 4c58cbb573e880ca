"""Interfaces that come and go while their instance runs: marked by the operation, plugged by the instance's step."""

from __future__ import annotations

from haneul.converge import wake
from haneul.engines.errors import EngineBusy
from haneul.engines.machines.port import Nic
from haneul.service import Call, Scope
from haneul.services.ec2.instances.state import Instance
from haneul.services.ec2.plane import Plane
from haneul.services.ec2.vpc.state import INTERFACE, NetworkInterface
from haneul.state.store import Writer

KIND = "ec2.instance"


def plug_in(tx: Writer, scope: Scope, now: float, interface: NetworkInterface) -> None:
    """The interface, just attached to an instance that runs, is on its way into the machine."""
    _mark(tx, scope, now, interface, "attaching")


def plug_out(tx: Writer, scope: Scope, now: float, interface: NetworkInterface) -> None:
    """The interface is on its way out of the machine; nobody's once it has left."""
    _mark(tx, scope, now, interface, "detaching")


def _mark(tx: Writer, scope: Scope, now: float, interface: NetworkInterface, status: str) -> None:
    interface.attachment = {**interface.attachment, "status": status}
    INTERFACE.table.put(tx, scope, interface)
    wake(tx, KIND, scope, (interface.attachment["instance"],), now)


def settle(call: Call, plane: Plane, row: Instance) -> bool:
    """The instance's machine, which runs, has the interfaces that it shall have. False while the guest keeps one that
    it shall not. Raises EngineError."""
    from haneul.services.ec2.vpc import interfaces, realise

    with call.read() as tx:
        moving = [
            one for one in interfaces.of_instance(tx, call.scope, row.id) if one.attachment["status"] != "attached"
        ]
    done = True
    for one in moving:
        if one.attachment["status"] == "attaching":
            with call.write() as tx:
                interfaces.set_live(tx, call.scope, INTERFACE.get(tx, call.scope, one.id), True)
            realise.realise(plane, call.scope, one.vpc)
            plane.machines.attach_nic(row.id, Nic(one.id, plane.networks.tap_of(one.id), one.mac))
            with call.write() as tx:
                current = INTERFACE.get(tx, call.scope, one.id)
                if current.attachment.get("status") == "attaching":
                    current.attachment = {**current.attachment, "status": "attached"}
                    INTERFACE.table.put(tx, call.scope, current)
        else:
            done = _unplug(call, plane, row, one) and done
    return done


def _unplug(call: Call, plane: Plane, row: Instance, one: NetworkInterface) -> bool:
    from haneul.services.ec2.vpc import interfaces, realise

    try:
        plane.machines.detach_nic(row.id, one.id)
    except EngineBusy:
        return False
    with call.write() as tx:
        current = INTERFACE.get(tx, call.scope, one.id)
        interfaces.set_live(tx, call.scope, current, False)
        interfaces.detach(tx, call.scope, current)
        realise.touch(tx, call.scope, one.vpc)
    realise.realise(plane, call.scope, one.vpc)
    return True
