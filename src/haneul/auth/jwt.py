"""JSON web tokens (RFC 7519): identity providers', checked against JSON web keys (RS256, ES256, ES384), and ours."""

from __future__ import annotations

import base64
import binascii
from typing import Any, NamedTuple

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

_CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "ES256": (ec.SECP256R1(), hashes.SHA256()),
    "ES384": (ec.SECP384R1(), hashes.SHA384()),
}
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


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
    """Was the token signed by one of `keys` (JSON web keys)? Only RS256, ES256 and ES384 count; "none" never does."""
    wanted = token.header.get("kid")
    algorithm = token.header.get("alg")
    for key in keys:
        if wanted is not None and key.get("kid") not in (None, wanted):
            continue
        if algorithm == "RS256" and key.get("kty") == "RSA" and _verify_rsa(token, key):
            return True
        if algorithm in _CURVES and key.get("kty") == "EC" and _verify_ec(token, key, *_CURVES[algorithm]):
            return True
    return False


def sign(algorithm: str, kid: str, key: Key, claims: dict[str, Any]) -> str:
    """A token that says `claims`, signed by RS256 or ES384."""
    header = encode(orjson.dumps({"alg": algorithm, "kid": kid, "typ": "JWT"}))
    signed = f"{header}.{encode(orjson.dumps(claims))}"
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        curve, method = _CURVES[algorithm]
        parts = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(method)))
        signature = b"".join(part.to_bytes(curve.key_size // 8, "big") for part in parts)
    return f"{signed}.{encode(signature)}"


def public(algorithm: str, kid: str, key: Key) -> dict[str, Any]:
    """The JSON web key by which others check what `key` signed."""
    named = {"kid": kid, "alg": algorithm, "use": "sig"}
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return named | {"kty": "RSA", "n": _shown(numbers.n, 256), "e": _shown(numbers.e, 3)}
    point = key.public_key().public_numbers()
    size = key.curve.key_size // 8
    return named | {
        "kty": "EC",
        "crv": f"P-{key.curve.key_size}",
        "x": _shown(point.x, size),
        "y": _shown(point.y, size),
    }


def encode(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _shown(number: int, size: int) -> str:
    return encode(number.to_bytes(size, "big"))


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


def _verify_ec(token: Token, key: dict[str, Any], curve: ec.EllipticCurve, method: hashes.HashAlgorithm) -> bool:
    size = curve.key_size // 8
    if key.get("crv") != f"P-{curve.key_size}" or len(token.signature) != 2 * size:
        return False
    first, second = (int.from_bytes(token.signature[at : at + size], "big") for at in (0, size))
    try:
        public = ec.EllipticCurvePublicNumbers(_number(key, "x"), _number(key, "y"), curve).public_key()
        public.verify(encode_dss_signature(first, second), token.signed, ec.ECDSA(method))
    except (InvalidSignature, ValueError, KeyError):
        return False
    return True
