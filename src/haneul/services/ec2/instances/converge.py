"""Instances on their way: one step for every state. Each may be repeated, and interrupted, at any point."""

from __future__ import annotations

import logging
from collections.abc import Callable

from haneul.converge import wake
from haneul.engines.errors import EngineError
from haneul.engines.machines.port import Disk, Machine, Nic
from haneul.service import Call, Step
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.instances import image_taking, notices, plugging, status, stores, usage
from haneul.services.ec2.instances.describing import Links
from haneul.services.ec2.instances.state import Instance
from haneul.services.ec2.plane import Plane
from haneul.services.ec2.volumes.state import VOLUME, Volume
from haneul.services.ec2.vpc.state import NetworkInterface

log = logging.getLogger("haneul.ec2")
REST = 15.0
"""Seconds between looks at an instance that runs."""
POLL = 0.1
SLOW = 0.5
GRACE = {"stopping": 60.0, "shutting-down": 10.0}
"""Seconds that a guest may take to shut itself down."""
TRIES = 3
"""Starts of a machine before AWS' own words for "it can't be done"."""
KEPT = 3600.0
"""Seconds that a terminated instance is still told."""
_ENDED = (b"reboot: Power down", b"reboot: System halted", b"System halted", b"Power down.")
"""What a guest's kernel says last when it was the guest that wanted to end."""


def step_instance(call: Call, row: Instance) -> Step:
    """Bring an instance one state further."""
    plane = planes.of(call.cloud)
    usage.count(call, row)
    return _STEPS[row.state](call, plane, row)


def _launch(call: Call, plane: Plane, row: Instance) -> Step:
    """pending: its disks, its network, its machine; then it runs."""
    with call.read() as tx:
        volumes = Links(tx, call.scope).volumes(row.id)
    for _, volume in volumes:
        if volume.state == "error":
            why = f": {volume.work['message']}" if volume.work.get("message") else ""
            return _failed(call, plane, row, "Client.InternalError", f"Client error on launch{why}")
    if any(volume.state == "creating" for _, volume in volumes):
        return Step(row, POLL / 2 if call.now() - row.launched < 3 else SLOW)
    try:
        _boot(call, plane, row)
    except EngineError as error:
        tries = row.work.get("tries", 0) + 1
        log.warning("instance %s did not start: %s", row.id, error)
        if tries >= TRIES:
            return _failed(call, plane, row, "Server.InternalError", f"Internal error on launch: {error}")
        row.work = {**row.work, "tries": tries}
        return Step(row, float(tries))
    from haneul.services.ec2.volumes import attaching

    with call.write() as tx:
        for _, volume in volumes:
            current = VOLUME.find(tx, call.scope, volume.id)
            if current is not None:
                attaching.attached(tx, call.scope, current, row.id)
        row.state, row.reason, row.work = "running", ("", ""), {}
        notices.tell(tx, call.scope, row, call.now())
    return Step(row, POLL)


def _boot(call: Call, plane: Plane, row: Instance) -> None:
    """Its machine runs, in a network that filters its packets. Raises EngineError."""
    from haneul.services.ec2.vpc import interfaces, realise

    with call.write() as tx:
        links = Links(tx, call.scope)
        nics, volumes = links.interfaces(row.id), links.volumes(row.id)
        for one in nics:
            interfaces.set_live(tx, call.scope, one, True)
        if row.options.get("PublicAddress") and nics and nics[0].addresses[0] not in nics[0].publics:
            interfaces.give_public(tx, call.scope, plane, nics[0])  # the one that it had went when it was stopped
    realise.realise(plane, call.scope, row.vpc)
    plane.metadata.ensure(call.scope, row.vpc)
    plane.vitals.seen(call.scope, row.id)
    kept = stores.ensure(plane, row, len(volumes))
    plane.machines.ensure_running(_machine(call, plane, row, nics, volumes, kept))


def _machine(
    call: Call,
    plane: Plane,
    row: Instance,
    nics: list[NetworkInterface],
    volumes: list[tuple[str, Volume]],
    kept: list[Disk],
) -> Machine:
    from haneul.services.ec2.volumes.converge import disk

    ordered = sorted(volumes, key=lambda pair: (pair[0] != row.root_device, len(pair[0]), pair[0]))
    cpus = plane.able.cpus if plane.able is not None else 0
    return Machine(
        id=row.id,
        disks=[*(disk(call, volume, device) for device, volume in ordered), *kept],
        nics=[Nic(one.id, plane.networks.tap_of(one.id), one.mac) for one in nics],
        vcpus=max(1, min(row.options.get("vcpus", 1), cpus or 1)),
        memory_mib=row.options.get("memory", 512),
        netns=plane.networks.netns_of(row.vpc),
        boot="direct" if row.options.get("Boot") == "direct" else "disk",
        firmware="uefi" if row.options.get("BootMode") == "uefi" else "bios",
        uuid=f"ec2{row.id[2:7]}-{row.id[7:11]}-4{row.id[11:14]}-8{row.id[14:17]}-{row.id[-12:]}",
        product=row.type,
    )


def _failed(call: Call, plane: Plane, row: Instance, code: str, message: str) -> Step:
    """A launch that can't succeed ends terminated, a start of what was there before stopped again."""
    row.state = "shutting-down" if row.launched == row.created else "stopping"
    row.reason = (code, f"{code}: {message}"[:500])
    row.work = {"force": True}
    return Step(row, 0.0)


