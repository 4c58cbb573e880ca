"""Responses larger than one write: files by sendfile from a duplicate of the socket, and async streams.

uvloop has no sendfile of its own; driving os.sendfile on a dup of the transport's descriptor is as
cheap as nginx's. TLS sockets can't (their bytes must be encrypted first), so they read and write.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from haneul.wire.message import FileRange

SMALL = 256 << 10
"""File pieces up to this are read and written with the rest: one system call fewer than sendfile wants."""
_ONCE = 4 << 20


class Sender:
    """Writes pieces (bytes and file ranges) to a socket in order, without blocking, then calls `done`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        pieces: Sequence[bytes | FileRange],
        done: Callable[[BaseException | None], None],
        secure: bool,
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._pieces = pieces
        self._done = done
        self._secure = secure
        self._index = 0
        self._offset = 0
        self._socket = -1
        self._file = -1
        self._watching = False
        self._task: asyncio.Task[None] | None = None
        self.moved = time.monotonic()

    def start(self) -> None:
        total = sum(len(p) if isinstance(p, bytes) else p.length for p in self._pieces)
        try:
            if total <= SMALL + 4096:
                self._transport.write(b"".join(p if isinstance(p, bytes) else _read(p) for p in self._pieces))
                self._done(None)
                return
        except OSError as error:
            self._done(error)
            return
        if self._secure:
            self._task = self._loop.create_task(self._copy())
            return
        self._socket = os.dup(self._transport.get_extra_info("socket").fileno())
        self._continue()

    def stop(self) -> None:
        """The connection is gone: let go of the descriptors."""
        self._close()
        if self._task is not None:
            self._task.cancel()

    def _continue(self) -> None:
        try:
            if self._transport.get_write_buffer_size() > 0:  # an earlier response is still leaving
                self._loop.call_later(0.001, self._continue)
                return
            while self._index < len(self._pieces):
                if not self._send_piece(self._pieces[self._index]):
                    self._watch()
                    return
                self._index += 1
                self._offset = 0
        except OSError as error:
            self._close()
            self._done(error)
            return
        self._close()
        self._done(None)

    def _send_piece(self, piece: bytes | FileRange) -> bool:
        """Send what the socket takes; True when the whole piece has left."""
        self.moved = time.monotonic()
        try:
            if isinstance(piece, bytes):
                while self._offset < len(piece):
                    self._offset += os.write(self._socket, memoryview(piece)[self._offset :])
                return True
            if self._file < 0:
                self._file = os.open(piece.path, os.O_RDONLY | os.O_CLOEXEC)
            while self._offset < piece.length:
                sent = os.sendfile(
                    self._socket, self._file, piece.offset + self._offset, min(_ONCE, piece.length - self._offset)
                )
                if sent == 0:
                    raise OSError(f"{piece.path} ends before the response does")
                self._offset += sent
        except BlockingIOError:
            return False
        os.close(self._file)
        self._file = -1
        return True

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            self._loop.add_writer(self._socket, self._continue)

    def _close(self) -> None:
        if self._watching:
            self._watching = False
            self._loop.remove_writer(self._socket)
        for descriptor in (self._socket, self._file):
            if descriptor >= 0:
                os.close(descriptor)
        self._socket = self._file = -1

    async def _copy(self) -> None:
        """The TLS way: read off the loop, write through the transport, never far ahead of the client."""
        error: BaseException | None = None
        try:
            for piece in self._pieces:
                if isinstance(piece, bytes):
                    self._transport.write(piece)
                    continue
                for start in range(0, piece.length, SMALL):
                    part = FileRange(piece.path, piece.offset + start, min(SMALL, piece.length - start))
                    self._transport.write(await self._loop.run_in_executor(None, _read, part))
                    self.moved = time.monotonic()
                    while self._transport.get_write_buffer_size() > 4 * SMALL:
                        await asyncio.sleep(0.002)
        except OSError as problem:
            error = problem
        self._done(error)


def _read(piece: FileRange) -> bytes:
    descriptor = os.open(piece.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.pread(descriptor, piece.length, piece.offset)
    finally:
        os.close(descriptor)
    if len(data) != piece.length:
        raise OSError(f"{piece.path} ends before the response does")
    return data


async def send_stream(
    transport: asyncio.Transport,
    head: bytes,
    body: AsyncIterator[bytes],
    drained: Callable[[], Awaitable[None]],
    done: Callable[[BaseException | None], None],
) -> None:
    """Send an async stream as chunks (RFC 9112, 7.1); a failure closes the connection, so that the client notices."""
    chunked = b"Transfer-Encoding: chunked" in head
    try:
        transport.write(head)
        async for piece in body:
            if not piece:
                continue
            transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            await drained()
        if chunked:
            transport.write(b"0\r\n\r\n")
    except Exception as error:
        done(error)
        return
    done(None)
