"""AWS's checksums: incremental digests, their base64, composites and whole-object combination, and their errors."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from awscrt import checksums as crt
from isal import isal_zlib

from haneul.wire.errors import AwsError
from haneul.wire.model import OperationModel

ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
"""The algorithms offered, in the order in which AWS names them."""


class Digest(Protocol):
    """An incremental checksum, as hashlib's objects are."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    """A CRC whose state is its value so far."""

    __slots__ = ("_function", "_size", "value")

    def __init__(self, function: Callable[[bytes, int], int], size: int) -> None:
        self._function = function
        self._size = size
        self.value = 0

    def update(self, data: bytes, /) -> None:
        self.value = self._function(data, self.value)

    def digest(self) -> bytes:
        return self.value.to_bytes(self._size, "big")


_CRCS: dict[str, tuple[Callable[[bytes, int], int], int]] = {
    "CRC32": (isal_zlib.crc32, 4),
    "CRC32C": (crt.crc32c, 4),
    "CRC64NVME": (crt.crc64nvme, 8),
}
_POLYNOMIALS = {"CRC32": 0xEDB88320, "CRC32C": 0x82F63B78, "CRC64NVME": 0x9A6C9329AC4BC9B5}
_SIZES = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32, "MD5": 16}


def new(algorithm: str) -> Digest:
    """A fresh digest of CRC32, CRC32C, CRC64NVME, SHA1, SHA256 or MD5. Raises KeyError for others."""
    crc = _CRCS.get(algorithm)
    if crc is not None:
        return _Crc(*crc)
    return {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "MD5": hashlib.md5}[algorithm](usedforsecurity=False)


def digest(algorithm: str, data: bytes) -> bytes:
    """The checksum of bytes at hand."""
    checksum = new(algorithm)
    checksum.update(data)
    return checksum.digest()


def encode(raw: bytes) -> str:
    """A digest as AWS writes it: base64."""
    return binascii.b2a_base64(raw, newline=False).decode("ascii")


def decode(algorithm: str, text: str) -> bytes | None:
    """The digest in a base64 value, None when it cannot be one of this algorithm."""
    try:
        raw = binascii.a2b_base64(text.strip().encode("ascii"), strict_mode=True)
    except (ValueError, UnicodeEncodeError):
        return None
    return raw if len(raw) == _SIZES[algorithm] else None


def header(algorithm: str) -> str:
    """The header a checksum travels in (lower case)."""
    return f"x-amz-checksum-{algorithm.lower()}"


HEADERS = {header(name): name for name in ALGORITHMS}
"""Header (lower case) -> algorithm."""


def composite(algorithm: str, parts: Iterable[bytes]) -> str:
    """The checksum of checksums of a multipart upload, with its number of parts: "base64-3"."""
    digests = list(parts)
    return f"{encode(digest(algorithm, b''.join(digests)))}-{len(digests)}"


def combine(algorithm: str, parts: Iterable[tuple[bytes, int]]) -> bytes:
    """The CRC of the whole from (CRC, length in bytes) of its parts, without reading a byte again."""
    size = _SIZES[algorithm]
    whole = 0
    for raw, length in parts:
        whole = _shifted(algorithm, whole, length) ^ int.from_bytes(raw, "big")
    return whole.to_bytes(size, "big")


def _shifted(algorithm: str, crc: int, length: int) -> int:
    """The CRC after `length` zero bytes more: multiplied by x^(8*length) modulo the polynomial (bits reflected)."""
    polynomial = _POLYNOMIALS[algorithm]
    bits = 8 * _SIZES[algorithm]
    power, square = 1 << (bits - 1), 1 << (bits - 2)  # 1 and x
    for _ in range(3):
        square = _multiply(square, square, polynomial, bits)  # x^8
    while length:
        if length & 1:
            power = _multiply(power, square, polynomial, bits)
        square = _multiply(square, square, polynomial, bits)
        length >>= 1
    return _multiply(crc, power, polynomial, bits)


def _multiply(a: int, b: int, polynomial: int, bits: int) -> int:
    """a * b modulo the polynomial; bit `bits - 1` is x^0."""
    product = 0
    mask = 1 << (bits - 1)
    while mask:
        if a & mask:
            product ^= b
        b = (b >> 1) ^ polynomial if b & 1 else b >> 1
        mask >>= 1
    return product


# A request's own claims about its body


def bad_digest(name: str = "Content-MD5") -> AwsError:
    if name == "Content-MD5":
        return AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.", 400)
    return AwsError("BadDigest", f"The {name} you specified did not match the calculated checksum.", 400)


def invalid_digest() -> AwsError:
    return AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.", 400)


def claimed(headers: Mapping[str, str]) -> tuple[str, bytes] | None:
    """(algorithm, digest) of the x-amz-checksum-* header of a request. Raises AwsError InvalidRequest for two of
    them, for a value that can't be one and for an x-amz-sdk-checksum-algorithm that names another."""
    found: tuple[str, bytes] | None = None
    for name in headers:
        if not name.startswith("x-amz-checksum-"):
            continue
        algorithm = HEADERS.get(name)
        if algorithm is None:
            continue
        if found is not None:
            raise AwsError(
                "InvalidRequest",
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
                400,
            )
        raw = decode(algorithm, headers[name])
        if raw is None:
            raise AwsError("InvalidRequest", f"Value for {name} header is invalid.", 400)
        found = algorithm, raw
    return found


def md5(headers: Mapping[str, str]) -> bytes | None:
    """The MD5 a request claims. Raises AwsError InvalidDigest."""
    text = headers.get("content-md5")
    if text is None:
        return None
    raw = decode("MD5", text)
    if raw is None:
        raise invalid_digest()
    return raw


def verify(headers: Mapping[str, str], body: bytes) -> bool:
    """Hold the body against Content-MD5 and x-amz-checksum-*. Raises AwsError; tells whether anything was claimed."""
    wanted = md5(headers)
    if wanted is not None and digest("MD5", body) != wanted:
        raise bad_digest()
    claim = claimed(headers)
    if claim is not None and digest(claim[0], body) != claim[1]:
        raise bad_digest(claim[0])
    return wanted is not None or claim is not None


_NEEDED = frozenset(
    {
        "DeleteObjects",
        "PutBucketLifecycleConfiguration",
        "PutBucketReplication",
        "PutObjectLegalHold",
        "PutObjectLockConfiguration",
        "PutObjectRetention",
    }
)
"""S3 operations that AWS refuses without any checksum of the body."""


def verifier(operation: OperationModel, model: str) -> Callable[[Mapping[str, str], bytes], None] | None:
    """What to hold a buffered body against, for an operation whose model has checksums; None where it has none."""
    if not operation.checksum_required and not operation.checksum.get("requestAlgorithmMember"):
        return None
    needed = model == "s3" and operation.name in _NEEDED

    def check(headers: Mapping[str, str], body: bytes) -> None:
        if not verify(headers, body) and needed and "x-amz-trailer" not in headers:
            raise AwsError(
                "InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*", 400
            )

    return check
