"""A TLS session over bytes: what came in goes through `feed`, what goes out comes from `seal` and `pending`."""

from __future__ import annotations

import os
import ssl

_CHUNK = 262_144


def context(chain: bytes, key: bytes) -> ssl.SSLContext:
    """A server context for PostgreSQL clients; the pair never touches a disk."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["postgresql"])
    descriptor = os.memfd_create("pair", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, chain + key)
        made.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    return made


class Session:
    """One connection's TLS, as a server."""

    __slots__ = ("_in", "_object", "_out", "_read", "_write", "ready")

    def __init__(self, made: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = made.wrap_bio(self._in, self._out, server_side=True)
        self._read, self._write = self._object.read, self._object.write
        self.ready = False

    @property
    def protocol(self) -> str | None:
        return self._object.selected_alpn_protocol()

    def feed(self, data: bytes) -> bytes:
        """What the client meant by `data`. Raises ssl.SSLError; EOFError when the client said good-bye."""
        self._in.write(data)
        if not self.ready:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                return b""
            self.ready = True
            if not self._in.pending:
                return b""
        plain = b""
        try:
            plain = chunk = self._read(_CHUNK)
            while chunk and (self._in.pending or self._object.pending()):
                chunk = self._read(_CHUNK)
                plain += chunk
        except ssl.SSLWantReadError:
            return plain
        except ssl.SSLZeroReturnError:
            pass
        if not plain:
            raise EOFError
        return plain

    def seal(self, data: bytes) -> bytes:
        """`data` as it goes to the client."""
        self._write(data)
        return self._out.read()

    def pending(self) -> bytes:
        """What TLS itself has to tell the client."""
        return self._out.read() if self._out.pending else b""
