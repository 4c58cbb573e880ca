"""A double of the engine for pure tests: it keeps what it was told on disk, runs nothing, and checks how it is used.

A file `fake` in the engine's folder asks for it.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from haneul.engines.errors import EngineError, EngineMissing
from haneul.engines.postgres.port import ADMIN, LogFile, Standby
from haneul.kit.clock import SystemClock

VERSIONS = ["16.14", "18.4"]


class FakePostgres:
    """Servers as small files: their version, logins, databases, and whom they follow. See `port.PostgresEngine`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._up: dict[str, dict[str, str]] = {}
        self._lock = threading.RLock()
        self._clock = SystemClock()
        for name in ("servers", "backups", "archives"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def versions(self) -> list[str]:
        return list(VERSIONS)

    def ensure_created(self, name: str, version: str) -> None:
        if version not in VERSIONS:
            raise EngineMissing(f"PostgreSQL {version}", "haneul engines install postgres")
        if not self.exists(name):
            self._write(name, {"version": version, "logins": {}, "databases": [], "follows": None, "slots": []})

    def ensure_running(self, name: str, settings: Mapping[str, str], standby: Standby | None = None) -> None:
        server = self._read(name)
        if standby is not None:
            self._add_slot(standby)
        server["follows"] = standby.source if standby is not None else None
        self._write(name, server)
        if settings.get("archive"):
            (self._folder / "archives" / settings["archive"]).mkdir(exist_ok=True)
        self._up[name] = dict(settings)

    def ensure_stopped(self, name: str, *, now: bool = False) -> None:
        self._up.pop(name, None)

    def ensure_removed(self, name: str) -> None:
        with self._lock:
            self._up.pop(name, None)
            (self._folder / "servers" / name).unlink(missing_ok=True)

    def exists(self, name: str) -> bool:
        return (self._folder / "servers" / name).exists()

    def version(self, name: str) -> str:
        return str(self._read(name)["version"])

    def running(self, name: str) -> bool:
        return name in self._up

    def names(self) -> list[str]:
        return sorted(path.name for path in (self._folder / "servers").iterdir())

    def socket(self, name: str) -> str:
        return str(self._folder / "sockets" / name)

    def settings(self, name: str) -> dict[str, str]:
        """What the server would run with."""
        return self._up[name]

    def execute(
        self, name: str, statement: str, parameters: Sequence[Any] = (), *, database: str = ADMIN
    ) -> list[tuple[Any, ...]]:
        self._must_run(name)
        if "pg_stat_replication" in statement:
            return [(other,) for other in self.names() if self._read(other)["follows"] == name and other in self._up]
        return [(0,)]

    def login(self, name: str, user: str, password: str, database: str) -> None:
        self._must_run(name)
        server = self._read(name)
        if server["logins"].get(user) != password or (database and database not in ["postgres", *server["databases"]]):
            raise EngineError(f"login as {user} failed")

    def ensure_login(self, name: str, user: str, password: str, *, master: bool) -> None:
        self._must_run(name)
        server = self._read(name)
        server["logins"][user] = password
        self._write(name, server)

    def ensure_database(self, name: str, database: str, owner: str) -> None:
        self._must_run(name)
        server = self._read(name)
        server["databases"] = sorted({*server["databases"], database})
        self._write(name, server)

    def token_password(self, name: str, user: str) -> str | None:
        return None

    def pending(self, name: str) -> list[str]:
        return []

    def ensure_standby(self, name: str, standby: Standby) -> None:
        self._must_run(standby.source)
        self._add_slot(standby)
        if not self.exists(name):
            self._write(name, {**self._read(standby.source), "follows": standby.source, "slots": []})

    def ensure_cloned(self, name: str, source: str) -> None:
        if not self.exists(name):
            self._write(name, {**self._read(source), "follows": None, "slots": []})

    def ensure_rejoined(self, name: str, standby: Standby) -> None:
        self._must_run(standby.source)
        self._up.pop(name, None)
        self._write(name, {**self._read(standby.source), "follows": standby.source, "slots": []})

    def ensure_promoted(self, name: str) -> None:
        self._must_run(name)
        self._write(name, {**self._read(name), "follows": None})

    def remove_slot(self, name: str, slot: str) -> None:
        with self._lock:
            self._must_run(name)
            server = self._read(name)
            server["slots"] = [one for one in server["slots"] if one != slot]
            self._write(name, server)

    def ensure_backup(self, name: str, backup: str, *, since: str | None = None) -> None:
        place = self._folder / "backups" / backup
        if not place.exists():
            _put(place, self._read(name))

    def ensure_backup_copied(self, backup: str, copy: str) -> None:
        place = self._folder / "backups" / copy
        if not place.exists():
            _put(place, json.loads((self._folder / "backups" / backup).read_text()))

    def backup_size(self, backup: str) -> int | None:
        return 1 << 20 if (self._folder / "backups" / backup).exists() else None

    def remove_backup(self, backup: str) -> None:
        (self._folder / "backups" / backup).unlink(missing_ok=True)

    def ensure_restored(self, name: str, backup: str, *, log_of: str | None = None, until: float | None = None) -> None:
        place = self._folder / "backups" / backup
        if not place.exists():
            raise EngineError(f"there is no backup {backup}")
        if not self.exists(name):
            self._write(name, {**json.loads(place.read_text()), "follows": None, "slots": []})

    def ensure_upgraded(self, name: str, version: str) -> None:
        self._write(name, {**self._read(name), "version": version})

    def archived_until(self, name: str, archive: str) -> float | None:
        return self._clock.now() if self.running(name) else None

    def trim_archive(self, archive: str, backup: str) -> None:
        """There is no log to trim."""

    def remove_archive(self, archive: str) -> None:
        shutil.rmtree(self._folder / "archives" / archive, ignore_errors=True)

    def size(self, name: str) -> int:
        return 1 << 20

    def logs(self, name: str) -> list[LogFile]:
        return []

    def read_log(self, name: str, file: str, offset: int, length: int) -> bytes:
        raise FileNotFoundError(file)

    def watch(self, ended: Callable[[str], None]) -> None:
        """Nothing here ends by itself."""

    def close(self) -> None:
        self._up.clear()

    def _must_run(self, name: str) -> None:
        if name not in self._up:
            raise EngineError(f"server {name} does not run")

    def _add_slot(self, standby: Standby) -> None:
        with self._lock:
            if self.running(standby.source):
                source = self._read(standby.source)
                source["slots"] = sorted({*source["slots"], standby.slot})
                self._write(standby.source, source)

    def _read(self, name: str) -> dict[str, Any]:
        with self._lock:
            try:
                return dict(json.loads((self._folder / "servers" / name).read_text()))
            except FileNotFoundError:
                raise EngineError(f"there is no server {name}") from None

    def _write(self, name: str, server: Mapping[str, Any]) -> None:
        with self._lock:
            _put(self._folder / "servers" / name, server)


def _put(path: Path, value: Mapping[str, Any]) -> None:
    fresh = path.parent.parent / f"{path.name}.fresh"
    fresh.write_text(json.dumps(value))
    fresh.rename(path)
