"""Encrypt, decrypt, sign, verify: on raw key material (AES and HMAC bytes; PKCS#8 DER for key pairs).

A ciphertext made with a symmetric key names its account, key and material, so that Decrypt finds them by itself:

    version (1), account (6), length and name of the key, material number (2), nonce (12), AES-GCM ciphertext and tag
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from haneul.kit import tokens

VERSION = 1
NONCE = 12
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA_1": hashes.SHA1(),  # noqa: S303 - AWS's RSAES_OAEP_SHA_1
    "SHA_224": hashes.SHA224(),
    "SHA_256": hashes.SHA256(),
    "SHA_384": hashes.SHA384(),
    "SHA_512": hashes.SHA512(),
}
_CURVES: dict[str, ec.EllipticCurve] = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
    "ECC_SECG_P256K1": ec.SECP256K1(),
}


class Unreadable(Exception):
    """A ciphertext that this key didn't make, was altered, or belongs to another encryption context."""


class Header(NamedTuple):
    """What a ciphertext says of its key; `size` bytes long, the nonce and ciphertext behind it."""

    account: str
    key: str
    material: int
    size: int


def generate(spec: str) -> bytes:
    """New material for a key spec. Slow for RSA: call it in a thread."""
    if spec == "SYMMETRIC_DEFAULT":
        return AESGCM.generate_key(256)
    if spec.startswith("HMAC_"):
        return bytes.fromhex(tokens.random_hex(int(spec[5:]) // 4))
    key: Any
    if spec.startswith("RSA_"):
        key = rsa.generate_private_key(65537, int(spec[4:]))
    elif spec == "ECC_NIST_EDWARDS25519":
        key = ed25519.Ed25519PrivateKey.generate()
    elif spec.startswith("ML_DSA_"):
        key = _mldsa(spec).generate()
    elif spec.startswith("ML_KEM_"):
        key = _mlkem(spec).generate()
    else:
        key = ec.generate_private_key(_CURVES[spec])
    return private_der(key)


def _mldsa(spec: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import mldsa

    return getattr(mldsa, f"MLDSA{spec[7:]}PrivateKey")


def _mlkem(spec: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import mlkem

    return getattr(mlkem, f"MLKEM{spec[7:]}PrivateKey")


def private_der(key: Any) -> bytes:
    der: bytes = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return der


def load_private(der: bytes) -> Any:
    return serialization.load_der_private_key(der, None)


def public_der(private: bytes) -> bytes:
    """The public half, as SubjectPublicKeyInfo."""
    der: bytes = (
        load_private(private)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return der


def fits(spec: str, material: bytes) -> bool:
    """Imported material is what the spec asks for."""
    if spec == "SYMMETRIC_DEFAULT":
        return len(material) == 32
    if spec.startswith("HMAC_"):
        return 8 * len(material) == int(spec[5:])
    try:
        key = load_private(material)
    except (ValueError, TypeError):
        return False
    if isinstance(key, rsa.RSAPrivateKey):
        return spec == f"RSA_{key.key_size}"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return spec in _CURVES and key.curve.name == _CURVES[spec].name
    return spec == "ECC_NIST_EDWARDS25519" and isinstance(key, ed25519.Ed25519PrivateKey)


def context_bytes(context: Mapping[str, str] | None) -> bytes:
    """An encryption context as additional authenticated data: pairs in order, each part behind its length."""
    if not context:
        return b""
    parts = []
    for name in sorted(context):
        for text in (name, context[name]):
            raw = text.encode()
            parts.append(len(raw).to_bytes(4, "big") + raw)
    return b"".join(parts)


def seal(
    account: str, key: str, number: int, material: bytes, plain: bytes, context: Mapping[str, str] | None
) -> bytes:
    """`plain` as a ciphertext that names its key."""
    name = key.encode()
    header = bytes([VERSION]) + int(account).to_bytes(6, "big") + bytes([len(name)]) + name + number.to_bytes(2, "big")
    nonce = bytes.fromhex(tokens.random_hex(2 * NONCE))
    return header + nonce + AESGCM(material).encrypt(nonce, plain, header + context_bytes(context))


def header_of(blob: bytes) -> Header:
    """Raises Unreadable for what no key here made."""
    if len(blob) < 8 or blob[0] != VERSION:
        raise Unreadable
    length = blob[7]
    size = 8 + length + 2
    if len(blob) < size + NONCE + 16:
        raise Unreadable
    try:
        name = blob[8 : 8 + length].decode()
    except UnicodeDecodeError:
        raise Unreadable from None
    return Header(f"{int.from_bytes(blob[1:7], 'big'):012d}", name, int.from_bytes(blob[size - 2 : size], "big"), size)


def unseal(blob: bytes, header: Header, material: bytes, context: Mapping[str, str] | None) -> bytes:
    start = header.size
    try:
        return AESGCM(material).decrypt(
            blob[start : start + NONCE], blob[start + NONCE :], blob[:start] + context_bytes(context)
        )
    except InvalidTag:
        raise Unreadable from None


def _oaep(algorithm: str) -> padding.OAEP:
    chosen = _HASHES[algorithm.removeprefix("RSAES_OAEP_")]
    return padding.OAEP(padding.MGF1(chosen), chosen, None)


def rsa_encrypt(private: bytes, algorithm: str, plain: bytes) -> bytes:
    """Raises ValueError when `plain` is too long for the key."""
    sealed: bytes = load_private(private).public_key().encrypt(plain, _oaep(algorithm))
    return sealed


def rsa_decrypt(private: bytes, algorithm: str, blob: bytes) -> bytes:
    try:
        plain: bytes = load_private(private).decrypt(blob, _oaep(algorithm))
    except ValueError:
        raise Unreadable from None
    return plain


def digest_size(algorithm: str) -> int:
    """Bytes of a digest for a signing algorithm."""
    return _hash_of(algorithm).digest_size


def _hash_of(algorithm: str) -> hashes.HashAlgorithm:
    return _HASHES["SHA_" + algorithm.rsplit("SHA_", 1)[1]]


def sign(private: bytes, algorithm: str, message: bytes, *, digest: bool) -> bytes:
    """A signature of a message, or of its digest."""
    key = load_private(private)
    signature: bytes
    if algorithm.startswith(("ED25519", "ML_DSA")):
        signature = key.sign(message)
        return signature
    chosen = _hash_of(algorithm)
    hashed = utils.Prehashed(chosen) if digest else chosen
    if algorithm.startswith("ECDSA"):
        signature = key.sign(message, ec.ECDSA(hashed))
    else:
        signature = key.sign(message, _rsa_padding(algorithm, chosen), hashed)
    return signature


def verify(private: bytes, algorithm: str, message: bytes, signature: bytes, *, digest: bool) -> bool:
    key = load_private(private).public_key()
    try:
        if algorithm.startswith(("ED25519", "ML_DSA")):
            key.verify(signature, message)
            return True
        chosen = _hash_of(algorithm)
        hashed = utils.Prehashed(chosen) if digest else chosen
        if algorithm.startswith("ECDSA"):
            key.verify(signature, message, ec.ECDSA(hashed))
        else:
            key.verify(signature, message, _rsa_padding(algorithm, chosen), hashed)
    except InvalidSignature:
        return False
    return True


def _rsa_padding(algorithm: str, chosen: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if "PKCS1" in algorithm:
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(chosen), chosen.digest_size)


def mac(material: bytes, algorithm: str, message: bytes) -> bytes:
    return hmac.digest(material, message, "sha" + algorithm.rsplit("_", 1)[1])


def agree(private: bytes, public: bytes) -> bytes:
    """The shared secret of ECDH. Raises ValueError for a public key that doesn't fit."""
    key = load_private(private)
    peer = serialization.load_der_public_key(public)
    if not isinstance(peer, ec.EllipticCurvePublicKey) or peer.curve.name != key.curve.name:
        raise ValueError("another curve")
    shared: bytes = key.exchange(ec.ECDH(), peer)
    return shared


def encapsulate(private: bytes) -> tuple[bytes, bytes]:
    """(shared secret, its ciphertext) for the holder of the private half."""
    secret, sealed = load_private(private).public_key().encapsulate()
    return secret, sealed


def decapsulate(private: bytes, sealed: bytes) -> bytes:
    """The shared secret of a ciphertext. Raises Unreadable for one of another size."""
    try:
        secret: bytes = load_private(private).decapsulate(sealed)
    except (ValueError, TypeError):
        raise Unreadable from None
    return secret


def unwrap(private: bytes, algorithm: str, wrapped: bytes) -> bytes:
    """Imported key material out of its wrapping. Raises Unreadable."""
    key = load_private(private)
    try:
        if algorithm.startswith("RSA_AES_KEY_WRAP_"):
            from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding

            size = key.key_size // 8
            chosen = _HASHES[algorithm.removeprefix("RSA_AES_KEY_WRAP_")]
            inner = key.decrypt(wrapped[:size], padding.OAEP(padding.MGF1(chosen), chosen, None))
            try:
                return aes_key_unwrap_with_padding(inner, wrapped[size:])
            except InvalidUnwrap:
                raise Unreadable from None
        plain: bytes = key.decrypt(wrapped, padding.PKCS1v15() if "PKCS1" in algorithm else _oaep(algorithm))
    except ValueError:
        raise Unreadable from None
    return plain


def material_id(material: bytes) -> str:
    """A name for material, that tells nothing of it: 64 hex digits."""
    return hashlib.sha256(b"haneul key material" + hashlib.sha256(material).digest()).hexdigest()
