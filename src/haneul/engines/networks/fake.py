"""The port in memory, for rooms' own tests: keeps the plans, moves no packet. With a folder, the names of the VPCs that
are there lie in `vpcs` and outlive the cloud, as namespaces do."""

from __future__ import annotations

import socket
from collections.abc import Set
from pathlib import Path

from haneul.engines.errors import EngineError
from haneul.engines.networks.names import device
from haneul.engines.networks.port import Counters, Passage, VpcPlan
from haneul.engines.networks.validity import check


class FakeNetworks:
    def __init__(self, reason: str = "", folder: Path | None = None) -> None:
        self.plans: dict[str, VpcPlan] = {}
        self.passed: list[Passage] = []
        self.uplinks: dict[str, Counters] = {}
        self._reason = reason
        self._names = folder / "vpcs" if folder is not None else None
        if self._names is not None:
            self._names.mkdir(parents=True, exist_ok=True)

    def available(self) -> str:
        return self._reason

    def versions(self) -> list[str]:
        return [] if self._reason else ["double"]

    def ensure(self, plan: VpcPlan) -> None:
        if self._reason:
            raise EngineError(self._reason)
        check(plan)
        self.plans[plan.id] = plan
        if self._names is not None:
            (self._names / plan.id).touch()

    def remove(self, vpc: str) -> None:
        self.plans.pop(vpc, None)
        if self._names is not None:
            (self._names / vpc).unlink(missing_ok=True)

    def remove_all(self) -> None:
        for vpc in self._all():
            self.remove(vpc)

    def close(self) -> None:
        pass

    def sweep(self, keep: Set[str]) -> list[str]:
        gone = sorted(self._all() - keep)
        for vpc in gone:
            self.remove(vpc)
        return gone

    def tap_of(self, eni: str) -> str:
        return device("t", eni)

    def netns_of(self, vpc: str) -> Path:
        return Path("/run/netns") / f"fake-{vpc}"

    def guest_of(self, eni: str) -> Path:
        return Path("/run/netns") / f"fake-{eni}"

    def publics(self) -> str:
        return "198.18.0.0/20"

    def listen(self, vpc: str, address: str, port: int) -> socket.socket:
        """On the host's loopback, at a port of the kernel's choice."""
        self._known(vpc)
        return socket.create_server(("127.0.0.1", 0))

    def connect(self, vpc: str, address: str, port: int, timeout: float = 5) -> socket.socket:
        self._known(vpc)
        raise ConnectionRefusedError(f"nobody listens at {address}:{port}")

    def counters(self, vpc: str, eni: str) -> Counters:
        self._known(vpc)
        return Counters(0, 0)

    def uplink(self, vpc: str) -> Counters:
        self._known(vpc)
        return self.uplinks.get(vpc, Counters(0, 0))

    def flows(self, vpc: str) -> list[Passage]:
        """What a test put into `passed`."""
        self._known(vpc)
        return list(self.passed)

    def _all(self) -> set[str]:
        found = set(self.plans)
        return found if self._names is None else found | {path.name for path in self._names.iterdir()}

    def _known(self, vpc: str) -> VpcPlan:
        if vpc not in self.plans:
            raise EngineError(f"no network of {vpc} is here")
        return self.plans[vpc]
