"""All versions of a bucket's objects in the order of their keys, a thousand keys of each look at the store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from haneul.service import Call
from haneul.services.s3 import index
from haneul.services.s3.plane import keys
from haneul.services.s3.state import Bucket, Object

AT_ONCE = 1000


class Seen(NamedTuple):
    """A version; `is_current` that of its key now (perhaps a delete marker)."""

    key: str
    found: Object
    is_current: bool


def walk(call: Call, bucket: Bucket, all_versions: bool) -> Iterator[Seen]:
    """No view of the store is held for long, so what changes meanwhile may be seen or not."""
    root = keys.current_root(bucket.id)
    start, end = root, keys.after(root)
    while True:
        page: list[Seen] = []
        count = 0
        with call.read() as tx:
            for at, raw in tx.scan(start, end, limit=AT_ONCE):
                count += 1
                start = at + b"\x00"
                key = keys.text(at[len(root) : -1])
                current = index.unpack(raw)
                for entry in (current, *(index.noncurrent(tx, bucket, key) if all_versions else ())):
                    page.append(Seen(key, index.of_entry(tx, bucket, key, entry), entry is current))
        yield from page
        if count < AT_ONCE:
            return
