"""Where things lie in the store: keys sort as S3 lists, by the UTF-8 bytes of an object's name, newest version first.

`owner` is a bucket's 16-byte id. A name ends in a zero byte and has none inside (00 and 01 become 01 01 and 01 02), so
that no name's rows lie between another's.
"""

from __future__ import annotations

_CURRENT = b"s3/i/"
_VERSION = b"s3/v/"
_OBJECT = b"s3/o/"
_CHUNK = b"s3/c/"
_UPLOAD = b"s3/u/"
_PART = b"s3/p/"
_ANNOTATION = b"s3/a/"
_ANNOTATION_BODY = b"s3/b/"
_LAST = (1 << 64) - 1
NULL_SLOT = bytes(8)
"""Where the one null version of a name lies; the others lie at their sequence."""


def name(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    if b"\x00" in raw or b"\x01" in raw:
        raw = raw.replace(b"\x01", b"\x01\x02").replace(b"\x00", b"\x01\x01")
    return raw


def text(raw: bytes) -> str:
    """The name behind `name`'s bytes."""
    if b"\x01" in raw:
        raw = raw.replace(b"\x01\x01", b"\x00").replace(b"\x01\x02", b"\x01")
    return raw.decode("utf-8", "surrogatepass")


def current(owner: bytes, key: str) -> bytes:
    return _CURRENT + owner + name(key) + b"\x00"


def current_root(owner: bytes) -> bytes:
    return _CURRENT + owner


def versions(owner: bytes, key: str) -> bytes:
    """What the rows of all noncurrent versions of a name start with."""
    return _VERSION + owner + name(key) + b"\x00"


def inverse(seq: int) -> bytes:
    """A sequence as it sorts among versions: the newest first."""
    return (_LAST - seq).to_bytes(8, "big")


def version(owner: bytes, key: str, seq: int) -> bytes:
    return versions(owner, key) + inverse(seq)


def version_root(owner: bytes) -> bytes:
    return _VERSION + owner


def seq_of(version_key: bytes) -> int:
    return _LAST - int.from_bytes(version_key[-8:], "big")


def slot(seq: int, null: bool) -> bytes:
    return NULL_SLOT if null else seq.to_bytes(8, "big")


def object(owner: bytes, key: str, at: bytes) -> bytes:
    return _OBJECT + owner + name(key) + b"\x00" + at


def object_root(owner: bytes) -> bytes:
    return _OBJECT + owner


def chunk(owner: bytes, key: str, at: bytes, number: int) -> bytes:
    return _CHUNK + owner + name(key) + b"\x00" + at + number.to_bytes(2, "big")


def annotation_rows(owner: bytes, key: str, at: bytes) -> bytes:
    """What the rows of all annotations of a version start with; an annotation's name and a zero byte follow."""
    return _ANNOTATION + owner + name(key) + b"\x00" + at


def annotation_bodies(owner: bytes, key: str, at: bytes) -> bytes:
    """The same for their payloads."""
    return _ANNOTATION_BODY + owner + name(key) + b"\x00" + at


def upload(owner: bytes, key: str, identity: str) -> bytes:
    return _UPLOAD + owner + name(key) + b"\x00" + identity.encode()


def upload_root(owner: bytes) -> bytes:
    return _UPLOAD + owner


def parts(owner: bytes, identity: str) -> bytes:
    return _PART + owner + identity.encode() + b"\x00"


def part(owner: bytes, identity: str, number: int) -> bytes:
    return _PART + owner + identity.encode() + b"\x00" + number.to_bytes(2, "big")


def part_root(owner: bytes = b"") -> bytes:
    return _PART + owner


def after(prefix: bytes) -> bytes:
    """The end of the range of keys that start with `prefix` (whose last byte is never FF here, except in an id)."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1])
