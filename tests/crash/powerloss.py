"""What a power cut may leave of a recorded run (recording.py).

Promised by a file system: bytes written before a file's last sync, names as of their folder's last sync. Beyond that,
chance: changes of names survive in their order up to any point (as a journal keeps them), and of a file's unsynced
writes any subset does, each of them possibly torn. That covers "everything unsynced is gone" and "nothing is".
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

Entry = tuple[Any, ...]
_SECTOR = 512


class Disk:
    """The log up to one entry, as durable state and what hangs in the air."""

    def __init__(self) -> None:
        self.kept: dict[int, bytearray] = {}
        self.pending: dict[int, list[Entry]] = {}
        self.names: list[Entry] = []
        """mkdir, create, rename and unlink, in order; the first `forced` of them are durable."""
        self.forced = 0
        self.marks: list[str] = []

    def apply(self, entries: list[Entry]) -> None:
        """Go on to the end of `entries`."""
        for entry in entries:
            self._apply(entry)

    def _apply(self, entry: Entry) -> None:
        kind = entry[0]
        if kind == "mark":
            self.marks.append(entry[1])
        elif kind in ("write", "truncate"):
            self.pending.setdefault(entry[1], []).append(entry)
        elif kind == "sync":
            data = self.kept.setdefault(entry[1], bytearray())
            for change in self.pending.pop(entry[1], []):
                _change(data, change)
        elif kind == "syncdir":
            touching = [at for at, change in enumerate(self.names) if _touches(change, entry[1])]
            if touching:
                self.forced = max(self.forced, touching[-1] + 1)
        else:
            self.names.append(entry)

    def after_power_loss(self, folder: Path, chance: random.Random) -> None:
        """Lay out in `folder` one of the states that a power cut at this moment may leave."""
        luck = chance.choice((0.0, 0.0, 0.5, 0.9, 1.0))
        survived = chance.choice((self.forced, len(self.names), chance.randint(self.forced, len(self.names))))
        folder.mkdir()
        tree: dict[str, int | None] = {}
        for kind, number, *paths in self.names[:survived]:
            if kind in ("mkdir", "create"):
                tree[paths[0]] = None if kind == "mkdir" else number
            elif kind == "unlink":
                del tree[paths[0]]
            else:
                _move(tree, *paths)
        for path in sorted(tree):
            number = tree[path]
            place = folder / path.lstrip("/")
            if number is None:
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(self._contents(number, luck, chance))

    def _contents(self, number: int, luck: float, chance: random.Random) -> bytes:
        data = bytearray(self.kept.get(number, b""))
        for change in self.pending.get(number, []):
            if chance.random() >= luck:
                continue
            if change[0] == "write" and len(change[3]) > _SECTOR and 0 < luck < 1 and chance.random() < 0.3:
                torn = chance.randrange(0, len(change[3]), _SECTOR)
                change = (*change[:3], change[3][:torn])
            _change(data, change)
        return bytes(data)


def _change(data: bytearray, change: Entry) -> None:
    if change[0] == "truncate":
        del data[change[2] :]
        data.extend(bytes(change[2] - len(data)))
        return
    _, _, offset, written = change
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(written)] = written


def _touches(change: Entry, folder: str) -> bool:
    return any(os.path.dirname(path) == folder for path in change[2:])


def _move(tree: dict[str, int | None], old: str, new: str) -> None:
    tree[new] = tree.pop(old)
    for path in [path for path in tree if path.startswith(old + "/")]:
        tree[new + path[len(old) :]] = tree.pop(path)
