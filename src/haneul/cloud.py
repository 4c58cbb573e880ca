"""The running cloud: what every call can reach. Put together in `app.py`, which alone knows everybody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import asyncio

    from haneul.auth.gate import Gate
    from haneul.auth.principals import Directory, Principal
    from haneul.auth.sigv4 import Verifier
    from haneul.config import Config
    from haneul.gateway.rooms import Rooms
    from haneul.kit.clock import Clock
    from haneul.service import Call, Scope, Service
    from haneul.state.files import FileBlobs
    from haneul.state.store import Store, Writer

Value = TypeVar("Value")


class Performer(Protocol):
    """Runs an operation in process: validate, authorise, meter, perform."""

    loop_thread: int

    def invoke(self, call: Call, service: str, operation: str, request: Mapping[str, Any]) -> Any: ...

    def call_as(self, service: str, scope: Scope, principal: Principal | None) -> Call: ...

    async def transact(self, call: Call, function: Callable[[Writer], Value]) -> Value: ...

    def count_usage(self, call: Call, operation: str) -> None: ...


class Cloud:
    """Store, blobs, clock and the doors, shared by every call. Attributes are set once, by `app.assemble`."""

    config: Config
    clock: Clock
    store: Store
    blobs: FileBlobs
    directory: Directory
    gate: Gate
    verifier: Verifier
    rooms: Rooms
    performer: Performer
    loop: asyncio.AbstractEventLoop
    secure_port: Callable[[], Awaitable[int]]
    """Where the cloud speaks TLS for any name that is asked for; it begins to when somebody first wants to know."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.port = config.port
        """Where the cloud really listens, once it does."""
        self.services: dict[str, Service] = {}
        self.engines: dict[str, Any] = {}
        """kind ("postgres", "functions") -> the engine chosen for it."""
        self.planes: dict[str, Any] = {}
        """model -> what a room keeps in memory while the cloud runs (its data plane, caches)."""

    @property
    def url(self) -> str:
        """The cloud's address as its own answers tell it (in queue URLs, links of messages)."""
        return f"http://localhost:{self.port}"

    def invoke(self, call: Call, service: str, operation: str, request: Mapping[str, Any]) -> Any:
        return self.performer.invoke(call, service, operation, request)

    async def transact(self, call: Call, function: Callable[[Writer], Value]) -> Value:
        return await self.performer.transact(call, function)

    def call_as(self, service: str, scope: Scope, principal: Principal | None = None) -> Call:
        """A call made by a service itself (a converge step, an event subscriber) in `scope`; its principal is
        `<service>.amazonaws.com` unless one is given."""
        return self.performer.call_as(service, scope, principal)
