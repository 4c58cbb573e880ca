"""One client's connection: looked at until it has logged in, then a pipe."""

from __future__ import annotations

import asyncio
import ssl
import struct
import time
from typing import TYPE_CHECKING, Any

from haneul.engines.endpoints import wire
from haneul.engines.endpoints.tls import Session as TlsSession

if TYPE_CHECKING:
    from haneul.engines.endpoints.router import Endpoint

LOGIN_LIMIT = 60.0
PATIENCE = 5.0
"""Seconds that a new connection waits for a server that is being replaced."""
HIGH_WATER = 1 << 20


class Session(asyncio.Protocol):
    """What both protocols share: a client, a server, and bytes between them with back pressure."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.target = ""
        self.client: Any = None
        self.server: Any = None
        self.tls: TlsSession | None = None
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        self.client = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)
        if self.endpoint.router.full:
            transport.abort()
            return
        self.endpoint.sessions.add(self)
        self._limit = asyncio.get_running_loop().call_later(LOGIN_LIMIT, self.abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost()

    def lost(self) -> None:
        """Either side is gone: so is the session."""
        self.endpoint.sessions.discard(self)
        self.calm()
        for transport in (self.client, self.server):
            if transport is not None and not transport.is_closing():
                transport.close()

    def abort(self) -> None:
        self.endpoint.sessions.discard(self)
        self.calm()
        for transport in (self.client, self.server):
            if transport is not None:
                transport.abort()

    def calm(self) -> None:
        """The log-in is over: no more limit on it."""
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    async def reach(self, protocol: asyncio.Protocol) -> Any:
        """A connection to a target that answers, waiting a little for one. Raises OSError."""
        loop = asyncio.get_running_loop()
        deadline = time.monotonic() + PATIENCE
        while True:
            for target in self.endpoint.candidates():
                try:
                    transport, _ = await loop.create_unix_connection(lambda: protocol, target)
                except OSError:
                    continue
                self.target = target
                transport.set_write_buffer_limits(high=HIGH_WATER)
                return transport
            if time.monotonic() > deadline or self.client.is_closing():
                raise OSError("no server answers")
            await asyncio.sleep(0.02)

    def join(self) -> None:
        """Turn the two connections into one pipe."""
        self.calm()
        if self.tls is None:
            self.client.set_protocol(Pipe(self, self.server, self.server.write))
            self.server.set_protocol(Pipe(self, self.client, self.client.write))
        else:
            self.client.set_protocol(Pipe(self, self.server, Opener(self).data_received))
            self.server.set_protocol(Pipe(self, self.client, Sealer(self).data_received))


class Pipe(asyncio.Protocol):
    """What comes in is written to the other side by `data_received`, an attribute: no call of Python in between."""

    def __init__(self, session: Session, other: Any, write: Any) -> None:
        self._session = session
        self._other = other
        self.data_received = write  # type: ignore[method-assign]

    def connection_lost(self, exc: BaseException | None) -> None:
        self._session.lost()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        if not self._other.is_closing():
            self._other.pause_reading()

    def resume_writing(self) -> None:
        if not self._other.is_closing():
            self._other.resume_reading()


class Opener:
    """Client to server through TLS."""

    __slots__ = ("_feed", "_session", "_write")

    def __init__(self, session: Session) -> None:
        assert session.tls is not None
        self._session = session
        self._feed = session.tls.feed
        self._write = session.server.write

    def data_received(self, data: bytes) -> None:
        try:
            plain = self._feed(data)
        except (ssl.SSLError, EOFError):
            self._session.lost()
            return
        if plain:
            self._write(plain)
        assert self._session.tls is not None
        if own := self._session.tls.pending():
            self._session.client.write(own)


class Sealer:
    """Server to client through TLS."""

    __slots__ = ("_seal", "_session", "_write")

    def __init__(self, session: Session) -> None:
        assert session.tls is not None
        self._session = session
        self._seal = session.tls.seal
        self._write = session.client.write

    def data_received(self, data: bytes) -> None:
        try:
            self._write(self._seal(data))
        except ssl.SSLError:
            self._session.lost()


class MysqlSession(Session):
    """MySQL's server speaks first and does its own TLS: a pipe from the start."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._said = bytearray()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if not transport.is_closing():
            self.endpoint.router.keep(self._begin())

    def data_received(self, data: bytes) -> None:
        self._said += data
        if len(self._said) > wire.MAX_MESSAGE:
            self.abort()

    async def _begin(self) -> None:
        greeting = Greeting(self)
        try:
            self.server = await self.reach(greeting)
        except OSError:
            self.abort()
            return
        self.join()
        self.client.write(bytes(greeting.said))
        self.server.write(bytes(self._said))


