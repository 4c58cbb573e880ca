"""Copies of servers: standbys, backups (whole and incremental), restores to a moment, rewinding, upgrades."""

from __future__ import annotations

import ctypes
import datetime
import os
import shutil
import time
from pathlib import Path

import msgspec

from haneul.engines import daemons
from haneul.engines.errors import EngineError
from haneul.engines.postgres import builds as installations
from haneul.engines.postgres import layout as files
from haneul.engines.postgres.builds import Build
from haneul.engines.postgres.control import Servers, clear_partial
from haneul.engines.postgres.port import ADMIN, Standby

_RUN_TIME = ("postmaster.pid", "postmaster.opts", "standby.signal", "recovery.signal", "haneul.recovery")


class About(msgspec.Struct):
    """What a backup is: the server's version, and the backup that it builds upon."""

    version: str
    since: str | None = None
    removed: bool = False
    """Nobody wants it any more but the backups that build upon it."""


def standby(servers: Servers, name: str, source: Standby) -> None:
    """A copy of the running `source`, made whole before it takes its place."""
    layout = servers.layout
    data = layout.data(name)
    layout.own(layout.server(name))
    clear_partial(data)
    if data.exists():
        return
    layout.own(layout.logs(name))
    ensure_slot(servers, source.source, source.slot)
    build = servers.build(source.source)
    part = layout.partial(data)
    _base_backup(servers, source.source, part, ["-X", "stream", "-S", source.slot])
    _without_run_time(part)
    files.write_file(layout, part / "standby.signal", "")
    files.write_file(layout, layout.server(name) / "version", build.version)
    part.rename(data)


def ensure_slot(servers: Servers, name: str, slot: str) -> None:
    servers.query(
        name,
        "SELECT pg_create_physical_replication_slot(%s, true) "
        "WHERE NOT EXISTS (SELECT 1 FROM pg_replication_slots WHERE slot_name = %s)",
        (slot, slot),
    )


def follow(servers: Servers, source: Standby) -> None:
    """The slot that a standby reads from exists, wherever it was repointed to."""
    if servers.running(source.source):
        ensure_slot(servers, source.source, source.slot)


def clone(servers: Servers, name: str, source: str) -> None:
    """A copy of `source` that goes its own way: by shared blocks if that can be done, else by a base backup."""
    layout = servers.layout
    data = layout.data(name)
    layout.own(layout.server(name))
    clear_partial(data)
    if data.exists():
        return
    layout.own(layout.logs(name))
    build = servers.build(source)
    part = layout.partial(data)
    if not _copied_at_rest(servers, source, part):
        try:
            _reflink(servers, source, part)
        except EngineError:
            shutil.rmtree(part, ignore_errors=True)
            _base_backup(servers, source, part, ["-X", "stream"])
    _without_run_time(part)
    files.write_file(layout, layout.server(name) / "version", build.version)
    part.rename(data)


def _reflink(servers: Servers, source: str, place: Path) -> None:
    """Copy a running server's files block by shared block, within a backup of PostgreSQL's own; the log comes last."""
    layout = servers.layout
    if servers.build(source).major < 15:
        raise EngineError("this version backs up otherwise")
    with servers.connect(source, ADMIN, layout.secret, ADMIN) as link:
        link.execute("SELECT pg_create_physical_replication_slot('clone_' || pg_backend_pid(), true, true)")
        link.execute("SELECT pg_backup_start('clone', true)")
        daemons.run(["/bin/cp", "-a", "--reflink=always", layout.data(source), place], layout.who)
        label = link.execute("SELECT labelfile, spcmapfile FROM pg_backup_stop(false)").fetchone()
        shutil.rmtree(place / "pg_wal")
        daemons.run(["/bin/cp", "-a", "--reflink=always", layout.data(source) / "pg_wal", place / "pg_wal"], layout.who)
    assert label is not None
    files.write_file(layout, place / "backup_label", str(label[0]))
    shutil.rmtree(place / "pg_replslot")
    layout.own(place / "pg_replslot")


def rejoin(servers: Servers, name: str, source: Standby) -> None:
    """Rewind an ended primary to where it parted from the new one; copy it again if that can't be done."""
    layout = servers.layout
    data = layout.data(name)
    servers.stop(name)
    if (data / "standby.signal").exists():
        return
    ensure_slot(servers, source.source, source.slot)
    build = installations.tools(servers.builds, "pg_rewind", servers.build(name).major)
    servers.query(source.source, "CHECKPOINT")
    try:
        if build.major != servers.build(name).major:
            raise EngineError("no pg_rewind of this version")
        daemons.run(
            [build.tool("pg_rewind"), "-D", data, f"--source-server={layout.dsn(source.source, name)}", "--no-sync"],
            layout.who,
            cwd=layout.server(name),
        )
    except EngineError:
        shutil.rmtree(data)
        standby(servers, name, source)
        return
    for left in ("recovery.signal", "haneul.recovery"):
        (data / left).unlink(missing_ok=True)
    files.write_file(layout, data / "standby.signal", "")


