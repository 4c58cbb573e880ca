"""Starting, stopping and talking to one server at a time."""

from __future__ import annotations

import contextlib
import shutil
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import Popen
from typing import TYPE_CHECKING, Any

from haneul.engines import daemons
from haneul.engines.errors import EngineError
from haneul.engines.postgres import builds as installations
from haneul.engines.postgres import layout as files
from haneul.engines.postgres.builds import Build
from haneul.engines.postgres.layout import Layout
from haneul.engines.postgres.port import ADMIN, Standby

if TYPE_CHECKING:
    import psycopg

START_LIMIT = 120.0
"""Seconds that a server may take to replay its log and answer."""


class Servers:
    """The processes behind the names; one lock per name, so that different servers never wait for each other."""

    def __init__(self, layout: Layout, builds: list[Build]) -> None:
        self.layout = layout
        self.builds = builds
        self._locks: dict[str, threading.RLock] = defaultdict(threading.RLock)
        self._processes: dict[str, Popen[bytes]] = {}
        self._connections: dict[str, psycopg.Connection[Any]] = {}
        self._talk: dict[str, threading.RLock] = defaultdict(threading.RLock)
        self._watch: daemons.Watch | None = None

    def lock(self, name: str) -> threading.RLock:
        return self._locks[name]

    def watch(self, ended: Callable[[str], None]) -> None:
        self._watch = daemons.Watch(ended)
        for name, process in list(self._processes.items()):
            self._watch.add(name, process.pid)

    def build(self, name: str) -> Build:
        """The build that runs the server's data. Raises EngineMissing."""
        version = (self.layout.server(name) / "version").read_text().strip()
        return installations.choose(
            self.builds, version, f"haneul engines install postgres {version.partition('.')[0]}"
        )

    def create(self, name: str, build: Build) -> None:
        """initdb, into place only when it is whole."""
        server = self.layout.own(self.layout.server(name))
        data = self.layout.data(name)
        clear_partial(data)
        if data.exists():
            return
        self.layout.own(self.layout.logs(name))
        part = self.layout.partial(data)
        self.init(part, build)
        files.write_file(self.layout, server / "version", build.version)
        part.rename(data)

    def init(self, folder: Path, build: Build) -> None:
        argv: list[str | Path] = [build.tool("initdb"), "-D", folder, "-U", ADMIN, "-A", "scram-sha-256", "-E", "UTF8"]
        secret = folder.with_name("secret")
        files.write_file(self.layout, secret, self.layout.secret)
        argv += [f"--pwfile={secret}", "-N", "-k"]
        if build.major >= 17:
            locales = [["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]]
        else:
            locales = [["--locale=C.UTF-8"], ["--no-locale"]]
        for index, locale in enumerate(locales):
            try:
                daemons.run([*argv, *locale], self.layout.who)
                secret.unlink()
                return
            except EngineError:
                shutil.rmtree(folder, ignore_errors=True)
                if index == len(locales) - 1:
                    raise

    def pid(self, name: str) -> int | None:
        """The server's process, when it is one of this data directory's and runs."""
        try:
            number = int((self.layout.data(name) / "postmaster.pid").read_text().split("\n", 1)[0])
            here = Path(f"/proc/{number}/cwd").readlink()
        except (OSError, ValueError):
            return None
        return number if here == self.layout.data(name).resolve() and daemons.alive(number) else None

    def running(self, name: str) -> bool:
        process = self._processes.get(name)
        return process is not None and process.poll() is None and daemons.alive(process.pid)

    def start(self, name: str, settings: Mapping[str, str], standby: Standby | None) -> bool:
        """The server runs with these settings; whether it had to be started for that."""
        with self.lock(name):
            build = self.build(name)
            settings = _loadable(build, settings)
            text = files.render(files.configuration(self.layout, name, build, settings, standby))
            data = self.layout.data(name)
            if standby is not None and not (data / "standby.signal").exists() and not self.running(name):
                files.write_file(self.layout, data / "standby.signal", "")
            changed = files.write_configuration(self.layout, name, self._with_recovery(name, text))
            if settings.get("archive"):
                self.layout.own(self.layout.archive(settings["archive"]))
            if self.running(name):
                if changed:
                    daemons.send(self._processes[name].pid, signal.SIGHUP)
                return False
            self._leave_none_behind(name)
            self._launch(name, build, standby)
            return True

    def _with_recovery(self, name: str, text: str) -> str:
        """The recovery target chosen by `copies.restore` holds until the server has reached it."""
        data = self.layout.data(name)
        wanted = data / "haneul.recovery"
        if not wanted.exists():
            return text
        if (data / "recovery.signal").exists():
            return text + wanted.read_text()
        wanted.unlink()
        return text

    def _leave_none_behind(self, name: str) -> None:
        """A server of a cloud that died is on its way out: wait for it, and help it if it lingers."""
        number = self.pid(name)
        if number is not None and not daemons.wait(number, 30):
            daemons.send(number, signal.SIGQUIT)
            if not daemons.wait(number, 10):
                daemons.send(number, signal.SIGKILL)
                daemons.wait(number, 10)
        with contextlib.suppress(FileNotFoundError):
            (self.layout.data(name) / "postmaster.pid").unlink()

    def _launch(self, name: str, build: Build, standby: Standby | None) -> None:
        data = self.layout.data(name)
        folder = self.layout.own_socket_folder(name)
        for stale in folder.iterdir():
            stale.unlink()
        daemons.hand_over(self.layout.server(name), self.layout.who)
        log = self.layout.logs(name) / "postgres.log"
        begin = log.stat().st_size if log.exists() else 0
        process = daemons.start([build.tool("postgres"), "-D", data], self.layout.who, log)
        self._processes[name] = process
        try:
            self._await_ready(name, process)
            if standby is None:
                self._await_writable(name, process)
        except EngineError:
            self.stop(name, now=True)
            with log.open("rb") as file:
                file.seek(max(begin, log.stat().st_size - 2000))
                said = file.read().decode(errors="replace").strip()
            raise EngineError(f"PostgreSQL {build.version} did not start: {said[-800:] or 'no word'}") from None
        if self._watch is not None:
            self._watch.add(name, process.pid)

    def _await_ready(self, name: str, process: Popen[bytes]) -> None:
        deadline = time.monotonic() + START_LIMIT
        status = self.layout.data(name) / "postmaster.pid"
        pause = 0.004
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise EngineError("it ended")
            with contextlib.suppress(OSError, IndexError):
                lines = status.read_text().split("\n")
                if lines[0] == str(process.pid) and lines[7].strip() in ("ready", "standby"):
                    self.query(name, "SELECT 1")
                    return
            time.sleep(pause)
            pause = min(pause * 1.3, 0.05)
        raise EngineError("it did not get ready")

    def _await_writable(self, name: str, process: Popen[bytes]) -> None:
        """Until a restored server has replayed the log it was given."""
        while self.query(name, "SELECT pg_is_in_recovery()")[0][0]:
            if process.poll() is not None:
                raise EngineError("it ended while it replayed its log")
            time.sleep(0.01)

    def stop(self, name: str, *, now: bool = False) -> None:
        with self.lock(name):
            if self._watch is not None:
                self._watch.remove(name)
            self.hang_up(name)
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

    def promote(self, name: str) -> None:
        """End a standby's recovery; returns once it takes writes."""
        self.query(name, "SELECT pg_promote(false) WHERE pg_is_in_recovery()")
        deadline = time.monotonic() + 60
        while self.query(name, "SELECT pg_is_in_recovery()")[0][0]:
            if time.monotonic() > deadline:
                raise EngineError(f"{name} was not promoted within a minute")
            time.sleep(0.005)

    def close(self) -> None:
        """Stop all, side by side."""
        threads = [threading.Thread(target=self.stop, args=(name,)) for name in list(self._processes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        shutil.rmtree(self.layout.sockets, ignore_errors=True)

    # Talking to a server.

    @contextlib.contextmanager
    def connection(self, name: str, database: str = ADMIN) -> Iterator[psycopg.Connection[Any]]:
        """A connection as the superuser; the one to the cloud's own database is kept."""
        if database != ADMIN:
            with self._connect(name, database) as link:
                yield link
            return
        with self._talk[name]:
            kept = self._connections.get(name)
            if kept is None or kept.closed:
                kept = self._connections[name] = self._connect(name, ADMIN)
            yield kept

    def _connect(self, name: str, database: str) -> psycopg.Connection[Any]:
        return self.connect(name, ADMIN, self.layout.secret, database)

    def connect(self, name: str, user: str, password: str, database: str) -> psycopg.Connection[Any]:
        import psycopg

        return psycopg.connect(
            host=str(self.layout.socket_folder(name)),
            port=5432,
            user=user,
            password=password,
            dbname=database,
            application_name="haneul",
            connect_timeout=10,
            autocommit=True,
            prepare_threshold=None,
        )

    def query(
        self, name: str, statement: str, parameters: Sequence[Any] = (), database: str = ADMIN
    ) -> list[tuple[Any, ...]]:
        """Run one statement; a broken kept connection is replaced once. Raises EngineError."""
        import psycopg

        for attempt in (0, 1):
            try:
                with self.connection(name, database) as link, link.cursor() as cursor:
                    cursor.execute(statement, parameters or None)
                    return cursor.fetchall() if cursor.description else []
            except psycopg.Error as error:
                broken = attempt == 0 and database == ADMIN and self._broken(name)
                if _no_admin_database(error):
                    self._make_admin_database(name)
                elif not broken:
                    raise EngineError(f"{statement.split(' ', 1)[0]}: {str(error).strip()}") from error
        raise EngineError("the server does not answer")

    def _broken(self, name: str) -> bool:
        kept = self._connections.get(name)
        return kept is not None and (kept.closed or kept.broken)

    def _make_admin_database(self, name: str) -> None:
        """The first connection after initdb: the cloud's own database isn't there yet."""
        import psycopg

        try:
            with self._connect(name, "template1") as link:
                link.execute(f"CREATE DATABASE {ADMIN}")
        except psycopg.errors.DuplicateDatabase:
            pass
        except psycopg.Error as error:
            raise EngineError(str(error).strip()) from error

    def hang_up(self, name: str) -> None:
        with self._talk[name]:
            kept = self._connections.pop(name, None)
            if kept is not None:
                kept.close()


_STOP = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
_STOP_NOW = ((signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))


def _no_admin_database(error: Exception) -> bool:
    return getattr(error, "sqlstate", None) == "3D000" or f'database "{ADMIN}" does not exist' in str(error)


def clear_partial(path: Path) -> None:
    """Remove what an interrupted attempt at making `path` left."""
    for part in path.parent.glob(f"{path.name}.part-*"):
        shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)


def _loadable(build: Build, settings: Mapping[str, str]) -> Mapping[str, str]:
    """Without the libraries to preload that this build doesn't have: the server would not start with them."""
    wanted = settings.get("shared_preload_libraries", "")
    if not wanted:
        return settings
    there = [one.strip() for one in wanted.split(",") if any(build.folder.glob(f"lib/**/{one.strip()}.so"))]
    return {**settings, "shared_preload_libraries": ",".join(there)}
