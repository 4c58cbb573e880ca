"""The port: PostgreSQL servers by name. `real.PostgresServers` implements it and, for pure tests, `fake.FakePostgres`.

A server is a data directory and, while it runs, a process behind a Unix socket; nobody reaches it by TCP but through
`engines/endpoints`. Every `ensure_*` and `remove_*` may be repeated, and interrupted, at any point. Blocking: call them
from worker threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

ADMIN = "rdsadmin"
"""The superuser and the database of the cloud itself, as RDS names them."""


@dataclass(frozen=True)
class Standby:
    """How a server follows another one on this machine: the other's name, and a replication slot there, which keeps the
    log that this one still needs."""

    source: str
    slot: str


@dataclass(frozen=True)
class LogFile:
    name: str
    size: int
    written: float


class PostgresEngine(Protocol):
    def versions(self) -> list[str]:
        """What can be started here, oldest first: ["16.14", "18.4"]."""
        ...

    def ensure_created(self, name: str, version: str) -> None:
        """An empty server of that version, its superuser ADMIN; nothing when it is there. Raises EngineMissing."""
        ...

    def ensure_running(self, name: str, settings: Mapping[str, str], standby: Standby | None = None) -> None:
        """The server answers a query; its settings are those (a changed static one waits for the next start).

        A setting of the port's own, "archive", names the archive that the server's log is handed to.
        """
        ...

    def ensure_stopped(self, name: str, *, now: bool = False) -> None:
        """The server has ended, cleanly unless `now`."""
        ...

    def ensure_removed(self, name: str) -> None:
        """The server and its data are gone; its backups are not."""
        ...

    def exists(self, name: str) -> bool: ...

    def version(self, name: str) -> str: ...

    def running(self, name: str) -> bool: ...

    def names(self) -> list[str]:
        """Every server that has data here."""
        ...

    def socket(self, name: str) -> str:
        """The path of the server's Unix socket."""
        ...

    def execute(
        self, name: str, statement: str, parameters: Sequence[Any] = (), *, database: str = ADMIN
    ) -> list[tuple[Any, ...]]:
        """Run one statement as ADMIN, in autocommit; its rows, if any. Raises EngineError."""
        ...

    def login(self, name: str, user: str, password: str, database: str) -> None:
        """Prove that this user can log in and query. Raises EngineError."""
        ...

    def ensure_login(self, name: str, user: str, password: str, *, master: bool) -> None:
        """The user can log in with that password; a master may do what RDS' master users may."""
        ...

    def ensure_database(self, name: str, database: str, owner: str) -> None: ...

    def token_password(self, name: str, user: str) -> str | None:
        """What logs in a user whose IAM token was found good; None when the user isn't a member of rds_iam."""
        ...

    def pending(self, name: str) -> list[str]:
        """Settings that wait for a restart."""
        ...

    def ensure_standby(self, name: str, standby: Standby) -> None:
        """A copy of `standby.source` that will follow it; nothing when it is there."""
        ...

    def ensure_cloned(self, name: str, source: str) -> None:
        """A server of its own with what `source` holds now, sharing blocks where the file system can."""
        ...

    def ensure_rejoined(self, name: str, standby: Standby) -> None:
        """A former primary that ended turned into a standby of the new one (rewound, or copied again)."""
        ...

    def ensure_promoted(self, name: str) -> None:
        """A standby that runs takes writes from now on."""
        ...

    def remove_slot(self, name: str, slot: str) -> None: ...

    def ensure_backup(self, name: str, backup: str, *, since: str | None = None) -> None:
        """A backup of the server under the name `backup`: whole, or what changed since backup `since` where the
        version can (17 and later). Works on running and on stopped servers."""
        ...

    def ensure_backup_copied(self, backup: str, copy: str) -> None: ...

    def backup_size(self, backup: str) -> int | None:
        """Bytes on disk, None when there is none."""
        ...

    def remove_backup(self, backup: str) -> None: ...

    def ensure_restored(self, name: str, backup: str, *, log_of: str | None = None, until: float | None = None) -> None:
        """A server `name` from `backup`; with the log in archive `log_of`, replayed to `until` (epoch
        seconds; None: as far as there is). The next start brings it to consistency."""
        ...

    def ensure_upgraded(self, name: str, version: str) -> None:
        """The stopped server's data brought to a later version (pg_upgrade over major ones)."""
        ...

    def archived_until(self, name: str, archive: str) -> float | None:
        """A moment up to which the log in `archive` reaches; a running server is asked to hand over what it has."""
        ...

    def trim_archive(self, archive: str, backup: str) -> None:
        """Forget archived log that is older than `backup` needs."""
        ...

    def remove_archive(self, archive: str) -> None: ...

    def size(self, name: str) -> int:
        """Bytes of data on disk."""
        ...

    def logs(self, name: str) -> list[LogFile]: ...

    def read_log(self, name: str, file: str, offset: int, length: int) -> bytes:
        """Raises FileNotFoundError."""
        ...

    def watch(self, ended: Callable[[str], None]) -> None:
        """Call `ended(name)`, on a thread of the engine's, at once when a server ends that was not asked to."""
        ...

    def close(self) -> None:
        """Stop every server."""
        ...