def backup(servers: Servers, name: str, backup_name: str, since: str | None) -> None:
    layout = servers.layout
    place = layout.backup(backup_name)
    clear_partial(place)
    if place.exists():
        return
    build = servers.build(name)
    part = layout.own(layout.partial(place))
    if _copied_at_rest(servers, name, part / "data"):
        since = None
    else:
        combines = [one for one in servers.builds if one.major == build.major >= 17 and one.has("pg_combinebackup")]
        parent = layout.backup(since) if since is not None and combines else None
        manifest = parent / "data" / "backup_manifest" if parent is not None else None
        incremental = manifest is not None and manifest.exists()
        since = since if incremental else None
        extra: list[str | Path] = ["-X", "stream"]
        try:
            _base_backup(servers, name, part / "data", [*extra, f"--incremental={manifest}"] if incremental else extra)
        except EngineError:
            if not incremental:
                raise
            since = None  # its log has moved on: after a failover, or too long ago
            shutil.rmtree(part / "data", ignore_errors=True)
            _base_backup(servers, name, part / "data", extra)
    for left in _RUN_TIME:
        (part / "data" / left).unlink(missing_ok=True)
    files.write_file(layout, part / "about.json", msgspec.json.encode(About(build.version, since)).decode())
    _sync(part)
    part.rename(place)


def _copied_at_rest(servers: Servers, name: str, place: Path) -> bool:
    """Copy a server that doesn't run, while nobody can start it; False when it runs."""
    with servers.lock(name):
        if servers.running(name):
            return False
        _copy(servers.layout.data(name), place, servers)
        return True


def about(servers: Servers, backup_name: str) -> About:
    try:
        return msgspec.json.decode((servers.layout.backup(backup_name) / "about.json").read_bytes(), type=About)
    except FileNotFoundError:
        raise EngineError(f"there is no backup {backup_name}") from None


def copy_backup(servers: Servers, backup_name: str, copy: str) -> None:
    """Another backup with the same content that stands alone."""
    place = servers.layout.backup(copy)
    clear_partial(place)
    if place.exists():
        return
    known = about(servers, backup_name)
    part = servers.layout.own(servers.layout.partial(place))
    _materialize(servers, backup_name, known, part / "data")
    files.write_file(servers.layout, part / "about.json", msgspec.json.encode(About(known.version)).decode())
    _sync(part)
    part.rename(place)


def remove_backup(servers: Servers, backup_name: str) -> None:
    """Forget a backup; its files stay as long as another one builds upon them."""
    place = servers.layout.backup(backup_name)
    clear_partial(place)
    if not place.exists():
        return
    known = about(servers, backup_name)
    known.removed = True
    files.write_file(servers.layout, place / "about.json", msgspec.json.encode(known).decode())
    while True:
        kept = {path.name: about(servers, path.name) for path in place.parent.iterdir() if ".part-" not in path.name}
        needed = {other.since for other in kept.values()}
        gone = [name for name, other in kept.items() if other.removed and name not in needed]
        if not gone:
            return
        for name in gone:
            doomed = servers.layout.partial(servers.layout.backup(name))
            servers.layout.backup(name).rename(doomed)
            shutil.rmtree(doomed)


def restore(servers: Servers, name: str, backup_name: str, log_of: str | None, until: float | None) -> None:
    layout = servers.layout
    data = layout.data(name)
    layout.own(layout.server(name))
    clear_partial(data)
    if data.exists():
        return
    layout.own(layout.logs(name))
    known = about(servers, backup_name)
    part = layout.partial(data)
    _materialize(servers, backup_name, known, part)
    if log_of is not None:
        files.write_file(layout, part / "recovery.signal", "")
        files.write_file(layout, part / "haneul.recovery", _target(log_of, until))
    files.write_file(layout, layout.server(name) / "version", known.version)
    part.rename(data)


def _target(log_of: str, until: float | None) -> str:
    lines = [f"restore_command = 'cp ../../../archives/{log_of}/%f \"%p\"'\n"]
    if until is not None:
        moment = datetime.datetime.fromtimestamp(until, datetime.UTC)
        lines.append(f"recovery_target_time = '{moment.isoformat(sep=' ')}'\n")
        lines.append("recovery_target_action = 'promote'\n")
    return "".join(lines)


