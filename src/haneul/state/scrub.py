"""Keeps the blobs tidy and true: deletes the doomed, collects orphans, reads everything again at a gentle pace.

A blob is an orphan when no room's row names it and it is older than the grace period (its row may be about to be
written). Nothing that a row names is ever deleted here; what is torn or missing is reported, and stays.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from haneul.kit import tokens
from haneul.kit.clock import Clock, SystemClock
from haneul.state.blobs import BlobMissing, Blobs, Stored
from haneul.state.store import Conflict, Reader, Store

Live = Callable[[Reader], Iterator[str]]
"""A room's blobs in use."""

GRACE = 3600.0
_BATCH = 200
_PASS = 1_000_000
"""Blobs looked at in one pass: their ids are held in memory (~100 MB)."""
_BRAKE = 100

log = logging.getLogger("haneul.scrub")


@dataclass
class Report:
    """What a round found. `torn` blobs have other bytes than were written, `missing` ones are named by a row only."""

    blobs: int = 0
    bytes: int = 0
    orphans: int = 0
    refused: int = 0
    """Orphans left alone because there were suspiciously many of them."""
    torn: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


class Scrubber:
    """The rounds themselves; each blocks. `stop` ends a round early."""

    def __init__(self, store: Store, blobs: Blobs, live: Sequence[Live], stop: threading.Event | None = None) -> None:
        self._store = store
        self._blobs = blobs
        self._live = live
        self._stop = stop or threading.Event()

    def reap(self) -> int:
        """Delete what was given to delete_later, once that is durable; how many. Held blobs wait for another round."""
        deleted, after = 0, ""
        while not self._stop.is_set():
            with self._store.read() as tx:
                doomed = self._blobs.doomed(tx, _BATCH, after)
            if not doomed:
                break
            self._store.wait(tx.ticket)
            gone = [blob for blob in doomed if self._blobs.delete(blob)]
            if gone:
                try:
                    with self._store.write() as writer:
                        self._blobs.spare(writer, *gone)
                except Conflict:
                    break
            deleted += len(gone)
            after = doomed[-1]
        return deleted

    def collect(self, now: float, grace: float = GRACE, force: bool = False) -> Report:
        """Delete orphans older than `grace` seconds and report what is missing. Refuses to delete when more than half
        of over a hundred blobs look like orphans (a room that forgot to name its blobs?), unless `force`."""
        report = Report()
        count = sum(1 for _ in self._blobs.everything())
        passes = min(256, 1 + count // _PASS)
        for first in range(passes):
            if not self._stop.is_set():
                self._collect(range(first, 256, passes), now - grace, force, report)
        return report

    def _collect(self, folders: range, before: float, force: bool, report: Report) -> None:
        # The disk first, the rows after: a blob that is on the list and in no row then was in none before either.
        found = {stored.id: stored for stored in self._blobs.everything(folders)}
        report.blobs += len(found)
        report.bytes += sum(stored.size for stored in found.values())
        live, doomed = self._named(folders)
        orphans = [blob for blob, stored in found.items() if _is_old(stored, before) and blob not in live | doomed]
        if len(orphans) > max(_BRAKE, len(found) // 2) and not force:
            log.error("%d of %d blobs are in no row: none is deleted", len(orphans), len(found))
            report.refused += len(orphans)
        else:
            report.orphans += sum(1 for blob in orphans if self._blobs.delete(blob))
        suspects = [blob for blob in live - found.keys() if not self._exists(blob)]
        if suspects:
            # Deleted between the two looks, by its owner? Then no row names it any longer.
            still, _ = self._named(folders)
            report.missing += sorted(still.intersection(suspects))

    def _named(self, folders: range) -> tuple[set[str], set[str]]:
        """Blobs in `folders` that rows name, and those that are to be deleted."""
        view: AbstractContextManager[Reader] = self._store.read()
        doomed: set[str] = set()
        with view as tx:
            live = {blob for room in self._live for blob in room(tx) if int(blob[:2], 16) in folders}
            after = ""
            while batch := self._blobs.doomed(tx, _BATCH, after):
                doomed.update(batch)
                after = batch[-1]
        # A row's removal that isn't durable could be undone by a power cut; its blob must still be there then.
        self._store.wait(tx.ticket)
        return live, doomed

    def _exists(self, blob: str) -> bool:
        try:
            self._blobs.size(blob)
        except BlobMissing:
            return False
        return True

    def verify(self, rate: float) -> Report:
        """Read every blob at `rate` bytes a second and report the torn ones. Begins at a random folder, so that rounds
        cut short by a restart get everywhere in the long run."""
        report = Report()
        offset = int(tokens.random_hex(2), 16)
        for stored in self._blobs.everything([(offset + number) % 256 for number in range(256)]):
            if self._stop.is_set():
                break
            try:
                sound = self._blobs.verify(stored.id, pace=lambda read: self._pause(read / rate))
            except BlobMissing:
                continue
            report.blobs += 1
            report.bytes += stored.size
            if not sound:
                log.error("blob %s does not have the bytes that were written", stored.id)
                report.torn.append(stored.id)
        return report

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)


class Caretaker:
    """The thread that does it all in the background, for as long as the cloud runs."""

    REAP = 1.0
    LOOK = 60.0
    FIRST = 600.0
    COLLECT = 6 * 3600.0
    RATE = 16e6

    def __init__(
        self, store: Store, blobs: Blobs, live: Callable[[], Sequence[Live]], clock: Clock | None = None
    ) -> None:
        self._live = live
        self._store = store
        self._blobs = blobs
        self._clock = clock or SystemClock()
        self._stop = threading.Event()
        self._nudged = threading.Event()
        self._nudged.set()  # what an earlier run left undone
        blobs.nudge = self._nudged.set
        self._threads = [
            threading.Thread(target=self._reap, name="blob-reaper", daemon=True),
            threading.Thread(target=self._scrub, name="blob-scrubber", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End soon, in the middle of a round if need be. Call it before the store is closed."""
        self._stop.set()
        self._nudged.set()
        for thread in self._threads:
            thread.join()

    def _reap(self) -> None:
        scrubber = Scrubber(self._store, self._blobs, (), self._stop)
        while not self._stop.is_set():
            self._nudged.wait(self.LOOK)
            self._nudged.clear()
            # A moment for the transaction to be committed, and for more of them to come.
            if self._stop.wait(self.REAP):
                return
            self._try("deleting blobs", scrubber.reap)
            with self._store.read() as tx:
                if self._blobs.doomed(tx, 1):
                    self._nudged.set()

    def _scrub(self) -> None:
        pause = self.FIRST
        while not self._stop.wait(pause):
            self._try("scrubbing", self._round)
            pause = self.COLLECT

    def _round(self) -> None:
        scrubber = Scrubber(self._store, self._blobs, self._live(), self._stop)
        report = scrubber.collect(self._clock.now())
        report.torn = scrubber.verify(self.RATE).torn
        say = log.error if report.torn or report.missing or report.refused else log.info
        say(
            "scrubbed %d blobs, %d bytes: %d orphans deleted, %d left alone, torn: %s, missing: %s",
            report.blobs,
            report.bytes,
            report.orphans,
            report.refused,
            report.torn,
            report.missing,
        )

    def _try(self, what: str, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:
            log.exception("%s failed; it is tried again", what)


def _is_old(stored: Stored, before: float) -> bool:
    return stored.modified < before
