"""The port in memory, for rooms' own tests: keeps the plans, moves no packet."""

from __future__ import annotations

import socket
from collections.abc import Set
from pathlib import Path

from haneul.engines.errors import EngineError
from haneul.engines.networks.names import device
from haneul.engines.networks.port import Counters, VpcPlan
from haneul.engines.networks.validity import check


class FakeNetworks:
    def __init__(self, reason: str = "") -> None:
        self.plans: dict[str, VpcPlan] = {}
        self._reason = reason

    def available(self) -> str:
        return self._reason

    def ensure(self, plan: VpcPlan) -> None:
        if self._reason:
            raise EngineError(self._reason)
        check(plan)
        self.plans[plan.id] = plan

    def remove(self, vpc: str) -> None:
        self.plans.pop(vpc, None)

    def remove_all(self) -> None:
        self.plans.clear()

    def sweep(self, keep: Set[str]) -> list[str]:
        gone = sorted(set(self.plans) - keep)
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

    def _known(self, vpc: str) -> VpcPlan:
        if vpc not in self.plans:
            raise EngineError(f"no network of {vpc} is here")
        return self.plans[vpc]