class Greeting(asyncio.Protocol):
    """A server's connection until it is joined: what it says meanwhile is kept."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.said = bytearray()

    def data_received(self, data: bytes) -> None:
        self.said += data

    def connection_lost(self, exc: BaseException | None) -> None:
        self.session.lost()


class PostgresSession(Session):
    """Start-up, TLS, cancelling, IAM tokens; then a pipe."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._buffer = bytearray()
        self._startup = b""
        self._user = ""
        self._token: asyncio.Future[str] | None = None
        self._waiting = False

    # What the client sends until it is logged in.

    def data_received(self, data: bytes) -> None:
        if self.tls is not None:
            try:
                data = self.tls.feed(data)
            except (ssl.SSLError, EOFError):
                self._flush()
                self.lost()
                return
            self._flush()
        self._buffer += data
        if self._waiting or len(self._buffer) > wire.MAX_MESSAGE:
            if len(self._buffer) > wire.MAX_MESSAGE:
                self.abort()
            return
        try:
            self._look()
        except (ValueError, ssl.SSLError, struct.error):
            self._flush()
            self.abort()

    def _flush(self) -> None:
        if self.tls is not None and (own := self.tls.pending()):
            self.client.write(own)

    def send(self, data: bytes) -> None:
        self.client.write(data if self.tls is None else self.tls.seal(data))

    def refuse(self, code: str, text: str) -> None:
        if not self.client.is_closing():
            self.send(wire.error(code, text))
        self.lost()

    def _look(self) -> None:
        if self._token is not None:
            self._take_token()
            return
        while len(self._buffer) >= 8 or (self._buffer and self._buffer[0] == 0x16 and self.tls is None):
            if self.tls is None and self._buffer[0] == 0x16:
                self._begin_tls(bytes(self._buffer))
                continue
            length, code = struct.unpack("!ii", self._buffer[:8])
            if not 8 <= length <= wire.MAX_STARTUP:
                raise ValueError("no start-up message")
            if len(self._buffer) < length:
                return
            packet = bytes(self._buffer[:length])
            del self._buffer[:length]
            if code == wire.SSL and self.tls is None:
                self._answer_ssl()
            elif code in (wire.GSS, wire.SSL):
                self.send(b"N")
            elif code == wire.CANCEL:
                self._waiting = True
                self.endpoint.router.keep(self._cancel(packet))
                return
            else:
                self._waiting = True
                self._startup = packet
                self.endpoint.router.keep(self._log_in())
                return

    def _answer_ssl(self) -> None:
        if self._buffer:
            raise ValueError("bytes behind the request for TLS")  # as PostgreSQL: somebody in the middle put them there
        if self.endpoint.context is None:
            self.client.write(b"N")
            return
        self.client.write(b"S")
        self.tls = TlsSession(self.endpoint.context)

    def _begin_tls(self, hello: bytes) -> None:
        """TLS from the first byte (sslnegotiation=direct)."""
        if self.endpoint.context is None:
            raise ValueError("no TLS here")
        self._buffer.clear()
        self.tls = TlsSession(self.endpoint.context)
        plain = self.tls.feed(hello)
        self._flush()
        self._buffer += plain

    async def _cancel(self, packet: bytes) -> None:
        """Only the server knows whose key it is, so every target hears it."""
        loop = asyncio.get_running_loop()
        for target in self.endpoint.targets:
            try:
                transport, _ = await loop.create_unix_connection(asyncio.Protocol, target)
            except OSError:
                continue
            transport.write(packet)
            transport.close()
        self.lost()

    # Logging in.

    async def _log_in(self) -> None:
        values = wire.parameters(self._startup)
        self._user = values.get("user", "")
        database = values.get("database", self._user)
        where = f'host "127.0.0.1", user "{self._user}", database "{database}"'
        try:
            if self._user == "rdsadmin":
                self.refuse("28000", f"pg_hba.conf rejects connection for {where}, SSL {'on' if self.tls else 'off'}")
            elif self.endpoint.force_tls and self.tls is None:
                self.refuse("28000", f"no pg_hba.conf entry for {where}, no encryption")
            elif self.endpoint.iam and await self._by_token():
                await self._log_in_by_token(where)
            else:
                backend = Backend(self)
                self.server = await self.reach(backend)
                self._hand_over()
        except OSError:
            self.refuse("57P03", "the database system is not yet accepting connections")
        except TimeoutError:
            self.refuse("57P03", "the database system did not answer in time")

    def _hand_over(self) -> None:
        if self.client.is_closing():
            self.lost()
            return
        self.server.write(self._startup + bytes(self._buffer))
        self._buffer.clear()
        self.join()

    async def _by_token(self) -> bool:
        answer = await self.endpoint.router.ask("login", endpoint=self.endpoint.name, user=self._user)
        return bool(answer.get("iam"))

    async def _log_in_by_token(self, where: str) -> None:
        """RDS' way: the token comes as a clear-text password under TLS; what it grants is ours to check."""
        if self.tls is None:
            self.refuse("28000", f"pg_hba.conf rejects connection for {where}, no encryption")
            return
        self._token = asyncio.get_running_loop().create_future()
        self.send(wire.ASK_PASSWORD)
        self._waiting = False
        token = await asyncio.wait_for(self._token, LOGIN_LIMIT)
        self._waiting = True
        answer = await self.endpoint.router.ask("token", endpoint=self.endpoint.name, user=self._user, token=token)
        password = answer.get("password")
        if not password:
            self.refuse("28000", f'PAM authentication failed for user "{self._user}"')
            return
        backend = Login(self, password)
        self.server = await self.reach(backend)
        self.server.write(self._startup)

    def _take_token(self) -> None:
        taken = wire.message(self._buffer)
        if taken is None or self._token is None:
            return
        kind, body = taken
        if kind != ord("p"):
            raise ValueError("no password message")
        if not self._token.done():
            self._token.set_result(body.rstrip(b"\0").decode(errors="replace"))


