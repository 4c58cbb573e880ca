"""JSON web tokens (RFC 7519) as identity providers sign them: RS256 and ES256, checked against JSON web keys."""

from __future__ import annotations

import base64
import binascii
from typing import Any, NamedTuple

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature


class NotAToken(Exception):
    """The text is no signed JSON web token."""


class Token(NamedTuple):
    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def parse(text: str) -> Token:
    """The token inside `text`, unverified. Raises NotAToken."""
    parts = text.split(".")
    if len(parts) != 3:
        raise NotAToken
    try:
        header, claims = orjson.loads(decode(parts[0])), orjson.loads(decode(parts[1]))
        signature = decode(parts[2])
    except (ValueError, binascii.Error):
        raise NotAToken from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise NotAToken
    return Token(header, claims, f"{parts[0]}.{parts[1]}".encode(), signature)


def verify(token: Token, keys: list[dict[str, Any]]) -> bool:
    """Was the token signed by one of `keys` (JSON web keys)? Only RS256 and ES256 count; "none" never does."""
    wanted = token.header.get("kid")
    algorithm = token.header.get("alg")
    for key in keys:
        if wanted is not None and key.get("kid") not in (None, wanted):
            continue
        if algorithm == "RS256" and key.get("kty") == "RSA" and _verify_rsa(token, key):
            return True
        if algorithm == "ES256" and key.get("kty") == "EC" and _verify_ec(token, key):
            return True
    return False


def decode(text: str) -> bytes:
    """base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(key: dict[str, Any], name: str) -> int:
    return int.from_bytes(decode(str(key[name])), "big")


def _verify_rsa(token: Token, key: dict[str, Any]) -> bool:
    try:
        public = rsa.RSAPublicNumbers(_number(key, "e"), _number(key, "n")).public_key()
        public.verify(token.signature, token.signed, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError, KeyError):
        return False
    return True


def _verify_ec(token: Token, key: dict[str, Any]) -> bool:
    if key.get("crv") != "P-256" or len(token.signature) != 64:
        return False
    first, second = (int.from_bytes(token.signature[at : at + 32], "big") for at in (0, 32))
    try:
        public = ec.EllipticCurvePublicNumbers(_number(key, "x"), _number(key, "y"), ec.SECP256R1()).public_key()
        public.verify(encode_dss_signature(first, second), token.signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, KeyError):
        return False
    return True
