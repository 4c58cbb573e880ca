"""S3's rows. Buckets and settings are Tables; the index of objects is laid out for scans:

i/ bucket key            -> Entry    the current version (perhaps a delete marker): what listings read
v/ bucket key newest..   -> Entry    the versions behind it
o/ bucket key slot       -> Object   everything about one version, small bodies inline
c/ bucket key slot n     -> bytes    bodies too large for a row and too small for a file
u/ bucket key upload     -> Upload   p/ bucket upload n -> Part (also the body of what they became)
a/ bucket key slot name  -> Annotation of a version   b/ bucket key slot name n -> its payload, in pieces
"""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.kit import tokens
from haneul.service import Scope
from haneul.state.store import Reader, Writer
from haneul.state.table import Table

GLOBAL = Scope("", "aws-global")
"""Bucket names are global: one scope for all accounts."""


class Bucket(msgspec.Struct, kw_only=True):
    """A bucket. `id` tells it from an earlier bucket of the same name; `versioning` is "", "Enabled" or "Suspended".

    `settings` is filled from the settings' own rows when a bucket is found; never change it, use `set_setting`.
    """

    name: str
    id: bytes
    owner: str
    region: str
    created: int
    revision: str = ""
    versioning: str = ""
    mfa_delete: str = ""
    object_lock: bool = False
    settings: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.name}"


class Setting(msgspec.Struct):
    """One configuration of a bucket by its kind ("cors", "policy", "lifecycle"): plain data, as its file likes."""

    bucket: str
    kind: str
    value: Any


class Configuration(msgspec.Struct):
    """One of many configurations of a kind ("inventory", "metrics") by the id its user gave it."""

    bucket: str
    kind: str
    id: str
    value: Any


BUCKETS = Table("s3.bucket", Bucket, key=("name",))
SETTINGS = Table("s3.setting", Setting, key=("bucket", "kind"))
CONFIGURATIONS = Table("s3.configuration", Configuration, key=("bucket", "kind", "id"))

# Where a body lies.
INLINE, CHUNKS, BLOB, PARTS = range(4)


class Entry(msgspec.Struct, array_like=True):
    """What listings show of one version. Times are whole seconds, as S3 shows them.

    `seq` orders the versions of a key and makes their ids; `null` versions are those written while versioning
    was off or suspended; `storage` "" is STANDARD; `owner` "" is the bucket's; `restored` (under way, until).
    """

    seq: int
    modified: int
    size: int
    etag: str
    null: bool = True
    marker: bool = False
    where: int = INLINE
    storage: str = ""
    algorithm: str = ""
    composite: bool = False
    owner: str = ""
    restored: tuple[bool, int] | None = None


class Lock(msgspec.Struct, array_like=True):
    """Object Lock on one version: `mode` "", GOVERNANCE or COMPLIANCE, `until` epoch seconds; `hold` the legal hold.

    An event hold (`event`) retains the version in its mode until it is released, and for `days` or `years` from then.
    """

    mode: str = ""
    until: float = 0.0
    hold: bool = False
    event: bool = False
    days: int = 0
    years: int = 0

    def retains(self, now: float) -> bool:
        """Whether the version is retained in the lock's mode, whatever its legal hold."""
        return self.event or bool(self.mode and self.until > now)


class Cipher(msgspec.Struct, array_like=True):
    """How a body is encrypted. `kind`: AES256, aws:kms, aws:kms:dsse or SSE-C. `salt` makes the data key from the
    key that `kind` and `key_id` name; `check` tells a customer's key from a wrong one, without being it.
    """

    kind: str
    salt: bytes
    key_id: str = ""
    check: bytes = b""
    context: str = ""
    bucket_key: bool = False
    under: str | None = None
    """What the body's key was made of, where the key was changed since (UpdateObjectEncryption); "": it is plain."""


