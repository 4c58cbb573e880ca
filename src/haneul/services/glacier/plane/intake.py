"""Bytes on their way into an archive: hashed and written in a worker thread, one blob each."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from haneul.services.glacier.plane.treehash import TreeHash
from haneul.state.files import FileBlobs
from haneul.wire.message import Body


class Taken(NamedTuple):
    """What arrived: the blob that holds it, its size in bytes, its tree hash and its plain SHA-256 (hex)."""

    blob: str
    size: int
    tree_hash: str
    sha256: str


async def take(blobs: FileBlobs, body: Body, limit: int) -> Taken | None:
    """Write `body` to a new blob, durably; None (and nothing kept) when it is longer than `limit` bytes."""
    writer = blobs.create()
    hashes = TreeHash()
    done = False

    def write(data: bytes) -> None:
        hashes.update(data)
        writer.write(data)

    try:
        async for chunk in body:
            if hashes.size + len(chunk) > limit:
                return None
            await asyncio.to_thread(write, chunk)
        blob = await asyncio.to_thread(writer.commit)
        done = True
    finally:
        if not done:
            writer.abort()
    return Taken(blob, hashes.size, hashes.hexdigest(), hashes.linear.hexdigest())
