"""What EC2 keeps in memory while the cloud runs: its engines, opened when they are first needed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from haneul.converge import wake
from haneul.engines.errors import EngineError
from haneul.services.ec2.instances.vitals import Vitals
from haneul.state.store import Conflict

if TYPE_CHECKING:
    from haneul.cloud import Cloud
    from haneul.engines.machines.port import Machines
    from haneul.engines.networks.port import Counters, Networks
    from haneul.engines.volumes.port import Volumes
    from haneul.service import Scope
    from haneul.services.ec2.instances.capacity import Able
    from haneul.services.ec2.instances.metadata import Metadata
    from haneul.services.ec2.vpc.flow_records import Counts
    from haneul.services.ec2.vpc.services import Services

log = logging.getLogger(__name__)
Value = TypeVar("Value")


class _once(Generic[Value]):
    """A member made when it is first asked for, once even when threads ask together."""

    def __init__(self, make: Callable[[Plane], Value]) -> None:
        self._make = make

    def __get__(self, plane: Plane, _: type[Plane]) -> Value:
        name = self._make.__name__
        with plane.lock:
            if name not in plane.__dict__:
                plane.__dict__[name] = self._make(plane)
            found: Value = plane.__dict__[name]
            return found


class Plane:
    """One for the cloud; made when the room is first called or a row of its own wants a step."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.closing = False
        self.vitals = Vitals()
        self.able: Able | None = None
        """What instances this machine can run, once it was found out."""
        self.networked = False
        """Whether networks are known to work here."""
        self.counted: dict[str, Counts] = {}
        """Flow log -> what its network had counted when it was last written."""
        self.passed: dict[str, Counters] = {}
        """VPC -> what had passed its internet gateway when it was last counted."""
        self.moved: dict[Scope, float] = {}
        """Account and region -> when a call last changed something there."""
        self.swept = False
        self.sweeping = threading.Lock()
        self.kernel = threading.Lock()
        """Whoever makes networks holds it, so that none is made behind the back of `close`."""
        self.lock = threading.RLock()

    @_once
    def networks(self) -> Networks:
        from haneul.engines import networks

        engine: Networks = self.cloud.engines.get("networks") or networks.open_engine(self.cloud.config.data)
        return engine

    @_once
    def machines(self) -> Machines:
        from haneul.engines import machines

        engine: Machines = self.cloud.engines.get("machines") or machines.open_engine(self.cloud.config.data)
        engine.watch(self._ended)
        return engine

    @_once
    def volumes(self) -> Volumes:
        from haneul.engines import volumes

        engine: Volumes = self.cloud.engines.get("volumes") or volumes.open_engine(self.cloud.config.data)
        return engine

    @_once
    def services(self) -> Services:
        from haneul.services.ec2.vpc.services import Services

        return Services(self)

    @_once
    def metadata(self) -> Metadata:
        from haneul.services.ec2.instances.metadata import Metadata

        return Metadata(self)

    def pretends(self, kind: str) -> bool:
        """Whether an engine is the double that tests ask for."""
        return (self.cloud.config.data / "engines" / kind / "fake").exists()

    def close(self) -> None:
        """The cloud ends in order: machines are shut down, as on a host that is switched off, unless they are to be
        kept for the next cloud (a file `keep` beside the engine's)."""
        self.closing = True
        if "services" in self.__dict__:
            self.services.close()
        if "metadata" in self.__dict__:
            self.metadata.close()
        opened = self.volumes_were_opened
        if "machines" in self.__dict__ or opened:  # nobody takes its disks from a guest that runs
            self.machines.close(keep=self._keeps)
        if opened and not self._keeps:
            try:
                self.volumes.close()
            except (EngineError, OSError) as error:
                log.warning("volumes stayed open: %s", error)
        if self.networks_were_made:
            try:
                with self.kernel:
                    if self._keeps:
                        self.networks.close()
                    else:
                        self.networks.remove_all()
            except (EngineError, OSError) as error:
                log.warning("networks of VPCs stayed behind: %s", error)

    @property
    def networks_were_made(self) -> bool:
        """By this cloud or by one before it."""
        return (self.cloud.config.data / "engines" / "networks").is_dir()

    @property
    def volumes_were_opened(self) -> bool:
        """By this cloud or by one before it."""
        return any((self.cloud.config.data / "engines" / "volumes" / "exports").glob("*"))

    @property
    def _keeps(self) -> bool:
        return (self.cloud.config.data / "engines" / "machines" / "keep").exists()

    def _ended(self, instance: str) -> None:
        """A machine ended that nobody asked to: its instance's step sees why. On a thread of the engine's."""
        vital = self.vitals.of(instance)
        if vital is None or self.closing:
            return
        while True:
            try:
                with self.cloud.store.write() as tx:
                    wake(tx, "ec2.instance", vital.scope, (instance,), self.cloud.clock.now())
                return
            except Conflict:
                continue


def start(cloud: Cloud) -> Plane:
    plane = Plane(cloud)
    if plane.networks_were_made:
        from haneul.services.ec2.vpc import realise

        threading.Thread(target=realise.resume, args=(plane,), name="ec2-networks", daemon=True).start()
    return plane


def of(cloud: Cloud) -> Plane:
    """The room's plane, from a call or a step."""
    plane = cloud.planes.get("ec2")
    if plane is None:  # reached through EC2's second API
        cloud.rooms.get("ec2")
        plane = cloud.planes["ec2"]
    assert isinstance(plane, Plane)
    return plane
