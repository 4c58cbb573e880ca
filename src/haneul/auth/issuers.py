"""Accounts as issuers of web identity tokens: their keys, made once and sealed, and how others find them."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from haneul.auth import jwt, tables
from haneul.auth.sealed import Sealed
from haneul.state.store import Reader

HOST = "outbound-issuer"
"""The host label under which issuers answer: https://<id>.outbound-issuer.<domain>"""
DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/.well-known/jwks.json"
_CONTEXT = b"web identity key"
_PKCS8 = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def new_keys(sealed: Sealed) -> dict[str, bytes]:
    """A fresh key for each algorithm, sealed. Takes a tenth of a second: call it in a thread."""
    keys: dict[str, jwt.Key] = {
        "RS256": rsa.generate_private_key(65537, 2048),
        "ES384": ec.generate_private_key(ec.SECP384R1()),
    }
    return {name: sealed.seal(key.private_bytes(*_PKCS8), _CONTEXT) for name, key in keys.items()}


def find(tx: Reader, url: str) -> tables.Issuer | None:
    """The issuer with this URL (its host begins with its id)."""
    row = tables.ISSUERS.get(tx, tables.HOUSE, url.partition("://")[2].partition(".")[0])
    return row if row is not None and row.url == url else None


def private_key(sealed: Sealed, row: tables.Issuer, algorithm: str) -> jwt.Key:
    key = serialization.load_der_private_key(sealed.open(row.keys[algorithm], _CONTEXT), None)
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return key


def key_id(row: tables.Issuer, algorithm: str) -> str:
    return f"{row.id}-{algorithm}"


def public_keys(sealed: Sealed, row: tables.Issuer) -> list[dict[str, Any]]:
    """The JSON web keys that anybody may have."""
    return [jwt.public(name, key_id(row, name), private_key(sealed, row, name)) for name in row.keys]
