"""Encrypted volumes' files: QCOW2 with LUKS1 (AES-256-XTS) as QEMU writes it, made here because qemu-img spends seconds
on finding how often a password should be hashed. Ours is a key of 256 random bits, which needs no hashing.

QCOW2 knows what was never written, so such a volume is sparse and full of zeros like any other; its bytes are
ciphertext, its tables tell which parts are in use.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
import uuid
from pathlib import Path

_CLUSTER = 1 << 16
_SECTOR = 512
_MASTER = 64
"""Bytes of the key that AES-256-XTS takes."""
_STRIPES = 4000
_SLOTS = 8
_ROUNDS = 1000
_ACTIVE, _FREE = 0x00AC71F3, 0x0000DEAD
_SLOT = 504
"""Sectors of a slot's room: 4000 stripes of 64 bytes, in pages."""
_FIRST = 8
"""The first slot's sector."""
_PAYLOAD = _FIRST + _SLOTS * _SLOT
_LARGEST = 64 << 40
_L1 = _LARGEST // (_CLUSTER // 8 * _CLUSTER)
"""Entries of the table of tables: for the largest volume, so that growing is a matter of one number."""
_L1_CLUSTERS = _L1 * 8 // _CLUSTER
_SIZE_AT = 24


def secret(key: bytes) -> str:
    """A data key as the text that QEMU takes for a password."""
    return base64.b64encode(key).decode()


def create(path: Path, size: int, key: bytes) -> None:
    """An empty volume of `size` bytes, in whole sectors, that opens with `key`, on disk."""
    with path.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        os.pwrite(file.fileno(), _head(-(-size // _SECTOR) * _SECTOR), 0)
        os.pwrite(file.fileno(), struct.pack(">Q", 2 * _CLUSTER), _CLUSTER)  # the table of reference counts
        os.pwrite(file.fileno(), struct.pack(">H", 1) * (_END // _CLUSTER), 2 * _CLUSTER)
        header, slot = _luks(secret(key).encode())
        os.pwrite(file.fileno(), header, _LUKS_AT)
        os.pwrite(file.fileno(), slot, _LUKS_AT + _FIRST * _SECTOR)
        os.ftruncate(file.fileno(), _END)
        os.fsync(file.fileno())


def size(path: Path) -> int:
    """Bytes of the volume in the file."""
    with path.open("rb") as file:
        return int.from_bytes(os.pread(file.fileno(), 8, _SIZE_AT))


def grow(path: Path, size: int) -> None:
    """A volume that nobody has open is of that size."""
    with path.open("r+b") as file:
        os.pwrite(file.fileno(), struct.pack(">Q", size), _SIZE_AT)
        os.fsync(file.fileno())


_L1_AT = 3 * _CLUSTER
_LUKS_AT = _L1_AT + _L1_CLUSTERS * _CLUSTER
_LUKS_LENGTH = _PAYLOAD * _SECTOR
_END = _LUKS_AT + -(-_LUKS_LENGTH // _CLUSTER) * _CLUSTER


def _head(size: int) -> bytes:
    """QCOW2's header: version 3, encrypted by LUKS, and where that has its own header."""
    fields = (b"QFI\xfb", 3, 0, 0, 16, size, 2, _L1, _L1_AT, _CLUSTER, 1, 0, 0, 0, 0, 0, 4, 104)
    extension = struct.pack(">IIQQ", 0x0537BE77, 16, _LUKS_AT, _LUKS_LENGTH)
    return struct.pack(">4sIQIIQIIQQIIQQQQII", *fields) + extension + bytes(8)


def _luks(password: bytes) -> tuple[bytes, bytes]:
    """LUKS' header with a master key of its own, and what its first slot holds."""
    master, salt, slot_salt = os.urandom(_MASTER), os.urandom(32), os.urandom(32)
    digest = hashlib.pbkdf2_hmac("sha256", master, salt, _ROUNDS, 20)
    header = struct.pack(
        ">6sH32s32s32sII20s32sI40s",
        *(b"LUKS\xba\xbe", 1, b"aes", b"xts-plain64", b"sha256", _PAYLOAD, _MASTER),
        *(digest, salt, _ROUNDS, str(uuid.UUID(bytes=os.urandom(16), version=4)).encode()),
    )
    for number in range(_SLOTS):
        state, rounds, own = (_ACTIVE, _ROUNDS, slot_salt) if number == 0 else (_FREE, 0, b"")
        header += struct.pack(">II32sII", state, rounds, own, _FIRST + number * _SLOT, _STRIPES)
    wrapping = hashlib.pbkdf2_hmac("sha256", password, slot_salt, _ROUNDS, _MASTER)
    return header, _sealed(_split(master), wrapping)


def _split(master: bytes) -> bytes:
    """LUKS' anti-forensic stripes: all of them are needed for the key."""
    last = 0
    stripes = []
    for _ in range(_STRIPES - 1):
        stripe = os.urandom(_MASTER)
        stripes.append(stripe)
        mixed = (last ^ int.from_bytes(stripe)).to_bytes(_MASTER)
        parts = (mixed[at : at + 32] for at in range(0, _MASTER, 32))
        spread = b"".join(hashlib.sha256(struct.pack(">I", n) + part).digest() for n, part in enumerate(parts))
        last = int.from_bytes(spread)
    stripes.append((last ^ int.from_bytes(master)).to_bytes(_MASTER))
    return b"".join(stripes)


def _sealed(content: bytes, key: bytes) -> bytes:
    """AES-XTS by sectors, counted from the content's own start."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    sealed = []
    for at in range(0, len(content), _SECTOR):
        tweak = (at // _SECTOR).to_bytes(16, "little")
        encryptor = Cipher(algorithms.AES(key), modes.XTS(tweak)).encryptor()
        sealed.append(encryptor.update(content[at : at + _SECTOR]) + encryptor.finalize())
    return b"".join(sealed)
