"""Copies of MariaDB servers: backups by mariabackup, replicas by GTID, the binary log replayed to a moment."""

from __future__ import annotations

import ctypes
import datetime
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from haneul.engines import daemons
from haneul.engines.errors import EngineError
from haneul.engines.mysql.layout import ADMIN
from haneul.engines.postgres.port import Standby

if TYPE_CHECKING:
    from haneul.engines.mysql.real import MariaServers

_OWN = ("auto.cnf", "master.info", "relay-log.info", "multi-master.info")


def clear_partial(path: Path) -> None:
    for part in path.parent.glob(f"{path.name}.part-*"):
        shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)


def backup(servers: MariaServers, name: str, backup_name: str) -> None:
    """A whole, prepared copy of the server's data; of a stopped one its files as they are."""
    layout = servers.layout
    place = layout.backup(backup_name)
    clear_partial(place)
    if place.exists():
        return
    part = layout.own(layout.partial(place))
    with servers.lock(name):
        running = servers.running(name)
        if not running:
            daemons.run(["/bin/cp", "-a", "--reflink=auto", layout.data(name), part / "data"], layout.who)
    if running:
        _take(servers, name, part / "data")
    layout.write(part / "version", servers.version(name))
    _sync(part)
    part.rename(place)


def _take(servers: MariaServers, name: str, place: Path) -> None:
    _, root = servers.build(servers.version(name))
    tool = root / "usr/bin/mariabackup"
    environment = servers.environment(root)
    defaults = f"--defaults-file={servers.layout.server(name) / 'my.cnf'}"
    argv: list[str | Path] = [
        tool,
        defaults,
        "--backup",
        f"--target-dir={place}",
        f"--socket={servers.layout.socket(name)}",
    ]
    where = servers.layout.server(name)
    daemons.run(argv, servers.layout.who, environment=environment, timeout=3600, cwd=where)
    daemons.run(
        [tool, "--prepare", f"--target-dir={place}"],
        servers.layout.who,
        environment=environment,
        timeout=3600,
        cwd=where,
    )


def copy_backup(servers: MariaServers, backup_name: str, copy: str) -> None:
    place = servers.layout.backup(copy)
    clear_partial(place)
    if place.exists():
        return
    part = servers.layout.partial(place)
    daemons.run(["/bin/cp", "-a", "--reflink=auto", servers.layout.backup(backup_name), part], servers.layout.who)
    _sync(part)
    part.rename(place)


def restore(servers: MariaServers, name: str, backup_name: str, log_of: str | None, until: float | None) -> None:
    layout = servers.layout
    servers.build()
    layout.own(layout.server(name))
    data = layout.data(name)
    clear_partial(data)
    if data.exists():
        return
    layout.own(layout.logs(name))
    part = layout.partial(data)
    daemons.run(["/bin/cp", "-a", "--reflink=auto", layout.backup(backup_name) / "data", part], layout.who)
    begin = _position(part)
    _without_log(part)
    if log_of is not None and begin:
        moment = "" if until is None else repr(until)
        layout.write(layout.server(name) / "replay", f"{log_of}\n{begin[0]}\n{begin[1]}\n{moment}\n")
    layout.write(layout.server(name) / "version", (layout.backup(backup_name) / "version").read_text())
    part.rename(data)


def _position(data: Path) -> tuple[str, str] | None:
    """The binary log file and position that a backup stands at."""
    for name in ("mariadb_backup_binlog_info", "xtrabackup_binlog_info"):
        if (data / name).exists():
            parts = (data / name).read_text().split()
            return (parts[0], parts[1]) if len(parts) >= 2 else None
    return None


def _without_log(data: Path) -> None:
    for path in [*data.glob("binlog.*"), *(data / name for name in _OWN)]:
        path.unlink(missing_ok=True)


def replay(servers: MariaServers, name: str) -> None:
    """Bring a restored server that just started to the moment it was restored to; once."""
    layout = servers.layout
    wanted = layout.server(name) / "replay"
    if not wanted.exists():
        return
    archive, first, position, moment = wanted.read_text().split("\n")[:4]
    _, root = servers.build(servers.version(name))
    logs = sorted(path for path in layout.archive(archive).glob("binlog.[0-9]*") if path.name >= first)
    if logs:
        tool = next(path for path in (root / "usr/bin/mariadb-binlog", root / "usr/bin/mysqlbinlog") if path.exists())
        argv: list[str | Path] = [tool, "--no-defaults", "--disable-log-bin"]
        argv.append(f"--start-position={position if logs[0].name == first else 4}")
        if moment:
            stop = datetime.datetime.fromtimestamp(float(moment) + 1, datetime.UTC)
            argv.append(f"--stop-datetime={stop:%Y-%m-%d %H:%M:%S}")
        sql = daemons.run([*argv, *logs], layout.who, environment=servers.environment(root), timeout=3600).decode(
            "latin-1"
        )
        _feed(servers, name, root, sql.encode("latin-1"))
    wanted.unlink()


