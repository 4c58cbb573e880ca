"""What EC2 keeps in memory while the cloud runs: its engines, opened when they are first needed."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from haneul.cloud import Cloud
    from haneul.engines.machines.port import Machines
    from haneul.engines.networks.port import Networks
    from haneul.engines.volumes.port import Volumes


class Plane:
    """One for the cloud; made when the room is first called or a row of its own wants a step."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.closing = False
        self._lock = threading.RLock()

    @cached_property
    def networks(self) -> Networks:
        from haneul.engines import networks

        with self._lock:
            engine: Networks = self.cloud.engines.get("networks") or networks.open_engine(self.cloud.config.data)
            return engine

    @cached_property
    def machines(self) -> Machines:
        from haneul.engines import machines

        with self._lock:
            engine: Machines = self.cloud.engines.get("machines") or machines.open_engine(self.cloud.config.data)
            return engine

    @cached_property
    def volumes(self) -> Volumes:
        from haneul.engines import volumes

        with self._lock:
            engine: Volumes = self.cloud.engines.get("volumes") or volumes.open_engine(self.cloud.config.data)
            return engine

    def close(self) -> None:
        """The cloud ends in order."""
        self.closing = True


def start(cloud: Cloud) -> Plane:
    return Plane(cloud)


def of(cloud: Cloud) -> Plane:
    """The room's plane, from a call or a step."""
    plane = cloud.planes.get("ec2")
    if plane is None:  # reached through EC2's second API
        cloud.rooms.get("ec2")
        plane = cloud.planes["ec2"]
    assert isinstance(plane, Plane)
    return plane
