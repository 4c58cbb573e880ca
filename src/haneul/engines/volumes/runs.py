"""Blocks in order: read ahead by a pool, copied in runs, given back one by one."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from haneul.engines.volumes import manifest as manifests
from haneul.engines.volumes import sparse
from haneul.engines.volumes.manifest import Block, Manifest
from haneul.engines.volumes.port import BLOCK
from haneul.engines.volumes.sealing import TAG, unseal


def ahead(
    pool: ThreadPoolExecutor, work: Callable[[int], tuple[int, bytes, bytes]], numbers: Iterator[int], most: int
) -> Iterator[tuple[int, bytes, bytes]]:
    """`work` of each number, in order, `most` of them ahead in the pool: memory stays bounded."""
    waiting: deque[Future[tuple[int, bytes, bytes]]] = deque()
    for number in numbers:
        waiting.append(pool.submit(work, number))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def runs(found: Manifest) -> Iterator[tuple[int, Block, int]]:
    """(first number, its block, how many follow one another both in the volume and in the segment)."""
    run: tuple[int, Block, int] | None = None
    for number, block in sorted(found.blocks.items()):
        if run is not None:
            start, first, count = run
            if number == start + count and block.segment == first.segment and block.slot == first.slot + count:
                run = (start, first, count + 1)
                continue
            yield run
        run = (number, block, 1)
    if run is not None:
        yield run


def punch_others(path: Path, slots: set[int], stride: int) -> None:
    """Give back the bytes of a segment's slots but these."""
    with path.open("r+b") as file:
        total = os.fstat(file.fileno()).st_size // stride
        for slot in range(total):
            if slot not in slots:
                manifests.punch(file.fileno(), slot * stride, stride)


def fill(target: int, found: Manifest, key: bytes, place: Callable[[str], Path]) -> None:
    """Write a snapshot's blocks where they belong; neighbours in a segment are copied in one go. place: a segment's
    file."""
    if found.sealed:
        for number, block in found.blocks.items():
            with place(block.segment).open("rb") as file:
                stored = os.pread(file.fileno(), BLOCK + TAG, block.slot * (BLOCK + TAG))
            os.pwrite(target, unseal(stored, block.digest, key), number * BLOCK)
        return
    open_files: dict[str, int] = {}
    try:
        for start, block, count in runs(found):
            if block.segment not in open_files:
                open_files[block.segment] = os.open(place(block.segment), os.O_RDONLY)
            source = open_files[block.segment]
            sparse.copy_range(source, target, block.slot * BLOCK, start * BLOCK, count * BLOCK)
    finally:
        for descriptor in open_files.values():
            os.close(descriptor)
