"""Raw HTTP for tests: bytes out, parsed answers in, nothing tidied up on the way."""

from __future__ import annotations

import hashlib
import socket
from typing import NamedTuple

from bench.signing import EMPTY, Signer


class Answer(NamedTuple):
    """One HTTP response. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._held = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def is_closed(self) -> bool:
        """Whether the server has closed (what it still sent is dropped)."""
        try:
            while True:
                if not self.socket.recv(65536):
                    return True
        except TimeoutError:
            return False
        except OSError:
            return True

    def answer(self, head_only: bool = False) -> Answer:
        """The next response; 100 Continue is an answer like others. Raises EOFError when the server closes first."""
        while b"\r\n\r\n" not in self._held:
            self._more()
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if status == 100 or head_only or status in (204, 304):
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, self._chunks())
        return Answer(status, headers, self._take(int(headers.get("content-length", "0"))))

    def _chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._held:
                self._more()
            size, _, self._held = self._held.partition(b"\r\n")
            piece = self._take(int(size, 16))
            self._take(2)
            if not piece:
                return body
            body += piece

    def _take(self, size: int) -> bytes:
        while len(self._held) < size:
            self._more()
        data, self._held = self._held[:size], self._held[size:]
        return data

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the server closed the connection")
        self._held += data


def s3_signer(port: int, key: str = "test", secret: str = "test") -> Signer:
    return Signer("s3", f"127.0.0.1:{port}", key, secret)


def chunked_body(signer: Signer, seed: str, pieces: list[bytes], spoil: bool = False) -> bytes:
    """An aws-chunked body, each chunk signed in the chain that begins with the request's signature."""
    import hmac

    out = b""
    previous = seed
    for piece in [*pieces, b""]:
        text = "\n".join(
            ("AWS4-HMAC-SHA256-PAYLOAD", signer.stamp, signer.scope, previous, EMPTY, hashlib.sha256(piece).hexdigest())
        )
        previous = hmac.digest(signer._derived, text.encode(), "sha256").hex()
        shown = previous if not spoil else "0" * 64
        out += b"%x;chunk-signature=%b\r\n%b\r\n" % (len(piece), shown.encode(), piece)
    return out
