"""Where the annotations of a version lie, and their moves: put, found, listed, dropped, copied.

A bucket that ever had one says so by its setting "annotated": elsewhere nobody looks for any.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from haneul.kit import tokens
from haneul.service import Call
from haneul.services.s3 import encryption
from haneul.services.s3.errors import errors
from haneul.services.s3.plane import keys
from haneul.services.s3.plane.encryption import derive, seal, unseal
from haneul.services.s3.state import Annotation, Bucket, Object, set_setting
from haneul.state import chunks
from haneul.state.store import Reader, Writer

COPIED_BYTES = 8 << 20
"""What one transaction can take along."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Annotation).decode


def put(call: Call, tx: Writer, bucket: Bucket, key: str, found: Object, made: Annotation, payload: bytes) -> None:
    """Store an annotation in place of the one of its name."""
    if "annotated" not in bucket.settings:
        set_setting(tx, bucket, "annotated", True)
    secret = encryption.write_key(call, found.cipher, {})
    if secret is not None:
        made.salt = bytes.fromhex(tokens.random_hex(32))
        payload = seal(derive(secret, made.salt), payload)
    row, body = _places(bucket, key, found, made.name)
    tx.put(row, _encode(made))
    chunks.put(tx, body, payload)


def find(tx: Reader, bucket: Bucket, key: str, found: Object, name: str) -> Annotation | None:
    raw = tx.get(_places(bucket, key, found, name)[0])
    return None if raw is None else _decode(raw)


def payload_of(call: Call, tx: Reader, bucket: Bucket, key: str, found: Object, known: Annotation) -> bytes:
    sealed = chunks.get(tx, _places(bucket, key, found, known.name)[1])
    assert sealed is not None
    secret = encryption.write_key(call, found.cipher, {})
    return sealed if secret is None else unseal(derive(secret, known.salt), sealed, 0, known.size)


def scan(
    tx: Reader, bucket: Bucket, key: str, found: Object, prefix: str = "", after: str = ""
) -> Iterator[Annotation]:
    """The annotations of a version by name, those above `after`."""
    root = keys.annotation_rows(bucket.id, key, _slot(found))
    start = root + prefix.encode()
    begin = max(start, root + after.encode() + b"\x01") if after else start
    for _, raw in tx.scan(begin, keys.after(start)):
        yield _decode(raw)


def drop(tx: Writer, bucket: Bucket, key: str, found: Object, name: str) -> None:
    row, body = _places(bucket, key, found, name)
    tx.delete(row)
    chunks.delete(tx, body)


def all_of(call: Call, tx: Reader, bucket: Bucket, key: str, found: Object) -> list[tuple[Annotation, bytes]]:
    """A version's annotations with their payloads, for a copy. Raises NotImplemented for very much."""
    if "annotated" not in bucket.settings:
        return []
    known = list(scan(tx, bucket, key, found))
    if sum(each.size for each in known) > COPIED_BYTES:
        raise errors.NotImplemented(
            f"Annotations of more than {COPIED_BYTES} bytes together are not copied here. Use "
            "x-amz-object-annotation-directive: EXCLUDE."
        )
    return [(each, payload_of(call, tx, bucket, key, found, each)) for each in known]


def _places(bucket: Bucket, key: str, found: Object, name: str) -> tuple[bytes, bytes]:
    slot = _slot(found)
    end = name.encode() + b"\x00"
    return keys.annotation_rows(bucket.id, key, slot) + end, keys.annotation_bodies(bucket.id, key, slot) + end


def _slot(found: Object) -> bytes:
    return keys.slot(found.entry.seq, found.entry.null)