class Backend(asyncio.Protocol):
    """A server's connection before it is joined: it says nothing yet, and may only be lost."""

    def __init__(self, session: PostgresSession) -> None:
        self.session = session

    def connection_lost(self, exc: BaseException | None) -> None:
        self.session.lost()


class Login(Backend):
    """Logs in for a client whose token was good: SCRAM with the password that only the cloud knows."""

    def __init__(self, session: PostgresSession, password: str) -> None:
        super().__init__(session)
        self._scram = wire.Scram(password)
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while (taken := wire.message(self._buffer)) is not None:
                if self._step(*taken):
                    return
        except (ValueError, KeyError):
            self.session.refuse("28000", "the server did not accept the log-in")

    def _step(self, kind: int, body: bytes) -> bool:
        """Whether the log-in is over."""
        code = int.from_bytes(body[:4], "big") if kind == ord("R") else -1
        if code == 10:
            self.session.server.write(self._scram.begin())
        elif code == 11:
            self.session.server.write(self._scram.proof(body[4:]))
        elif code == 12:
            self._scram.finish(body[4:])
        else:
            whole = bytes([kind]) + struct.pack("!i", len(body) + 4) + body + bytes(self._buffer)
            self._buffer.clear()
            self.session.send(whole)
            self.session.join()
            return True
        return False