def _feed(servers: MariaServers, name: str, root: Path, sql: bytes) -> None:
    argv: list[str | Path] = [
        root / "usr/bin/mariadb",
        "--no-defaults",
        f"--socket={servers.layout.socket(name)}",
        f"--user={ADMIN}",
    ]
    daemons.run(
        [*argv, "--binary-mode"], servers.layout.who, environment=servers.environment(root), stdin=sql, timeout=3600
    )


def mark(servers: MariaServers, name: str, archive: str) -> float | None:
    """Close the current binary log and put all closed ones into the archive; the moment before."""
    layout = servers.layout
    place = layout.archive(archive)
    if not servers.running(name):
        try:
            return float((place / "until").read_text())
        except (OSError, ValueError):
            return None
    layout.own(place)
    moment = float(servers.execute(name, "SELECT UNIX_TIMESTAMP(NOW(6))")[0][0])
    servers.run(name, "FLUSH BINARY LOGS")
    logs = [row[0] for row in servers.execute(name, "SHOW BINARY LOGS")]
    for one in logs[:-1]:
        if not (place / one).exists():
            part = layout.partial(place / one)
            daemons.run(["/bin/cp", layout.data(name) / one, part], layout.who)
            part.rename(place / one)
    if len(logs) > 1:
        servers.run(name, f"PURGE BINARY LOGS TO '{logs[-1]}'" if not _has_replicas(servers, name) else "SELECT 1")
    layout.write(place / "until", repr(moment))
    return moment


def _has_replicas(servers: MariaServers, name: str) -> bool:
    return bool(servers.execute(name, "SELECT 1 FROM information_schema.PROCESSLIST WHERE COMMAND = 'Binlog Dump'"))


def trim(servers: MariaServers, archive: str, backup_name: str) -> None:
    begin = _position(servers.layout.backup(backup_name) / "data")
    if begin:
        for path in servers.layout.archive(archive).glob("binlog.[0-9]*"):
            if path.name < begin[0]:
                path.unlink()


def standby(servers: MariaServers, name: str, source: Standby) -> None:
    """A copy of the running source that will follow it."""
    layout = servers.layout
    layout.own(layout.server(name))
    data = layout.data(name)
    clear_partial(data)
    if data.exists():
        return
    layout.own(layout.logs(name))
    part = layout.partial(data)
    _take(servers, source.source, part)
    _without_log(part)
    layout.write(layout.server(name) / "version", servers.version(source.source))
    layout.write(layout.server(name) / "follows", "")
    part.rename(data)


def follow(servers: MariaServers, name: str, source: Standby) -> None:
    """Read the source's log from where this copy stands, and refuse writes of anybody but the cloud."""
    layout = servers.layout
    port = layout.port(source.source)
    mark_file = layout.server(name) / "follows"
    begun = mark_file.read_text() if mark_file.exists() else ""
    if begun == f"{source.source}:{port}":
        servers.run(name, "SET GLOBAL read_only = ON; START SLAVE")
        return
    gtid = ""
    if not begun:
        for info in ("mariadb_backup_binlog_info", "xtrabackup_binlog_info"):
            path = layout.data(name) / info
            if path.exists():
                parts = path.read_text().split()
                gtid = parts[2] if len(parts) > 2 else ""
    where = f"MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='{ADMIN}', MASTER_PASSWORD='{layout.secret}'"
    statements = ["STOP SLAVE", f"CHANGE MASTER TO {where}, MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1"]
    if gtid:
        statements.insert(1, f"SET GLOBAL gtid_slave_pos = '{gtid}'")
    servers.run(name, ";\n".join([*statements, "SET GLOBAL read_only = ON", "START SLAVE"]))
    if not servers.execute(name, "SHOW SLAVE STATUS"):
        raise EngineError(f"{name} does not follow {source.source}")
    layout.write(mark_file, f"{source.source}:{port}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        ctypes.CDLL(None).syncfs(descriptor)
    finally:
        os.close(descriptor)
