"""Version ids: the order of a version in 32 characters, checkable without a look-up."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from haneul.services.s3.errors import invalid_argument
from haneul.services.s3.plane import keys
from haneul.services.s3.state import Entry

_SHAPE = re.compile(r"[A-Za-z0-9._]{32}")


def version_id(entry: Entry) -> str:
    """The id that clients see: "null", or one made of the sequence."""
    return "null" if entry.null else _identity(entry.seq)


def _identity(seq: int) -> str:
    raw = seq.to_bytes(8, "big")
    return base64.urlsafe_b64encode(hashlib.blake2b(raw, digest_size=16).digest() + raw).decode().replace("-", ".")


def slot_of(version: str) -> bytes:
    """Where the version of that id lies. Raises InvalidArgument for what S3 never gave out as an id."""
    if version == "null":
        return keys.NULL_SLOT
    if not version:
        raise invalid_argument("Version id cannot be the empty string", "versionId", "")
    if _SHAPE.fullmatch(version):
        try:
            slot = base64.urlsafe_b64decode(version.replace(".", "-"))[16:]
        except (binascii.Error, ValueError):
            slot = b""
        if _identity(int.from_bytes(slot, "big")) == version:
            return slot
    raise invalid_argument("Invalid version id specified", "versionId", version)
