"""The little of PostgreSQL's wire protocol that a router must speak: start-up, errors, clear-text passwords, SCRAM."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from collections.abc import Mapping

CANCEL = 80877102
SSL = 80877103
GSS = 80877104
MAX_STARTUP = 10_000
MAX_MESSAGE = 65_536
ASK_PASSWORD = b"R" + struct.pack("!ii", 8, 3)


def parameters(startup: bytes) -> dict[str, str]:
    """The parameters of a StartupMessage (its length and version are its first 8 bytes)."""
    parts = startup[8:].split(b"\0")
    pairs = zip(parts[::2], parts[1::2], strict=False)
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in pairs if name}


def startup(version: int, values: Mapping[str, str]) -> bytes:
    body = b"".join(f"{name}\0{value}\0".encode() for name, value in values.items()) + b"\0"
    return struct.pack("!ii", len(body) + 8, version) + body


def error(code: str, message: str) -> bytes:
    """A fatal ErrorResponse."""
    body = b"".join(
        kind + value.encode() + b"\0"
        for kind, value in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", code), (b"M", message))
    )
    return b"E" + struct.pack("!i", len(body) + 5) + body + b"\0"


def message(buffer: bytearray) -> tuple[int, bytes] | None:
    """Take the first whole message from the buffer: its kind and body. Raises ValueError when it is too long."""
    if len(buffer) < 5:
        return None
    length = int.from_bytes(buffer[1:5], "big")
    if not 4 <= length <= MAX_MESSAGE:
        raise ValueError(f"a message of {length} bytes during log-in")
    if len(buffer) < length + 1:
        return None
    kind, body = buffer[0], bytes(buffer[5 : length + 1])
    del buffer[: length + 1]
    return kind, body


class Scram:
    """The client's side of SCRAM-SHA-256 (RFC 5802): feed it the server's challenges, send what it answers."""

    def __init__(self, password: str) -> None:
        self._password = password
        self._nonce = base64.b64encode(secrets.token_bytes(18)).decode()
        self._first = f"n=,r={self._nonce}"
        self._expected = b""

    def begin(self) -> bytes:
        body = b"SCRAM-SHA-256\0" + struct.pack("!i", len(self._first) + 3) + b"n,," + self._first.encode()
        return b"p" + struct.pack("!i", len(body) + 4) + body

    def proof(self, challenge: bytes) -> bytes:
        """The answer to AuthenticationSASLContinue. Raises ValueError when the server is not to be trusted."""
        fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
        if not fields["r"].startswith(self._nonce):
            raise ValueError("the server's nonce is not ours")
        salted = hashlib.pbkdf2_hmac("sha256", self._password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        last = f"c=biws,r={fields['r']}"
        auth = f"{self._first},{challenge.decode()},{last}".encode()
        key = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
        signature = hmac.new(hashlib.sha256(key).digest(), auth, hashlib.sha256).digest()
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        self._expected = hmac.new(
            hmac.new(salted, b"Server Key", hashlib.sha256).digest(), auth, hashlib.sha256
        ).digest()
        body = f"{last},p={base64.b64encode(proof).decode()}".encode()
        return b"p" + struct.pack("!i", len(body) + 4) + body

    def finish(self, final: bytes) -> None:
        """Check AuthenticationSASLFinal. Raises ValueError."""
        if not hmac.compare_digest(final, b"v=" + base64.b64encode(self._expected)):
            raise ValueError("the server could not prove that it knows the password")
