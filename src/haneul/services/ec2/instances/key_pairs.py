"""Key pairs: made here (RSA, ED25519) or imported; the private key is told once and never kept."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from haneul.service import Call, Scope
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid, missing
from haneul.services.ec2.instances.state import KEY_PAIR, KeyPair
from haneul.services.ec2.operations import operation
from haneul.state.store import Reader

ARN = "arn:aws:ec2:{region}:{account}:key-pair/{KeyName}"
LIMIT = 5000
_RSA_BITS = (1024, 2048, 4096)
_FILTERS = {"key-pair-id": "KeyPairId", "fingerprint": "KeyFingerprint", "key-name": "KeyName"}


@operation(ARN)
async def create_key_pair(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateKeyPair. KeyMaterial is PEM (PKCS 1 for RSA, OpenSSH's for ED25519) or, asked for, PuTTY's format.

    Raises InvalidKeyPair.Duplicate, InvalidParameterValue, KeyPairLimitExceeded.
    """
    kind, shape = request.get("KeyType") or "rsa", request.get("KeyFormat") or "pem"
    if kind not in ("rsa", "ed25519"):
        raise invalid(f"Value ({kind}) for parameter KeyType is invalid. Valid values are rsa and ed25519.")
    if shape not in ("pem", "ppk"):
        raise invalid(f"Value ({shape}) for parameter KeyFormat is invalid. Valid values are pem and ppk.")
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    if kind == "rsa":
        # It takes a tenth of a second to find the primes.
        key = await asyncio.to_thread(rsa.generate_private_key, public_exponent=65537, key_size=2048)
        fingerprint = _colons(hashlib.sha1(_der(key), usedforsecurity=False).digest())
    else:
        key = ed25519.Ed25519PrivateKey.generate()
        fingerprint = _sha256(_blob(_line(key)))
    row = _kept(call, request, kind, f"{_line(key)} {request['KeyName']}", fingerprint)
    material = _pem(key) if shape == "pem" else _ppk(key, row.name)
    return {**_told(row), "KeyMaterial": material}