def _rest(call: Call, plane: Plane, row: Instance) -> Step:
    """running: its machine does, or the guest has ended it; what was asked for meanwhile is done."""
    if row.work.get("imaging"):
        return image_taking.step_instance(call, plane, row, lambda: _boot(call, plane, row))
    if plane.machines.state(row.id) not in ("running", "paused"):
        if plane.vitals.has(row.id):
            return _ended_itself(call, plane, row)
        _boot(call, plane, row)  # it ran when the cloud ended: like the guests of a host that was rebooted
        return Step(row, POLL)
    if not plane.vitals.has(row.id):
        _adopt(call, plane, row)
    if row.work.get("reboot"):
        plane.machines.reboot(row.id)
        plane.vitals.rebooted(row.id)
        row.work = {name: value for name, value in row.work.items() if name != "reboot"}
    settled = plugging.settle(call, plane, row)
    healthy = status.probe(call, plane, row)
    usage.publish(call, plane, row)
    young = call.now() - row.launched < 300
    return Step(row, REST if settled and (healthy or not young) else SLOW)


def _adopt(call: Call, plane: Plane, row: Instance) -> None:
    """A machine that outlived the cloud that started it: its network is brought up to date, it isn't touched."""
    from haneul.services.ec2.vpc import realise

    realise.realise(plane, call.scope, row.vpc)
    plane.metadata.ensure(call.scope, row.vpc)
    plane.vitals.seen(call.scope, row.id)


def _ended_itself(call: Call, plane: Plane, row: Instance) -> Step:
    """The guest shut itself down, or its machine died."""
    if any(mark in plane.machines.console(row.id)[-4096:] for mark in _ENDED) or plane.pretends("machines"):
        stays = row.options.get("ShutdownBehavior", "stop") == "stop"
        row.state = "stopping" if stays else "shutting-down"
        code = "Client.InstanceInitiatedShutdown"
        row.reason = (code, f"{code}: Instance initiated shutdown")
    else:
        row.state = "stopping"
        code = "Server.InternalError"
        row.reason = (code, f"{code}: The process of the instance's machine ended unexpectedly")
    row.work = {}
    with call.write() as tx:
        notices.tell(tx, call.scope, row, call.now())
    return Step(row, 0.0)


def _stop(call: Call, plane: Plane, row: Instance) -> Step:
    """stopping: the guest ends, the network lets go of it; its volumes stay, a public address of the subnet's goes."""
    if not _ended(call, plane, row):
        return Step(row, POLL)
    from haneul.services.ec2.vpc import interfaces

    with call.write() as tx:
        for one in Links(tx, call.scope).interfaces(row.id):
            interfaces.set_live(tx, call.scope, one, False)
            interfaces.take_public(tx, call.scope, one)
    stores.remove(plane, row)
    _leave(call, plane, row)
    with call.write() as tx:
        for _, volume in Links(tx, call.scope).volumes(row.id):
            wake(tx, "ec2.volume", call.scope, (volume.id,), call.now())  # nobody needs it open now
        row.state, row.work = "stopped", {}
        notices.tell(tx, call.scope, row, call.now())
    return Step(row)


def _terminate(call: Call, plane: Plane, row: Instance) -> Step:
    """shutting-down: the machine goes, then what was made with it; the row stays for an hour."""
    if not _ended(call, plane, row):
        return Step(row, POLL)
    plane.machines.remove(row.id)
    stores.remove(plane, row)
    from haneul.services.ec2.volumes import attaching
    from haneul.services.ec2.vpc import interfaces

    with call.write() as tx:
        links = Links(tx, call.scope)
        for one in links.interfaces(row.id):
            goes = one.attachment.get("delete")
            interfaces.set_live(tx, call.scope, one, False)
            interfaces.detach(tx, call.scope, one)
            if goes:
                interfaces.remove(tx, call.scope, one)
        for _, volume in links.volumes(row.id):
            if volume.attachments[row.id]["delete"]:
                attaching.discard(tx, call.scope, call.now(), volume)
            else:
                attaching.release(tx, call.scope, volume, row.id)
                wake(tx, "ec2.volume", call.scope, (volume.id,), call.now())
    _leave(call, plane, row)
    with call.write() as tx:
        row.state, row.work, row.ended = "terminated", {}, call.now()
        notices.tell(tx, call.scope, row, call.now())
    return Step(row, KEPT)


def _ended(call: Call, plane: Plane, row: Instance) -> bool:
    """Whether its machine has ended: asked first, and unplugged when the guest takes too long."""
    machines = plane.machines
    if machines.state(row.id) in ("absent", "stopped"):
        return True
    asked = row.work.get("asked")
    if row.work.get("force") or (asked is not None and call.now() - asked > GRACE[row.state]):
        machines.power_off(row.id)
        return True
    if asked is None:
        machines.ask_shutdown(row.id)
        row.work = {**row.work, "asked": call.now()}
    return machines.state(row.id) in ("absent", "stopped")


def _leave(call: Call, plane: Plane, row: Instance) -> None:
    """The VPC's network is without it; nobody listens for metadata where nobody lives."""
    from haneul.services.ec2.vpc import realise

    plane.vitals.forget(row.id)
    plane.metadata.forget(row.id)
    plane.metadata.release(call.scope, row.vpc)
    realise.realise(plane, call.scope, row.vpc)


def _stopped(call: Call, plane: Plane, row: Instance) -> Step:
    return Step(row)


def _gone(call: Call, plane: Plane, row: Instance) -> Step:
    """terminated: an hour later nothing is left of it."""
    left = row.ended + KEPT - call.now()
    return Step(row, left) if left > 0 else Step(None)


_STEPS: dict[str, Callable[[Call, Plane, Instance], Step]] = {
    "pending": _launch,
    "running": _rest,
    "stopping": _stop,
    "stopped": _stopped,
    "shutting-down": _terminate,
    "terminated": _gone,
}
