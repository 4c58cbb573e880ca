"""The index's moves: what is at a key, a version coming, going, or hidden behind a delete marker.

Every move is part of the caller's transaction. A version has one listing row: in `i/` when it is the current one,
in `v/` when it isn't; its Object row stays where it was first put.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from haneul.services.s3.errors import no_such_version
from haneul.services.s3.plane import keys
from haneul.services.s3.state import BLOB, CHUNKS, INLINE, PARTS, Bucket, Entry, Object, Part
from haneul.services.s3.versions import slot_of
from haneul.state.store import Reader, Writer

if TYPE_CHECKING:
    from haneul.state.files import FileBlobs

_encode = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(Entry).decode
"""An entry from its packed row."""
_object = msgspec.msgpack.Decoder(Object).decode
_part = msgspec.msgpack.Decoder(Part).decode


def current(tx: Reader, bucket: Bucket, key: str) -> Entry | None:
    """The newest version's entry, which may be a delete marker; None when nothing was ever at the key."""
    raw = tx.get(keys.current(bucket.id, key))
    return None if raw is None else unpack(raw)


def newest(tx: Reader, bucket: Bucket, key: str) -> Object | None:
    """The newest version in full, which may be a delete marker."""
    if not bucket.versioning:  # there is only the null version, and its place is known
        return load(tx, bucket, key, keys.NULL_SLOT)
    entry = current(tx, bucket, key)
    return None if entry is None else load(tx, bucket, key, keys.slot(entry.seq, entry.null))


def version(tx: Reader, bucket: Bucket, key: str, identity: str) -> Object:
    """The version of that id. Raises NoSuchVersion."""
    found = load(tx, bucket, key, slot_of(identity))
    if found is None:
        raise no_such_version(key, identity)
    return found


def of_entry(tx: Reader, bucket: Bucket, key: str, entry: Entry) -> Object:
    """The version behind a listing row."""
    found = load(tx, bucket, key, keys.slot(entry.seq, entry.null))
    assert found is not None, f"{bucket.name}/{key} has an entry but no object"
    return found


def load(tx: Reader, bucket: Bucket, key: str, slot: bytes) -> Object | None:
    """The version at a slot, in full."""
    raw = tx.get(keys.object(bucket.id, key, slot))
    return None if raw is None else _object(raw)


def next_seq(now: float, before: Entry | None) -> int:
    """The sequence of a version made now: microseconds, and always above that of the version before it."""
    seq = int(now * 1_000_000)
    return seq if before is None or seq > before.seq else before.seq + 1


def insert(
    tx: Writer, bucket: Bucket, key: str, made: Object, *, blobs: FileBlobs, chunks: list[bytes] | None = None
) -> Entry | None:
    """Make `made` the current version: a new one where versioning is on, else in place of the null version.

    Sets its sequence and nullness. Returns the entry of the version that is gone for it, if any.
    """
    at = keys.current(bucket.id, key)
    raw = tx.get(at)
    before = None if raw is None else unpack(raw)
    entry = made.entry
    entry.seq = next_seq(entry.seq / 1_000_000, before)
    entry.null = bucket.versioning != "Enabled"
    gone: Entry | None = None
    if before is not None:
        if entry.null and before.null:
            gone = before
            if before.where != INLINE or "annotated" in bucket.settings:
                erase_body(tx, blobs, bucket, key, of_entry(tx, bucket, key, before))
        else:
            assert raw is not None
            tx.put(keys.version(bucket.id, key, before.seq), raw)
            if entry.null:
                gone = _drop_null(tx, blobs, bucket, key)
    slot = keys.slot(entry.seq, entry.null)
    tx.put(at, _encode(entry))
    tx.put(keys.object(bucket.id, key, slot), _encode(made))
    if chunks is not None:
        for number, chunk in enumerate(chunks):
            tx.put(keys.chunk(bucket.id, key, slot, number), chunk)
    return gone


def insert_replica(tx: Writer, bucket: Bucket, key: str, made: Object, chunks: list[bytes] | None) -> bool:
    """Put a version that has its sequence already among those of the key, newest first; False if it is there."""
    entry = made.entry
    at = keys.current(bucket.id, key)
    raw = tx.get(at)
    before = None if raw is None else unpack(raw)
    slot = keys.slot(entry.seq, entry.null)
    if tx.get(keys.object(bucket.id, key, slot)) is not None:
        return False
    if raw is None or before is None or before.seq < entry.seq:
        if raw is not None and before is not None:
            tx.put(keys.version(bucket.id, key, before.seq), raw)
        tx.put(at, _encode(entry))
    else:
        tx.put(keys.version(bucket.id, key, entry.seq), _encode(entry))
    tx.put(keys.object(bucket.id, key, slot), _encode(made))
    for number, chunk in enumerate(chunks or ()):
        tx.put(keys.chunk(bucket.id, key, slot, number), chunk)
    return True


def _drop_null(tx: Writer, blobs: FileBlobs, bucket: Bucket, key: str) -> Entry | None:
    """A noncurrent null version gives way to a new one."""
    old = load(tx, bucket, key, keys.NULL_SLOT)
    if old is None:
        return None
    tx.delete(keys.version(bucket.id, key, old.entry.seq))
    erase_body(tx, blobs, bucket, key, old)
    return old.entry