@operation(ARN)
def import_key_pair(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ImportKeyPair: a public key as one line of authorized_keys, as PEM, or as base64 of DER.

    Raises InvalidKey.Format, InvalidKeyPair.Duplicate, KeyPairLimitExceeded.
    """
    line = _imported(bytes(request["PublicKeyMaterial"]))
    kind = "rsa" if line.startswith("ssh-rsa ") else "ed25519"
    if kind == "rsa":
        public = serialization.load_ssh_public_key(line.encode())
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        fingerprint = _colons(hashlib.md5(der, usedforsecurity=False).digest())
    else:
        fingerprint = _sha256(_blob(line))
    return _told(_kept(call, request, kind, f"{line} {request['KeyName']}", fingerprint))


@operation()
def describe_key_pairs(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeKeyPairs by KeyPairIds, KeyNames or filters; the public key with IncludePublicKey."""
    names, ids = list(request.get("KeyNames") or ()), list(request.get("KeyPairIds") or ())
    with call.read() as tx:
        rows = list(KEY_PAIR.table.scan(tx, call.scope))
    by_name, by_id = {row.name: row for row in rows}, {row.id: row for row in rows}
    for found, wanted, what in ((by_id, ids, "key pair ID"), (by_name, names, "key pair")):
        gone = [one for one in wanted if one not in found]
        if gone:
            raise coded("InvalidKeyPair.NotFound", f"The {what} '{', '.join(gone)}' does not exist")
    if names or ids:
        rows = [row for row in rows if row.name in names or row.id in ids]
    shown = [(row.name, _shown(row, public=bool(request.get("IncludePublicKey")))) for row in rows]
    return listing.paged(request, "KeyPairs", shown, _FILTERS)


@operation("arn:aws:ec2:{region}:{account}:key-pair/*")
def delete_key_pair(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteKeyPair by name or id; one that isn't there is no error, as with AWS."""
    name, identifier = request.get("KeyName"), request.get("KeyPairId")
    if not name and not identifier:
        raise missing("KeyName")
    with call.write() as tx:
        for row in KEY_PAIR.table.scan(tx, call.scope):
            if row.id == identifier or (not identifier and row.name == name):
                KEY_PAIR.table.delete(tx, call.scope, row.id)
                return {"Return": True, "KeyPairId": row.id}
    return {"Return": True}


def public_of(tx: Reader, scope: Scope, name: str) -> str:
    """The key's line for authorized_keys; "" when there is none of that name."""
    return next((row.public for row in KEY_PAIR.table.scan(tx, scope) if row.name == name), "")


def _kept(call: Call, request: Mapping[str, Any], kind: str, public: str, fingerprint: str) -> KeyPair:
    name = request.get("KeyName") or ""
    if not 1 <= len(name) <= 255 or not name.isascii() or not name.isprintable() or name != name.strip():
        raise invalid(f"Value ({name}) for parameter KeyName is invalid. Up to 255 ASCII characters are allowed.")
    tags = tagging.of_new(request, "key-pair")
    with call.write() as tx:
        names = [row.name for row in KEY_PAIR.table.scan(tx, call.scope)]
        if name in names:
            raise coded("InvalidKeyPair.Duplicate", f"The keypair already exists: {name}")
        if len(names) >= LIMIT:
            raise errors.KeyPairLimitExceeded(f"You have reached the limit of {LIMIT} key pairs.")
        row = KeyPair(
            id=KEY_PAIR.new_id(),
            name=name,
            type=kind,
            public=public,
            fingerprint=fingerprint,
            created=call.now(),
            tags=tags,
        )
        KEY_PAIR.table.put(tx, call.scope, row)
    return row


def _told(row: KeyPair) -> dict[str, Any]:
    return {
        "KeyPairId": row.id,
        "KeyName": row.name,
        "KeyFingerprint": row.fingerprint,
        **({"Tags": tagging.render(row.tags)} if row.tags else {}),
    }


def _shown(row: KeyPair, *, public: bool) -> dict[str, Any]:
    shown = {**_told(row), "Tags": tagging.render(row.tags), "KeyType": row.type, "CreateTime": row.created}
    return {**shown, "PublicKey": f"{row.public}\n"} if public else shown


def _imported(material: bytes) -> str:
    """The key as `type blob`, without a comment. Raises InvalidKey.Format."""
    refusal = coded("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
    if len(material) > 16384:
        raise refusal
    try:
        public = _public(material.strip())
    except (ValueError, UnsupportedAlgorithm, binascii.Error):
        raise refusal from None
    if isinstance(public, rsa.RSAPublicKey):
        if public.key_size not in _RSA_BITS:
            raise refusal
    elif not isinstance(public, ed25519.Ed25519PublicKey):
        raise refusal
    return _authorized(public)


def _authorized(public: rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> str:
    return public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def _public(material: bytes) -> Any:
    if material.startswith(b"ssh-"):
        return serialization.load_ssh_public_key(material)
    if material.startswith(b"---- BEGIN SSH2 PUBLIC KEY"):
        lines = [line for line in material.splitlines() if line and not line.startswith(b"----") and b":" not in line]
        blob = base64.b64decode(b"".join(lines), validate=True)
        length = struct.unpack(">I", blob[:4])[0] if len(blob) >= 4 else 0
        return serialization.load_ssh_public_key(blob[4 : 4 + length] + b" " + base64.b64encode(blob))
    if material.startswith(b"-----BEGIN"):
        return serialization.load_pem_public_key(material)
    return serialization.load_der_public_key(base64.b64decode(material, validate=True))


def _line(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return _authorized(key.public_key())


def _blob(line: str) -> bytes:
    return base64.b64decode(line.split()[1])


def _der(key: rsa.RSAPrivateKey) -> bytes:
    """PKCS 8, over which AWS makes the fingerprint of a key that it made."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    form = (
        serialization.PrivateFormat.TraditionalOpenSSL
        if isinstance(key, rsa.RSAPrivateKey)
        else serialization.PrivateFormat.OpenSSH
    )
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def _ppk(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, comment: str) -> str:
    """PuTTY's file, version 2, without a passphrase (PuTTY's manual, appendix C)."""
    line = _line(key)
    kind, public = line.split()[0], _blob(line)
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        private = b"".join(_mpint(one) for one in (numbers.d, numbers.p, numbers.q, numbers.iqmp))
    else:
        raw = serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
        private = _string(key.private_bytes(*raw))
    signed = b"".join(_string(one) for one in (kind.encode(), b"none", comment.encode(), public, private))
    secret = hashlib.sha1(b"putty-private-key-file-mac-key", usedforsecurity=False).digest()
    mac = hmac.new(secret, signed, "sha1").hexdigest()
    head = [f"PuTTY-User-Key-File-2: {kind}", "Encryption: none", f"Comment: {comment}"]
    return "\r\n".join([*head, *_wrapped("Public", public), *_wrapped("Private", private), f"Private-MAC: {mac}", ""])


def _wrapped(name: str, blob: bytes) -> list[str]:
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return [f"{name}-Lines: {len(lines)}", *lines]


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _mpint(number: int) -> bytes:
    return _string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _colons(digest: bytes) -> str:
    return ":".join(f"{byte:02x}" for byte in digest)


def _sha256(blob: bytes) -> str:
    return base64.b64encode(hashlib.sha256(blob).digest()).decode()
