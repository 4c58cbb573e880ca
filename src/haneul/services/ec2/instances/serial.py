"""The live serial console of an instance, as a WebSocket: /_haneul/serial/<instance>.

AWS serves its own over ssh, where EnableSerialConsoleAccess was called and IAM allows
`ec2-instance-connect:SendSerialConsoleSSHPublicKey`; so does this one, and refuses with that operation's codes.
Keys come as messages, what the guest says goes out as binary ones. A client that reads slowly misses some.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from haneul.engines.errors import EngineError
from haneul.engines.integrations.sockets import Socket, Sockets, accepting
from haneul.kit import tokens
from haneul.service import Call
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.account import settings
from haneul.services.ec2.errors import errors
from haneul.services.ec2.instances.state import INSTANCE
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response, Upgrade

if TYPE_CHECKING:
    from haneul.cloud import Cloud

ACTION = "ec2-instance-connect:SendSerialConsoleSSHPublicKey"
PER_INSTANCE = 4
IN_ALL = 32
_DISABLED = "This account is not authorized to use the serial console. Call EnableSerialConsoleAccess to authorize it."
_PIECE = 16 << 10
_RATE = 2 << 20
"""Bytes a second that a browser is given: more than a terminal can draw."""
_UNSENT = 64 << 10
log = logging.getLogger(__name__)


def open_console(call: Call, request: Request, rest: str) -> Response:
    """Connect to the instance that the path names. Raises InvalidInstanceID, SerialConsoleAccessDisabledException,
    EC2InstanceStateInvalidException, SerialConsoleSessionLimitExceededException."""
    with call.read() as tx:
        row = INSTANCE.get(tx, call.scope, rest)
        enabled = settings.of(tx, call.scope, settings.SERIAL)
    call.cloud.gate.check(call, ACTION, INSTANCE.arn(call.scope, row.id))
    if not enabled:
        raise AwsError("SerialConsoleAccessDisabledException", _DISABLED, 403)
    if row.state != "running":
        raise errors.EC2InstanceStateInvalidException(
            f"Unable to connect because the instance '{row.id}' is {row.state}. Connect to a running one."
        )
    headers = accepting(request.headers)
    if headers is None:
        return Response(426, [("Upgrade", "websocket"), ("Content-Type", "text/plain")], b"WebSocket only.\n")
    open_now = _open(call.cloud)
    if len(open_now) >= IN_ALL or open_now.count(row.id) >= PER_INSTANCE:
        raise errors.SerialConsoleSessionLimitExceededException("Too many serial console sessions are open.")
    terminal = Terminal(call.cloud, row.id)
    return Upgrade(
        headers,
        Socket(
            open_now, terminal, call.cloud.loop, call.cloud.clock.now,
            identity=tokens.resource_id("serial"), scope=call.scope, api=row.id, stage="", client=request.client,
            agent=request.headers.get("user-agent", ""),
        ),
    )  # fmt: skip


class Consoles(Sockets):
    """Connections to serial consoles; `api` is the instance."""

    def count(self, instance: str) -> int:
        return sum(one.api == instance for one in self._open.values())


def _open(cloud: Cloud) -> Consoles:
    return cast(Consoles, cloud.engines.setdefault("serial consoles", Consoles()))


class Terminal:
    """Between one browser and one guest; a `Listener` of the socket's."""

    def __init__(self, cloud: Cloud, instance: str) -> None:
        self._cloud = cloud
        self._instance = instance
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._draining: asyncio.Task[None] | None = None
        self._early = bytearray()

    def opened(self, socket: Socket) -> None:
        self._task = self._cloud.loop.create_task(self._listen(socket))

    def received(self, socket: Socket, data: bytes, is_text: bool) -> None:
        if self._writer is None:
            self._early += data[: _UNSENT - len(self._early)]
            return
        self._writer.write(data)
        if self._draining is None and self._writer.transport.get_write_buffer_size() > _UNSENT:
            socket.pause()
            self._draining = self._cloud.loop.create_task(self._drain(socket, self._writer))

    def closed(self, socket: Socket, code: int, reason: str) -> None:
        for task in (self._task, self._draining):
            if task is not None:
                task.cancel()

    async def _listen(self, socket: Socket) -> None:
        """Hand on what the guest says until it ends or nobody listens."""
        try:
            line = await asyncio.to_thread(planes.of(self._cloud).machines.serial, self._instance)
        except EngineError as error:
            log.info("no serial console of %s: %s", self._instance, error)
            socket.close(1011, "The instance has no serial console now.")
            return
        line.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=line)
        try:
            writer.write(bytes(self._early))
            self._writer = writer
            while data := await reader.read(_PIECE):
                if not socket.send(data, is_text=False):
                    return
                await asyncio.sleep(len(data) / _RATE)
            socket.close(1000, "The machine ended.")
        except OSError:
            socket.close(1000, "The machine ended.")
        finally:
            self._writer = None
            writer.close()

    async def _drain(self, socket: Socket, writer: asyncio.StreamWriter) -> None:
        try:
            await writer.drain()
        except OSError:
            return  # `_listen` tells
        finally:
            self._draining = None
        socket.resume()
