"""The port on real servers: every method is one line that says who does it."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from haneul.engines import daemons
from haneul.engines.errors import EngineError
from haneul.engines.postgres import builds as installations
from haneul.engines.postgres import copies, roles
from haneul.engines.postgres.control import Servers, clear_partial
from haneul.engines.postgres.layout import Layout
from haneul.engines.postgres.port import ADMIN, LogFile, Standby


class PostgresServers:
    """PostgreSQL servers in `folder`, of whatever builds are on this machine. See `port.PostgresEngine`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: Servers | None = None
        self._lock = threading.Lock()
        self._ended: Callable[[str], None] | None = None
        self._housed: set[str] = set()

    @property
    def _servers(self) -> Servers:
        with self._lock:
            if self._opened is None:
                builds = installations.found(self._folder / "builds")
                layout = Layout(self._folder)
                layout.open(*(build.folder for build in builds))
                for name in ("servers", "backups"):  # nobody is at work yet: what is half made or half gone goes
                    for left in (self._folder / name).glob("*.part-*"):
                        shutil.rmtree(left, ignore_errors=True)
                self._opened = Servers(layout, builds)
                if self._ended is not None:
                    self._opened.watch(self._ended)
            return self._opened

    def versions(self) -> list[str]:
        return [build.version for build in installations.found(self._folder / "builds")]

    def ensure_created(self, name: str, version: str) -> None:
        servers = self._servers
        servers.builds = installations.found(self._folder / "builds")  # one may have been installed meanwhile
        build = installations.choose(servers.builds, version, f"haneul engines install postgres {version}")
        with servers.lock(name):
            servers.create(name, build)

    def ensure_running(self, name: str, settings: Mapping[str, str], standby: Standby | None = None) -> None:
        servers = self._servers
        if standby is not None:
            copies.follow(servers, standby)
        if servers.start(name, settings, standby):
            self._housed.discard(name)
        if standby is None and name not in self._housed:
            roles.ensure_house(servers, name)
            self._housed.add(name)

    def ensure_stopped(self, name: str, *, now: bool = False) -> None:
        self._servers.stop(name, now=now)

    def ensure_removed(self, name: str) -> None:
        servers = self._servers
        servers.stop(name, now=True)
        with servers.lock(name):
            server = servers.layout.server(name)
            clear_partial(server)
            if server.exists():
                doomed = servers.layout.partial(server)
                server.rename(doomed)
                shutil.rmtree(doomed)

    def exists(self, name: str) -> bool:
        return self._servers.layout.data(name).exists()

    def version(self, name: str) -> str:
        return self._servers.build(name).version

    def running(self, name: str) -> bool:
        return self._servers.running(name)

    def names(self) -> list[str]:
        folder = self._folder / "servers"
        return sorted(path.name for path in folder.iterdir() if ".part-" not in path.name) if folder.is_dir() else []

    def socket(self, name: str) -> str:
        return str(self._servers.layout.socket(name))

    def execute(
        self, name: str, statement: str, parameters: Sequence[Any] = (), *, database: str = ADMIN
    ) -> list[tuple[Any, ...]]:
        return self._servers.query(name, statement, parameters, database)

    def login(self, name: str, user: str, password: str, database: str) -> None:
        roles.check_login(self._servers, name, user, password, database)

    def ensure_login(self, name: str, user: str, password: str, *, master: bool) -> None:
        roles.ensure_login(self._servers, name, user, password, master=master)

    def ensure_database(self, name: str, database: str, owner: str) -> None:
        roles.ensure_database(self._servers, name, database, owner)

    def token_password(self, name: str, user: str) -> str | None:
        return roles.token_password(self._servers, name, user)

    def pending(self, name: str) -> list[str]:
        return [row[0] for row in self.execute(name, "SELECT name FROM pg_settings WHERE pending_restart")]

    def ensure_standby(self, name: str, standby: Standby) -> None:
        with self._servers.lock(name):
            copies.standby(self._servers, name, standby)

    def ensure_cloned(self, name: str, source: str) -> None:
        with self._servers.lock(name):
            copies.clone(self._servers, name, source)

    def ensure_rejoined(self, name: str, standby: Standby) -> None:
        with self._servers.lock(name):
            copies.rejoin(self._servers, name, standby)

    def ensure_promoted(self, name: str) -> None:
        self._servers.promote(name)

    def remove_slot(self, name: str, slot: str) -> None:
        self.execute(
            name, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", (slot,)
        )

    def ensure_backup(self, name: str, backup: str, *, since: str | None = None) -> None:
        with self._servers.lock(f"backup-{backup}"):
            copies.backup(self._servers, name, backup, since)

    def ensure_backup_copied(self, backup: str, copy: str) -> None:
        with self._servers.lock(f"backup-{copy}"):
            copies.copy_backup(self._servers, backup, copy)

    def backup_size(self, backup: str) -> int | None:
        place = self._servers.layout.backup(backup)
        return _size(place) if place.exists() else None

    def remove_backup(self, backup: str) -> None:
        with self._servers.lock("backups"):
            copies.remove_backup(self._servers, backup)

    def ensure_restored(self, name: str, backup: str, *, log_of: str | None = None, until: float | None = None) -> None:
        with self._servers.lock(name):
            copies.restore(self._servers, name, backup, log_of, until)

    def ensure_upgraded(self, name: str, version: str) -> None:
        servers = self._servers
        build = installations.choose(servers.builds, version, f"haneul engines install postgres {version}")
        with servers.lock(name):
            servers.stop(name)
            copies.upgrade(servers, name, build)

    def archived_until(self, name: str, archive: str) -> float | None:
        if self.running(name):
            return copies.mark(self._servers, name, archive)
        with contextlib.suppress(OSError, ValueError):
            return float((self._servers.layout.archive(archive) / "until").read_text())
        return None

    def trim_archive(self, archive: str, backup: str) -> None:
        copies.trim(self._servers, archive, backup)

    def remove_archive(self, archive: str) -> None:
        shutil.rmtree(self._servers.layout.archive(archive), ignore_errors=True)

    def size(self, name: str) -> int:
        return _size(self._servers.layout.data(name))

    def logs(self, name: str) -> list[LogFile]:
        folder = self._servers.layout.logs(name)
        if not folder.is_dir():
            return []
        found = ((path.name, path.stat()) for path in sorted(folder.iterdir()))
        return [LogFile(file, about.st_size, about.st_mtime) for file, about in found]

    def read_log(self, name: str, file: str, offset: int, length: int) -> bytes:
        if "/" in file or file.startswith("."):
            raise FileNotFoundError(file)
        with (self._servers.layout.logs(name) / file).open("rb") as log:
            log.seek(offset)
            return log.read(length)

    def watch(self, ended: Callable[[str], None]) -> None:
        self._ended = ended
        if self._opened is not None:
            self._opened.watch(ended)

    def close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None


def _size(folder: Path) -> int:
    """Bytes on disk below `folder`."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.lstat().st_blocks * 512
    return total


__all__ = ["EngineError", "PostgresServers", "daemons"]