def update(tx: Writer, bucket: Bucket, key: str, changed: Object) -> None:
    """Write a version's changed metadata (tags, lock, class ...) where it lies."""
    entry = changed.entry
    packed = _encode(entry)
    at = keys.current(bucket.id, key)
    raw = tx.get(at)
    assert raw is not None
    if unpack(raw).seq == entry.seq:
        tx.put(at, packed)
    else:
        tx.put(keys.version(bucket.id, key, entry.seq), packed)
    tx.put(keys.object(bucket.id, key, keys.slot(entry.seq, entry.null)), _encode(changed))


def remove(tx: Writer, bucket: Bucket, key: str, gone: Object, *, blobs: FileBlobs) -> None:
    """Delete one version for good; the one behind it becomes current when it was the current one."""
    entry = gone.entry
    at = keys.current(bucket.id, key)
    raw = tx.get(at)
    assert raw is not None
    if unpack(raw).seq == entry.seq:
        start = keys.versions(bucket.id, key)
        behind = next(tx.scan(start, keys.after(start), limit=1), None) if bucket.versioning else None
        if behind is None:
            tx.delete(at)
        else:
            tx.put(at, behind[1])
            tx.delete(behind[0])
    else:
        tx.delete(keys.version(bucket.id, key, entry.seq))
    erase_body(tx, blobs, bucket, key, gone)
    tx.delete(keys.object(bucket.id, key, keys.slot(entry.seq, entry.null)))


def noncurrent(tx: Reader, bucket: Bucket, key: str) -> Iterator[Entry]:
    """The versions of a key behind its current one, newest first."""
    start = keys.versions(bucket.id, key)
    for _, raw in tx.scan(start, keys.after(start)):
        yield unpack(raw)


def is_current(tx: Reader, bucket: Bucket, key: str, entry: Entry) -> bool:
    newest_entry = current(tx, bucket, key)
    return newest_entry is not None and newest_entry.seq == entry.seq


def body_chunks(tx: Reader, bucket: Bucket, key: str, found: Object) -> list[bytes]:
    """The pieces of a body that lies in the store beside its row."""
    slot = keys.slot(found.entry.seq, found.entry.null)
    pieces = []
    for number in range(found.chunks):
        piece = tx.get(keys.chunk(bucket.id, key, slot, number))
        assert piece is not None
        pieces.append(piece)
    return pieces


def parts(tx: Reader, bucket: Bucket, upload: str, after: int = 0, limit: int | None = None) -> Iterator[Part]:
    """The parts of an upload (or of what it became), in order, those above the number `after`."""
    start = keys.parts(bucket.id, upload)
    for _, raw in tx.scan(start + (after + 1).to_bytes(2, "big"), keys.after(start), limit=limit):
        yield _part(raw)


def part(tx: Reader, bucket: Bucket, upload: str, number: int) -> Part | None:
    raw = tx.get(keys.part(bucket.id, upload, number))
    return None if raw is None else _part(raw)


def put_part(tx: Writer, bucket: Bucket, upload: str, made: Part) -> None:
    tx.put(keys.part(bucket.id, upload, made.number), _encode(made))


def erase_body(tx: Writer, blobs: FileBlobs, bucket: Bucket, key: str, found: Object) -> None:
    """Let go of a version's bytes; files go once this is durable."""
    where = found.entry.where
    if "annotated" in bucket.settings:
        slot = keys.slot(found.entry.seq, found.entry.null)
        for start in (keys.annotation_rows(bucket.id, key, slot), keys.annotation_bodies(bucket.id, key, slot)):
            tx.delete_range(start, keys.after(start))
    if where == BLOB:
        blobs.delete_later(tx, found.blob)
    elif where == CHUNKS:
        slot = keys.slot(found.entry.seq, found.entry.null)
        for number in range(found.chunks):
            tx.delete(keys.chunk(bucket.id, key, slot, number))
    elif where == PARTS:
        erase_parts(tx, blobs, bucket, found.upload)


def erase_parts(tx: Writer, blobs: FileBlobs, bucket: Bucket, upload: str) -> None:
    """Let go of an upload's parts and their bytes."""
    for each in parts(tx, bucket, upload):
        if each.blob:
            blobs.delete_later(tx, each.blob)
    start = keys.parts(bucket.id, upload)
    tx.delete_range(start, keys.after(start))


def erase_part(tx: Writer, bucket: Bucket, upload: str, gone: Part, *, blobs: FileBlobs) -> None:
    """Let go of one part."""
    if gone.blob:
        blobs.delete_later(tx, gone.blob)
    tx.delete(keys.part(bucket.id, upload, gone.number))


def blobs_in_use(tx: Reader) -> Iterator[str]:
    """The ids of all files that objects and parts keep (for the scrubber)."""
    for root in (keys.current_root(b""), keys.version_root(b"")):
        for at, raw in tx.scan(root, keys.after(root)):
            entry = unpack(raw)
            if entry.where != BLOB:
                continue
            stem = at[len(root) :] if root == keys.current_root(b"") else at[len(root) : -8]
            packed = tx.get(keys.object_root(b"") + stem + keys.slot(entry.seq, entry.null))
            if packed is not None:
                yield _object(packed).blob
    root = keys.part_root()
    for _, raw in tx.scan(root, keys.after(root)):
        blob = _part(raw).blob
        if blob:
            yield blob


def all_parts(tx: Reader, bucket: Bucket) -> Iterator[Part]:
    """Every part in the bucket, of uploads under way and of objects."""
    root = keys.part_root(bucket.id)
    for _, raw in tx.scan(root, keys.after(root)):
        yield _part(raw)
