"""Listing by scanning: keys under a prefix in order, those that share a delimiter rolled up into one, and skipped.

A roll-up costs one look-up however many keys it stands for, because the scan starts anew behind them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from haneul.services.s3.plane import keys
from haneul.state.store import Reader

_SEQ = 8


class Row(NamedTuple):
    """A row met: the key, its packed entry, whether it is the current version. A roll-up has no entry."""

    key: str
    packed: bytes | None
    current: bool = True


class Walk:
    """A walk over the current versions of a bucket's keys, or with `every` over all versions, newest first."""

    def __init__(self, tx: Reader, owner: bytes, prefix: str, delimiter: str, every: bool = False) -> None:
        self._tx = tx
        self._delimiter = delimiter
        self._every = every
        self._prefix = prefix
        self._currents = keys.current_root(owner)
        self._versions = keys.version_root(owner)
        self._stem = keys.name(prefix)
        self._from: bytes = self._stem
        self._from_version: bytes = self._stem

    def begin_after(self, key: str) -> None:
        """Leave out everything up to and with the key."""
        self._skip(keys.name(key) + b"\x01")

    def begin_behind(self, prefix: str) -> None:
        """Leave out everything up to and with the keys that start with `prefix`."""
        self._skip(keys.after(keys.name(prefix)))

    def begin_within(self, key: str, seq: int, current: int) -> None:
        """Leave out everything up to and with the version `seq` of the key, whose current version is `current`."""
        name = keys.name(key)
        if name < self._stem:
            return
        # Who deletes what a page showed and asks for the next one finds an older version current: it comes now.
        self._from = name + (b"\x00" if current < seq else b"\x01")
        self._from_version = name + b"\x00" + keys.inverse(seq - 1)

    def _skip(self, to: bytes) -> None:
        self._from = max(self._from, to)
        self._from_version = max(self._from_version, to)

    def rows(self) -> Iterator[Row]:
        """Rows in order. Ask `skip_rest_of` during the walk to leave out a roll-up's other keys."""
        self._restart = True
        cut = len(self._prefix)
        delimiter = self._delimiter
        while self._restart:
            self._restart = False
            for name, packed, current in self._pairs():
                key = keys.text(name)
                if delimiter:
                    end = key.find(delimiter, cut)
                    if end >= 0:
                        yield Row(key[: end + len(delimiter)], packed, current)
                        if self._restart:
                            break
                        continue
                yield Row(key, packed, current)

    def skip_rest_of(self, prefix: str) -> None:
        """The roll-up is told: go on behind it."""
        self.begin_behind(prefix)
        self._restart = True

    def rolled(self, key: str) -> bool:
        """Whether a row's key is a roll-up (ends in the delimiter found behind the prefix)."""
        delimiter = self._delimiter
        return bool(delimiter) and key.find(delimiter, len(self._prefix)) >= 0

    def _pairs(self) -> Iterator[tuple[bytes, bytes, bool]]:
        end = keys.after(self._currents + self._stem) if self._stem else keys.after(self._currents)
        root = len(self._currents)
        currents = _scan(self._tx, self._currents + self._from, end)
        if not self._every:
            for at, packed in currents:
                yield at[root:-1], packed, True
            return
        end = keys.after(self._versions + self._stem) if self._stem else keys.after(self._versions)
        yield from _merged(currents, _scan(self._tx, self._versions + self._from_version, end), root)


def _scan(tx: Reader, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
    return tx.scan(start, end) if start < end else iter(())


def _merged(
    currents: Iterator[tuple[bytes, bytes]], versions: Iterator[tuple[bytes, bytes]], root: int
) -> Iterator[tuple[bytes, bytes, bool]]:
    """Both kinds of rows by name, the current version before the others. (Both roots are equally long.)"""
    current = next(currents, None)
    version = next(versions, None)
    while current is not None or version is not None:
        if version is None or (current is not None and current[0][root:] <= version[0][root:-_SEQ]):
            assert current is not None
            yield current[0][root:-1], current[1], True
            current = next(currents, None)
        else:
            yield version[0][root : -_SEQ - 1], version[1], False
            version = next(versions, None)
