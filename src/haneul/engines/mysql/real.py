"""The port of `engines/postgres` on MariaDB servers: the room treats both alike."""

from __future__ import annotations

import contextlib
import shutil
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from subprocess import Popen
from typing import Any

from haneul.engines import daemons
from haneul.engines.errors import EngineError, EngineMissing
from haneul.engines.mysql import copies
from haneul.engines.mysql import layout as files
from haneul.engines.mysql.install import libraries, version_of
from haneul.engines.mysql.layout import ADMIN, Layout
from haneul.engines.postgres.port import LogFile, Standby

START_LIMIT = 60.0
_STOP = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 10.0))
_STOP_NOW = ((signal.SIGKILL, 10.0),)


class MariaServers:
    """MariaDB servers in `folder`. See `postgres.port.PostgresEngine`, whose names and promises these are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.layout = Layout(folder)
        self._processes: dict[str, Popen[bytes]] = {}
        self._locks: dict[str, threading.RLock] = defaultdict(threading.RLock)
        self._applied: dict[str, dict[str, str]] = {}
        self._ended: Callable[[str], None] | None = None
        self._watch: daemons.Watch | None = None
        self._opened = False

    def versions(self) -> list[str]:
        return sorted((version for version, _ in _builds(self._folder / "builds")), key=_order)

    def build(self, version: str = "") -> tuple[str, Path]:
        """The newest build of that series. Raises EngineMissing."""
        found = [one for one in _builds(self._folder / "builds") if one[0].startswith(version)] or _builds(
            self._folder / "builds"
        )
        if not found:
            raise EngineMissing("MariaDB", "haneul engines install mysql")
        if not self._opened:
            self.layout.open()
            self._opened = True
        return max(found, key=lambda one: _order(one[0]))

    def lock(self, name: str) -> threading.RLock:
        return self._locks[name]

    def environment(self, root: Path) -> dict[str, str]:
        return {"LD_LIBRARY_PATH": libraries(root), "MYSQL_PWD": self.layout.secret}

    def show(self, chain: bytes, key: bytes) -> None:
        """The certificate that servers show (MariaDB does its own TLS); read when a server starts."""
        self.build()
        self.layout.write(self._folder / "tls.pem", chain.decode())
        self.layout.write(self._folder / "tls.key", key.decode())

    def ensure_created(self, name: str, version: str) -> None:
        number, root = self.build(version)
        layout = self.layout
        with self._locks[name]:
            layout.own(layout.server(name))
            data = layout.data(name)
            copies.clear_partial(data)
            if data.exists():
                return
            layout.own(layout.logs(name))
            part = layout.partial(data)
            argv: list[str | Path] = [
                root / "usr/bin/mariadb-install-db",
                "--no-defaults",
                f"--basedir={root / 'usr'}",
                f"--datadir={part}",
            ]
            argv += [f"--lc-messages-dir={root / 'usr/share/mysql'}", "--skip-test-db", "--skip-name-resolve"]
            argv += ["--auth-root-authentication-method=normal", f"--tmpdir={layout.server(name)}"]
            daemons.run(argv, layout.who, environment=self.environment(root), cwd=layout.server(name))
            layout.write(layout.server(name) / "version", number)
            part.rename(data)

    def version(self, name: str) -> str:
        return (self.layout.server(name) / "version").read_text()

    def ensure_running(self, name: str, settings: Mapping[str, str], standby: Standby | None = None) -> None:
        with self._locks[name]:
            _, root = self.build(self.version(name))
            wanted = files.options(self.layout, name, root, settings)
            self.layout.write(self.layout.server(name) / "my.cnf", files.render(wanted, self.layout.secret))
            if self.running(name):
                self._reload(name, wanted)
            else:
                self._start(name, root)
            self._applied[name] = dict(wanted)
            if standby is not None:
                copies.follow(self, name, standby)
            copies.replay(self, name)

    def _reload(self, name: str, wanted: Mapping[str, str]) -> None:
        """Set what changed and can be changed on a running server; the rest waits for the next start."""
        before = self._applied.get(name, {})
        for key, value in wanted.items():
            if before.get(key) == value:
                continue
            number = value.lstrip("-").replace(".", "", 1).isdigit()
            with contextlib.suppress(EngineError):
                self.run(name, f"SET GLOBAL {key} = {value if number else quoted(value)}")

    def _start(self, name: str, root: Path) -> None:
        layout = self.layout
        self._leave_none_behind(name)
        layout.own(layout.socket_folder(name))
        layout.own(layout.server(name) / "files")
        layout.write(layout.server(name) / "init.sql", files.first_statements(layout.secret))
        daemons.hand_over(layout.server(name), layout.who)
        self._reserve_port(name)
        log = layout.logs(name) / "mysql-error.log"
        begin = log.stat().st_size if log.exists() else 0
        argv: list[str | Path] = [root / "usr/sbin/mariadbd", f"--defaults-file={layout.server(name) / 'my.cnf'}"]
        process = daemons.start(
            argv, layout.who, layout.logs(name) / "start.log", death="SIGTERM", environment=self.environment(root)
        )
        self._processes[name] = process
        deadline = time.monotonic() + START_LIMIT
        while True:
            with contextlib.suppress(EngineError):
                if layout.socket(name).exists():
                    self.run(name, "SELECT 1")
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                self.ensure_stopped(name, now=True)
                said = log.read_bytes()[begin:][-2000:].decode(errors="replace") if log.exists() else ""
                raise EngineError(f"MariaDB did not start: {said.strip()[-700:] or 'no word'}")
            time.sleep(0.02)
        if self._watch is not None:
            self._watch.add(name, process.pid)

    def _reserve_port(self, name: str) -> None:
        import socket

        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.layout.port(name)))
                return
            except OSError:
                (self.layout.server(name) / "port").unlink()
        conf = self.layout.server(name) / "my.cnf"
        text = conf.read_text()
        start = text.index("\nport = ") + 8
        conf.write_text(text[:start] + str(self.layout.port(name)) + text[text.index("\n", start) :])

    def _leave_none_behind(self, name: str) -> None:
        number = self.pid(name)
        if number is not None and not daemons.wait(number, 30):
            daemons.send(number, signal.SIGKILL)
            daemons.wait(number, 10)

    def pid(self, name: str) -> int | None:
        try:
            number = int((self.layout.server(name) / "server.pid").read_text())
            here = Path(f"/proc/{number}/cwd").readlink()
        except (OSError, ValueError):
            return None
        return number if here == self.layout.data(name).resolve() and daemons.alive(number) else None

    def ensure_stopped(self, name: str, *, now: bool = False) -> None:
        with self._locks[name]:
            if self._watch is not None:
                self._watch.remove(name)
            process = self._processes.pop(name, None)
            number = process.pid if process is not None and process.poll() is None else self.pid(name)
            if number is not None:
                for sign, patience in _STOP_NOW if now else _STOP:
                    daemons.send(number, sign)
                    if daemons.wait(number, patience):
                        break
            if process is not None:
                process.wait(10)
            shutil.rmtree(self.layout.socket_folder(name), ignore_errors=True)

    def ensure_removed(self, name: str) -> None:
        self.ensure_stopped(name, now=True)
        with self._locks[name]:
            server = self.layout.server(name)
            copies.clear_partial(server)
            if server.exists():
                doomed = self.layout.partial(server)
                server.rename(doomed)
                shutil.rmtree(doomed)

    def exists(self, name: str) -> bool:
        return self.layout.data(name).exists()

    def running(self, name: str) -> bool:
        process = self._processes.get(name)
        return process is not None and process.poll() is None and daemons.alive(process.pid)

    def names(self) -> list[str]:
        folder = self._folder / "servers"
        return sorted(path.name for path in folder.iterdir() if ".part-" not in path.name) if folder.is_dir() else []

    def socket(self, name: str) -> str:
        return str(self.layout.socket(name))

    # Talking to a server, through its own client.

    def run(self, name: str, sql: str, *, user: str = ADMIN, password: str | None = None, database: str = "") -> str:
        """Run statements and return what the client prints, tab-separated. Raises EngineError."""
        _, root = self.build(self.version(name))
        argv: list[str | Path] = [root / "usr/bin/mariadb", "--no-defaults", f"--socket={self.layout.socket(name)}"]
        argv += [f"--user={user}", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]
        environment = self.environment(root) | ({"MYSQL_PWD": password} if password is not None else {})
        if database:
            argv.append(database)
        return daemons.run(argv, self.layout.who, environment=environment, stdin=sql.encode()).decode()

    def execute(
        self, name: str, statement: str, parameters: Sequence[Any] = (), *, database: str = ""
    ) -> list[tuple[Any, ...]]:
        for value in parameters:
            statement = statement.replace("%s", quoted(str(value)), 1)
        return [tuple(line.split("\t")) for line in self.run(name, statement, database=database).splitlines()]

    def login(self, name: str, user: str, password: str, database: str) -> None:
        self.run(name, "SELECT 1", user=user, password=password, database=database)

    def ensure_login(self, name: str, user: str, password: str, *, master: bool) -> None:
        who = f"{quoted(user)}@'%'"
        statements = [f"CREATE OR REPLACE USER {who} IDENTIFIED BY {quoted(password)}"]
        if master:
            rights = (
                "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, "
                "SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, "
                "REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, "
                "TRIGGER, DELETE HISTORY"
            )
            statements.append(f"GRANT {rights} ON *.* TO {who} WITH GRANT OPTION")
        self.run(name, ";\n".join(statements))

    def ensure_database(self, name: str, database: str, owner: str) -> None:
        self.run(name, f"CREATE DATABASE IF NOT EXISTS `{database.replace('`', '``')}`")

    def token_password(self, name: str, user: str) -> str | None:
        return None

    def pending(self, name: str) -> list[str]:
        return []

    # Copies.

    def ensure_standby(self, name: str, standby: Standby) -> None:
        with self._locks[name]:
            copies.standby(self, name, standby)

    def ensure_rejoined(self, name: str, standby: Standby) -> None:
        """A former primary is copied anew: MariaDB has nothing like a rewind."""
        with self._locks[name]:
            self.ensure_stopped(name)
            if not (self.layout.server(name) / "follows").exists():
                shutil.rmtree(self.layout.data(name), ignore_errors=True)
            copies.standby(self, name, standby)

    def ensure_cloned(self, name: str, source: str) -> None:
        raise EngineError("MariaDB servers aren't cloned")

    def ensure_promoted(self, name: str) -> None:
        self.run(name, "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = OFF")
        (self.layout.server(name) / "follows").unlink(missing_ok=True)

    def remove_slot(self, name: str, slot: str) -> None:
        """MariaDB's replicas leave nothing on their source."""

    def ensure_backup(self, name: str, backup: str, *, since: str | None = None) -> None:
        with self._locks[f"backup-{backup}"]:
            copies.backup(self, name, backup)

    def ensure_backup_copied(self, backup: str, copy: str) -> None:
        with self._locks[f"backup-{copy}"]:
            copies.copy_backup(self, backup, copy)

    def backup_size(self, backup: str) -> int | None:
        place = self.layout.backup(backup)
        return _size(place) if place.exists() else None

    def remove_backup(self, backup: str) -> None:
        place = self.layout.backup(backup)
        copies.clear_partial(place)
        if place.exists():
            doomed = self.layout.partial(place)
            place.rename(doomed)
            shutil.rmtree(doomed)

    def ensure_restored(self, name: str, backup: str, *, log_of: str | None = None, until: float | None = None) -> None:
        with self._locks[name]:
            copies.restore(self, name, backup, log_of, until)

    def ensure_upgraded(self, name: str, version: str) -> None:
        number, _ = self.build(version)
        self.layout.write(self.layout.server(name) / "version", number)

    def archived_until(self, name: str, archive: str) -> float | None:
        return copies.mark(self, name, archive)

    def trim_archive(self, archive: str, backup: str) -> None:
        copies.trim(self, archive, backup)

    def remove_archive(self, archive: str) -> None:
        shutil.rmtree(self.layout.archive(archive), ignore_errors=True)

    def size(self, name: str) -> int:
        return _size(self.layout.data(name))

    def logs(self, name: str) -> list[LogFile]:
        folder = self.layout.logs(name)
        if not folder.is_dir():
            return []
        found = ((path.name, path.stat()) for path in sorted(folder.iterdir()))
        return [LogFile(file, about.st_size, about.st_mtime) for file, about in found]

    def read_log(self, name: str, file: str, offset: int, length: int) -> bytes:
        if "/" in file or file.startswith("."):
            raise FileNotFoundError(file)
        with (self.layout.logs(name) / file).open("rb") as log:
            log.seek(offset)
            return log.read(length)

    def watch(self, ended: Callable[[str], None]) -> None:
        self._watch = daemons.Watch(ended)
        for name, process in list(self._processes.items()):
            self._watch.add(name, process.pid)

    def close(self) -> None:
        threads = [threading.Thread(target=self.ensure_stopped, args=(name,)) for name in list(self._processes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        shutil.rmtree(self.layout.sockets, ignore_errors=True)


def quoted(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


@lru_cache(maxsize=4)
def _probe(root: Path) -> str | None:
    try:
        return version_of(root)
    except (EngineError, OSError):
        return None


def _builds(folder: Path) -> list[tuple[str, Path]]:
    """(version, root) of each build: those unpacked by `haneul engines install`, and the system's own."""
    roots = sorted(folder.iterdir()) if folder.is_dir() else []
    roots = [root for root in roots if (root / "usr/sbin/mariadbd").is_file()]
    if Path("/usr/sbin/mariadbd").is_file():
        roots.append(Path("/"))
    found = ((_probe(root), root) for root in roots)
    return [(version, root) for version, root in found if version is not None]


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.lstat().st_blocks * 512
    return total
