"""The router's own pieces: SCRAM against PostgreSQL's rules, start-up messages, TLS over bytes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
from pathlib import Path

import pytest

from haneul.engines.endpoints import wire
from haneul.engines.endpoints.tls import Session, context
from haneul.gateway.certificates import Authority


def test_start_up_messages_come_back() -> None:
    """What a client sends is what is read."""
    sent = wire.startup(196608, {"user": "ann", "database": "app"})
    assert wire.parameters(sent) == {"user": "ann", "database": "app"}
    assert int.from_bytes(sent[:4], "big") == len(sent)


def test_messages_are_bounded() -> None:
    """A client that announces a huge message during log-in is cut off."""
    assert wire.message(bytearray(b"p\x00\x00")) is None
    assert wire.message(bytearray(b"p\x00\x00\x00\x06ab")) == (ord("p"), b"ab")
    with pytest.raises(ValueError):
        wire.message(bytearray(b"p\x7f\xff\xff\xff"))


def test_scram_proves_and_is_proven() -> None:
    """Against a server's side written from RFC 5802; a server that doesn't know the password is found out."""
    scram = wire.Scram("secret")
    first = scram.begin().split(b"n,,", 1)[1].decode()
    nonce = dict(part.split("=", 1) for part in first.split(","))["r"] + "srv"
    salt = b"0123456789abcdef"
    challenge = f"r={nonce},s={base64.b64encode(salt).decode()},i=4096"
    answer = scram.proof(challenge.encode())[5:].decode()
    without, _, proof = answer.rpartition(",p=")
    salted = hashlib.pbkdf2_hmac("sha256", b"secret", salt, 4096)
    key = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    auth = f"{first},{challenge},{without}".encode()
    signature = hmac.new(hashlib.sha256(key).digest(), auth, hashlib.sha256).digest()
    assert base64.b64decode(proof) == bytes(a ^ b for a, b in zip(key, signature, strict=True))
    server = hmac.new(hmac.new(salted, b"Server Key", hashlib.sha256).digest(), auth, hashlib.sha256).digest()
    scram.finish(b"v=" + base64.b64encode(server))
    with pytest.raises(ValueError):
        scram.finish(b"v=" + base64.b64encode(b"somebody else"))


def test_tls_over_bytes(tmp_path: Path) -> None:
    """A client's handshake and data, fed in whatever pieces they come."""
    authority = Authority(tmp_path / "ca")
    server = Session(context(*authority.leaf(("localhost",))))
    trust = ssl.create_default_context(cafile=str(authority.certificate_path))
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trust.wrap_bio(into, out, server_hostname="localhost")

    def pump() -> bytes:
        data = out.read()
        plain = b"".join(server.feed(data[i : i + 100]) for i in range(0, len(data), 100))
        into.write(server.pending())
        return plain

    while True:
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            pump()
    client.write(b"x" * 100_000)
    assert pump() == b"x" * 100_000
    into.write(server.seal(b"answer"))
    assert client.read(100) == b"answer"
    with pytest.raises(ssl.SSLWantReadError):
        client.unwrap()
    data = out.read()
    with pytest.raises(EOFError):
        server.feed(data)