def upgrade(servers: Servers, name: str, build: Build) -> None:
    """pg_upgrade the stopped server's data into a directory beside it, then swap them."""
    layout = servers.layout
    old = servers.build(name)
    data, former = layout.data(name), layout.server(name) / "data.former"
    if former.exists() and data.exists():
        shutil.rmtree(former)  # the swap was done; only the clearing was left
    elif former.exists():
        former.rename(data)
    if old.major == build.major:
        files.write_file(layout, layout.server(name) / "version", build.version)
        return
    clear_partial(data)
    part = layout.partial(data)
    servers.init(part, build)
    work = layout.own(layout.server(name) / "upgrade")
    sockets = layout.own_socket_folder(name)
    files.write_file(layout, data / "postgresql.conf", "wal_level = 'replica'\nlisten_addresses = ''\n")
    argv: list[str | Path] = [
        build.tool("pg_upgrade"),
        "-b",
        old.folder / "bin",
        "-B",
        build.folder / "bin",
        "-d",
        data,
        "-D",
        part,
    ]
    daemons.run(
        [*argv, "-U", ADMIN, "-s", sockets, "--no-sync"],
        layout.who,
        environment={"PGPASSFILE": layout.passfile()},
        cwd=work,
        timeout=3600,
    )
    _sync(part)
    shutil.rmtree(work)
    files.write_file(layout, layout.server(name) / "version", build.version)
    data.rename(former)
    part.rename(data)
    shutil.rmtree(former)


def mark(servers: Servers, name: str, archive: str, *, deadline: float = 20.0) -> float:
    """Write a commit, hand the log so far to the archive, and wait until it is there; the moment before that commit."""
    moment = float(servers.query(name, "SELECT extract(epoch FROM clock_timestamp())")[0][0])
    servers.query(name, "SELECT pg_logical_emit_message(true, 'haneul', 'mark')")
    segment = str(servers.query(name, "SELECT pg_walfile_name(pg_switch_wal())")[0][0])
    end = time.monotonic() + deadline
    while not (servers.layout.archive(archive) / segment).exists():
        if time.monotonic() > end:
            raise EngineError(f"segment {segment} was not archived")
        time.sleep(0.01)
    files.write_file(servers.layout, servers.layout.archive(archive) / "until", repr(moment))
    return moment


def trim(servers: Servers, archive: str, backup_name: str) -> None:
    """Remove archived segments from before the backup's own start."""
    label = servers.layout.backup(backup_name) / "data" / "backup_label"
    try:
        first = label.read_text().split("(file ", 1)[1].split(")", 1)[0]
    except (FileNotFoundError, IndexError):
        return
    for path in servers.layout.archive(archive).glob("[0-9A-F]*"):
        if len(path.name) >= 24 and path.name[8:24] < first[8:24]:
            path.unlink()


def _base_backup(servers: Servers, source: str, place: Path, extra: list[str | Path]) -> None:
    build = installations.tools(servers.builds, "pg_basebackup", servers.build(source).major)
    argv: list[str | Path] = [build.tool("pg_basebackup"), "-D", place, "-d", servers.layout.dsn(source, "backup")]
    daemons.run(
        [*argv, "-c", "fast", "--no-sync", *extra],
        servers.layout.who,
        timeout=3600,
        cwd=servers.layout.server(source),
    )


def _materialize(servers: Servers, backup_name: str, known: About, place: Path) -> None:
    """The backup as a data directory at `place`, its increments combined."""
    if known.since is None:
        _copy(servers.layout.backup(backup_name) / "data", place, servers)
        return
    chain = [servers.layout.backup(backup_name) / "data"]
    since: str | None = known.since
    while since is not None:
        chain.append(servers.layout.backup(since) / "data")
        since = about(servers, since).since
    build = installations.tools(servers.builds, "pg_combinebackup", int(known.version.partition(".")[0]))
    daemons.run(
        [build.tool("pg_combinebackup"), "-o", place, "--no-sync", *reversed(chain)],
        servers.layout.who,
        timeout=3600,
        cwd=servers.layout.folder / "backups",
    )


def _copy(source: Path, place: Path, servers: Servers) -> None:
    """A copy as its owner, sharing blocks where the file system can."""
    daemons.run(["/bin/cp", "-a", "--reflink=auto", source, place], servers.layout.who, timeout=3600)


def _without_run_time(place: Path) -> None:
    for left in _RUN_TIME:
        (place / left).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """What was copied is on disk before anybody is told."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        ctypes.CDLL(None).syncfs(descriptor)
    finally:
        os.close(descriptor)