class Object(msgspec.Struct, array_like=True):
    """One version in full. `headers` are system metadata by member name (ContentType, CacheControl ...).

    `blob` names its file and `crc` proves it, `upload` the parts it was made of, `runs`
    their shape (see bodies.py).
    `chunks` counts its pieces in the store. `grants` is its ACL when it isn't private: plain data of acls.py.
    """

    entry: Entry
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    checksum: str = ""
    inline: bytes = b""
    chunks: int = 0
    blob: str = ""
    crc: int = 0
    upload: str = ""
    runs: list[tuple[int, int, int]] | None = None
    tags: dict[str, str] | None = None
    grants: Any = None
    lock: Lock | None = None
    cipher: Cipher | None = None
    """None: S3's default encryption, which Haneul tells of but leaves to the disk beneath."""
    replication: str = ""
    extra: dict[str, Any] | None = None
    """Room for what is rare (event holds, annotations, restore details)."""

    @property
    def parts_count(self) -> int:
        return 0 if self.runs is None else sum(run[1] for run in self.runs)


class Upload(msgspec.Struct, array_like=True):
    """A multipart upload under way: what its object will be."""

    key: str
    id: str
    initiated: int
    initiator: str
    storage: str = ""
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    algorithm: str = ""
    composite: bool = True
    tags: dict[str, str] | None = None
    grants: Any = None
    lock: Lock | None = None
    cipher: Cipher | None = None
    chosen: bool = False
    """The client named its checksum algorithm, so its parts carry one each."""
    owner: str = ""
    began: int = 0
    """When it began, as versions are ordered: what was written to the key since then is told by comparing."""
    bereft: bool = False
    """The object at the key was deleted since."""


class Part(msgspec.Struct, array_like=True):
    """One part. Its bytes are `inline` or in the file `blob`; `checksums` are base64 by algorithm."""

    number: int
    size: int
    etag: str
    modified: int
    blob: str = ""
    crc: int = 0
    inline: bytes = b""
    checksums: dict[str, str] = {}
    salt: bytes = b""


class Annotation(msgspec.Struct, array_like=True):
    """What is known of an annotation beside its payload, which is sealed as its object's body is."""

    name: str
    size: int
    etag: str
    modified: int
    algorithm: str
    checksum: str
    salt: bytes = b""


_found: dict[bytes, Bucket] = {}


def find_bucket(tx: Reader, name: str) -> Bucket | None:
    """The bucket with its settings, or None. Decoded once per revision: the row read is the cache's key, so what is
    returned is as true as the row. Treat it as frozen."""
    raw = tx.get(BUCKETS.prefix(GLOBAL) + name.encode() + b"\x00")
    if raw is None:
        return None
    bucket = _found.get(raw)
    if bucket is None:
        bucket = BUCKETS.get(tx, GLOBAL, name)
        assert bucket is not None
        bucket.settings = {setting.kind: setting.value for setting in SETTINGS.scan(tx, GLOBAL, name)}
        if len(_found) >= 4096:
            _found.clear()
        _found[raw] = bucket
    return bucket


def save_bucket(tx: Writer, bucket: Bucket, **changes: Any) -> Bucket:
    """Write the bucket's row with `changes`, under a new revision."""
    changed = msgspec.structs.replace(bucket, revision=tokens.ordered_id()[:26], **changes)
    BUCKETS.put(tx, GLOBAL, msgspec.structs.replace(changed, settings={}))
    return changed


def set_setting(tx: Writer, bucket: Bucket, kind: str, value: Any) -> Bucket:
    """Store (None: remove) one of the bucket's configurations."""
    settings = {name: known for name, known in bucket.settings.items() if name != kind}
    if value is None:
        SETTINGS.delete(tx, GLOBAL, bucket.name, kind)
    else:
        SETTINGS.put(tx, GLOBAL, Setting(bucket.name, kind, value))
        settings[kind] = value
    return save_bucket(tx, bucket, settings=settings)
