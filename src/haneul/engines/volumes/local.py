"""The port on local files:

volumes/<volume>          raw and sparse, what machines open
luks/<volume>             an encrypted one: QCOW2 with LUKS, of which an exporter makes what machines open
frozen/<snapshot>         a volume's bytes of one moment, until they are stored
luks/<snapshot>           an encrypted volume's, ciphertext still
exports/<name>            a running exporter
snapshots/<snapshot>      its manifest
segments/<snapshot>       the blocks that it brought
drafts/<snapshot>         the manifest of one that is written block by block
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from haneul.engines.errors import EngineError
from haneul.engines.volumes import exports, luks, sparse
from haneul.engines.volumes import manifest as manifests
from haneul.engines.volumes.install import installed
from haneul.engines.volumes.manifest import Block, Manifest
from haneul.engines.volumes.port import BLOCK, NO_LIMITS, Limits, Taken
from haneul.engines.volumes.runs import ahead, fill, punch_others
from haneul.engines.volumes.sealing import TAG, digest, seal, unseal

_ZEROS = bytes(BLOCK)
_FOLDERS = ("volumes", "luks", "frozen", "snapshots", "segments", "drafts")
_HASHERS = 2


class LocalVolumes:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._exports = exports.Exports(folder)
        self._made = False
        self._lock = threading.RLock()
        """Held while the list of segments in use is read or changes."""
        self._held: list[Manifest] = []
        """Whose blocks a snapshot under way shares: nobody gives them back meanwhile."""

    def versions(self) -> list[str]:
        return installed(self._folder)

    def path(self, volume: str) -> Path:
        found = self._exports.path(volume)
        if found is not None:
            return found
        if self.is_sealed(volume):
            raise EngineError(f"{volume} is encrypted and has not been opened")
        return self._at("volumes", volume)

    def ensure_open(self, volume: str, key: bytes = b"", limits: Limits = NO_LIMITS) -> Path:
        if self.is_sealed(volume):
            return self._exports.start(volume, self._at("luks", volume), key, limits)
        if limits == NO_LIMITS and not self.is_open(volume):
            return self._at("volumes", volume)
        return self._exports.start(volume, self._at("volumes", volume), limits=limits)

    def ensure_closed(self, volume: str) -> None:
        self._exports.end(volume)

    def is_open(self, volume: str) -> bool:
        return self._exports.pid(volume) is not None

    def is_sealed(self, volume: str) -> bool:
        return self._at("luks", volume).exists()

    def close(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._exports.end, self._exports.names()))

    def ready(self, volume: str) -> bool:
        return self._at("volumes", volume).exists() or self.is_sealed(volume)

    def size(self, volume: str) -> int:
        if self.is_sealed(volume):
            return luks.size(self._at("luks", volume))
        return self._at("volumes", volume).stat().st_size

    def ensure_volume(self, volume: str, size: int, snapshot: str = "", key: bytes = b"", own_key: bytes = b"") -> None:
        if self.ready(volume):
            return
        if own_key:
            self._make_sealed(volume, size, snapshot, key, own_key)
            return
        path = self._at("volumes", volume)
        temporary = path.with_name(f"{volume}.new")
        with temporary.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            if snapshot:
                found = self._manifest(snapshot)
                self._fill(file.fileno(), found, key)
                os.ftruncate(file.fileno(), max(size, found.size))
            else:
                os.ftruncate(file.fileno(), size)
            os.fsync(file.fileno())
        temporary.rename(path)
        manifests.sync_folder(path.parent)

    def _make_sealed(self, volume: str, size: int, snapshot: str, key: bytes, own_key: bytes) -> None:
        """The plain bytes pass through an exporter, and only ciphertext is written."""
        exports.check(self._folder)
        name = f"{volume}.new"
        self._exports.end(name)
        temporary = self._at("luks", name)
        found = self._manifest(snapshot) if snapshot else Manifest(size=0, sealed=False, blocks={})
        luks.create(temporary, max(size, found.size), own_key)
        if found.blocks:
            try:
                with self._exports.start(name, temporary, own_key).open("r+b") as file:
                    self._fill(file.fileno(), found, key)
                    os.fsync(file.fileno())
            except OSError as error:
                raise EngineError(f"{volume} could not be written: {error.strerror}") from error
            finally:
                self._exports.end(name)
        path = self._at("luks", volume)
        temporary.rename(path)
        manifests.sync_folder(path.parent)

    def ensure_grown(self, volume: str, size: int) -> None:
        if self.size(volume) >= size:
            return
        if self.is_sealed(volume) and not self.is_open(volume):
            luks.grow(self._at("luks", volume), size)
            return
        with self.path(volume).open("r+b") as file:
            os.ftruncate(file.fileno(), size)
            os.fsync(file.fileno())

    def remove_volume(self, volume: str) -> None:
        for name in (volume, f"{volume}.new"):
            self._exports.end(name)
            for folder in ("volumes", "luks"):
                self._at(folder, name).unlink(missing_ok=True)

    def ensure_frozen(self, volume: str, snapshot: str) -> None:
        folder = "luks" if self.is_sealed(volume) else "frozen"
        frozen = self._at(folder, snapshot)
        if frozen.exists() or self.has_snapshot(snapshot):
            return
        temporary = frozen.with_name(f"{snapshot}.new")
        try:
            if folder == "luks":
                self._settle(volume)
            sparse.copy(self._at("luks" if folder == "luks" else "volumes", volume), temporary)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise EngineError(f"{volume} could not be set aside: {error.strerror}") from error
        temporary.rename(frozen)

    def _settle(self, volume: str) -> None:
        """The exporter has written its tables, so that the file's copy is the volume of this moment."""
        found = self._exports.path(volume)
        if found is not None:
            with found.open("rb") as file:
                os.fsync(file.fileno())

    def ensure_snapshot(self, snapshot: str, parent: str = "", key: bytes = b"") -> Taken:
        frozen, sealed = self._at("frozen", snapshot), self._at("luks", snapshot)
        if not self.has_snapshot(snapshot):
            if sealed.exists():
                self._store_sealed(sealed, snapshot, parent, key)
            elif frozen.exists():
                self._store(frozen, snapshot, parent, key)
            else:
                raise EngineError(f"the bytes of {snapshot} are lost: the machine ended before they were stored")
        self._exports.end(snapshot)
        frozen.unlink(missing_ok=True)
        sealed.unlink(missing_ok=True)
        return self._taken(snapshot)

    def _store_sealed(self, sealed: Path, snapshot: str, parent: str, key: bytes) -> None:
        """Read through an exporter of its own, so that no plain byte is written."""
        try:
            self._store(self._exports.start(snapshot, sealed, key, read_only=True), snapshot, parent, key)
        finally:
            self._exports.end(snapshot)

    def ensure_imported(self, snapshot: str, image: Path) -> Taken:
        if not self.has_snapshot(snapshot):
            self._store(image, snapshot, "", b"")
        return self._taken(snapshot)

    def ensure_copy(self, snapshot: str, source: str, old_key: bytes = b"", key: bytes = b"") -> Taken:
        if self.has_snapshot(snapshot):
            return self._taken(snapshot)
        found = self._manifest(source)
        if old_key == key:
            with self._lock:
                self._publish(snapshot, self._manifest(source))
            return self._taken(snapshot)
        copy = Manifest(size=found.size, sealed=bool(key), blocks={})
        with self._at("segments", snapshot).open("wb") as file:
            for number in found.blocks:
                content = self.read_block(source, number, old_key)
                name = digest(content, key)
                file.write(seal(content, name, key))
                copy.blocks[number] = Block(snapshot, len(copy.blocks), name)
            file.flush()
            os.fsync(file.fileno())
        with self._lock:
            self._publish(snapshot, copy)
        return self._taken(snapshot)

    def has_snapshot(self, snapshot: str) -> bool:
        return self._at("snapshots", snapshot).exists()

    def remove_snapshot(self, snapshot: str) -> None:
        with self._lock:
            self._exports.end(snapshot)
            for folder in ("frozen", "luks", "drafts"):
                self._at(folder, snapshot).unlink(missing_ok=True)
            path = self._at("snapshots", snapshot)
            if path.exists():
                gone = manifests.load(path)
                path.unlink()
                manifests.sync_folder(path.parent)
                self._release({block.segment for block in gone.blocks.values()} | {snapshot})
            else:
                self._release({snapshot})

    def digests(self, snapshot: str) -> dict[int, str]:
        return {number: block.digest.hex() for number, block in sorted(self._manifest(snapshot).blocks.items())}

    def read_block(self, snapshot: str, number: int, key: bytes = b"") -> bytes:
        found = self._manifest(snapshot)
        block = found.blocks.get(number)
        if block is None:
            return _ZEROS
        stride = BLOCK + (TAG if found.sealed else 0)
        with self._at("segments", block.segment).open("rb") as file:
            stored = os.pread(file.fileno(), stride, block.slot * stride)
        return unseal(stored, block.digest, key if found.sealed else b"")

    def ensure_draft(self, snapshot: str, size: int, parent: str = "") -> None:
        path = self._at("drafts", snapshot)
        if path.exists() or self.has_snapshot(snapshot):
            return
        start = self._manifest(parent) if parent else Manifest(size=size, sealed=False, blocks={})
        start.size = size
        manifests.store(path, start)

    def ensure_block(self, snapshot: str, number: int, content: bytes, key: bytes = b"") -> None:
        """Each block of a draft is a file until the draft is complete: they arrive in any order, many at once."""
        folder = self._at("drafts", f"{snapshot}.blocks")
        folder.mkdir(exist_ok=True, mode=0o700)
        path = folder / str(number)
        temporary = folder / f"{number}.{threading.get_ident()}"
        name = digest(content, key)
        with temporary.open("wb") as file:
            file.write(name)
            file.write(seal(content, name, key))
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        manifests.sync_folder(folder)

    def ensure_sealed(self, snapshot: str) -> Taken:
        draft = self._at("drafts", snapshot)
        folder = self._at("drafts", f"{snapshot}.blocks")
        if not self.has_snapshot(snapshot):
            found = manifests.load(draft)
            self._gather(snapshot, found, folder)
            with self._lock:
                self._publish(snapshot, found)
        draft.unlink(missing_ok=True)
        if folder.exists():
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
        return self._taken(snapshot)

    def sweep(self, volumes: Set[str], snapshots: Set[str]) -> list[str]:
        gone = []
        with self._lock:
            for name in self._exports.names():
                if name not in volumes | snapshots:
                    self._exports.end(name)
            of_luks = volumes | snapshots
            for folder, keep in (
                ("volumes", volumes),
                ("luks", of_luks),
                ("frozen", snapshots),
                ("snapshots", snapshots),
            ):
                for path in sorted((self._folder / folder).glob("*")):
                    if path.name not in keep:
                        path.unlink()
                        gone.append(path.name)
            self._release({path.name for path in (self._folder / "segments").glob("*")})
        return gone

    # Storing.

    def _store(self, source: Path, snapshot: str, parent: str, key: bytes) -> None:
        """Keep a file's blocks as a snapshot: those that the parent doesn't have go to a segment of its own."""
        before = self._hold(parent, key)
        known = {block.digest: block for block in before.blocks.values()}
        with source.open("rb") as file, self._at("segments", snapshot).open("wb") as segment:
            size = os.fstat(file.fileno()).st_size
            made = Manifest(size=size, sealed=bool(key), blocks={})
            slots = 0

            def read(number: int) -> tuple[int, bytes, bytes]:
                content = os.pread(file.fileno(), BLOCK, number * BLOCK)
                if len(content) < BLOCK:
                    content += bytes(BLOCK - len(content))
                return number, b"" if content == _ZEROS else content, digest(content, key)

            with ThreadPoolExecutor(_HASHERS) as pool:
                for number, content, name in ahead(pool, read, sparse.blocks(file.fileno(), size, BLOCK), _HASHERS * 4):
                    if not content:
                        continue
                    if name not in known:
                        segment.write(seal(content, name, key))
                        known[name] = Block(snapshot, slots, name)
                        slots += 1
                    made.blocks[number] = known[name]
            segment.flush()
            os.fsync(segment.fileno())
        with self._lock:
            self._publish(snapshot, made)
            self._held = [one for one in self._held if one is not before]

    def _hold(self, parent: str, key: bytes) -> Manifest:
        """The parent's manifest, held; an empty one when there is none to share with."""
        with self._lock:
            before = Manifest(size=0, sealed=bool(key), blocks={})
            if parent and self.has_snapshot(parent):
                found = self._manifest(parent)
                before = found if found.sealed == bool(key) else before
            self._held = [*self._held, before]
            return before

    def _gather(self, snapshot: str, found: Manifest, folder: Path) -> None:
        """The blocks of a draft as a segment."""
        paths = [path for path in folder.glob("*") if path.name.isdigit()] if folder.exists() else []
        slots = 0
        with self._at("segments", snapshot).open("wb") as segment:
            for path in sorted(paths, key=lambda one: int(one.name)):
                stored = path.read_bytes()
                name, content = stored[:32], stored[32:]
                found.sealed = len(content) > BLOCK
                segment.write(content)
                found.blocks[int(path.name)] = Block(snapshot, slots, name)
                slots += 1
            segment.flush()
            os.fsync(segment.fileno())

    def _publish(self, snapshot: str, made: Manifest) -> None:
        manifests.sync_folder(self._folder / "segments")
        manifests.store(self._at("snapshots", snapshot), made)

    def _release(self, segments: set[str]) -> None:
        """Give back what no manifest names of these segments."""
        used: dict[str, set[int]] = {segment: set() for segment in segments}
        strides = dict.fromkeys(segments, BLOCK)
        for found in (*self._held, *self._manifests()):
            for block in found.blocks.values():
                if block.segment in used:
                    used[block.segment].add(block.slot)
                    strides[block.segment] = BLOCK + (TAG if found.sealed else 0)
        for segment, slots in used.items():
            path = self._at("segments", segment)
            if not slots:
                path.unlink(missing_ok=True)
            elif path.exists():
                punch_others(path, slots, strides[segment])

    def _manifests(self) -> Iterator[Manifest]:
        for folder in ("snapshots", "drafts"):
            for path in (self._folder / folder).glob("*"):
                if path.is_file() and path.suffix != ".new":
                    yield manifests.load(path)

    def _fill(self, target: int, found: Manifest, key: bytes) -> None:
        fill(target, found, key, lambda segment: self._at("segments", segment))

    def _manifest(self, snapshot: str) -> Manifest:
        try:
            return manifests.load(self._at("snapshots", snapshot))
        except FileNotFoundError:
            raise EngineError(f"there is no snapshot {snapshot}") from None

    def _taken(self, snapshot: str) -> Taken:
        found = self._manifest(snapshot)
        own = {block.slot for block in found.blocks.values() if block.segment == snapshot}
        return Taken(len(found.blocks), len(own) * BLOCK)

    def _at(self, folder: str, name: str) -> Path:
        if not self._made:
            for one in _FOLDERS:
                (self._folder / one).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._made = True
        if "/" in name or name in ("", ".", ".."):
            raise EngineError(f"{name!r} is no name of a volume or snapshot")
        return self._folder / folder / name
