"""Where a server's things lie on disk, and the configuration files that are written for it.

<data>/engines/postgres/admin                 the superuser's password, one for all servers here
.../servers/<name>/{version,data/,log/}       .../archives/<name>/<segment>   .../backups/<backup>/{about.json,data/}
<tmp>/haneul-<uid>-<8 hex>/<name's 8 hex>/.s.PGSQL.5432    sockets, whose paths must be short
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from haneul.engines import daemons
from haneul.engines.errors import EngineError
from haneul.engines.postgres.builds import Build
from haneul.engines.postgres.port import ADMIN, Standby
from haneul.kit import tokens

UNTRUSTED = frozenset({"adminpack", "file_fdw", "plperlu", "plpython3u", "pltclu", "pg_surgery"})
"""Extensions that reach out of the server: RDS doesn't have them either."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")

# What the cloud itself needs, whatever a parameter group says.
_ENFORCED = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "hot_standby": "on",
    "wal_log_hints": "on",
    "recovery_init_sync_method": "syncfs",
    "archive_mode": "on",
    "logging_collector": "on",
    "log_directory": "../log",
    "log_file_mode": "0600",
    "log_timezone": "UTC",
    "cluster_name": "",
    "external_pid_file": "",
    "restart_after_crash": "on",
    "max_slot_wal_keep_size": "8GB",
    "wal_retrieve_retry_interval": "100ms",
}
_DEFAULTS = {
    "log_filename": "postgresql.log.%Y-%m-%d-%H",
    "log_line_prefix": "%t:%r:%u@%d:[%p]:",
    "password_encryption": "scram-sha-256",
    "wal_level": "replica",
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "min_wal_size": "32MB",
    "max_wal_size": "1GB",
    "shared_buffers": "16MB",
    "archive_timeout": "300",
    "huge_pages": "off",
    "jit": "off",
    "timezone": "UTC",
}
_HBA = f"""\
local  all          {ADMIN}  scram-sha-256
local  replication  {ADMIN}  scram-sha-256
local  replication  +rds_replication  scram-sha-256
local  all          all      scram-sha-256
"""


class Layout:
    """Paths below `folder`, made on demand, and as whom its servers run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
        self.sockets = Path(tempfile.gettempdir()) / f"haneul-{os.geteuid()}-{digest}"
        self._secret: str | None = None
        self.who = ""

    def open(self, *builds: Path) -> None:
        """Make the folders; `builds` are the binaries that the servers must be able to reach."""
        for path in (self.folder.parent, self.folder):
            path.mkdir(parents=True, exist_ok=True)
        for path in (self.folder.parent.parent, self.folder.parent, self.folder):
            if os.geteuid() == 0 and path.stat().st_uid == 0:
                path.chmod(path.stat().st_mode | 0o011)  # a way through for nobody, without a look around
        self.who = daemons.identity(self.folder, *builds)
        for name in ("servers", "archives", "backups"):
            self._own_folder(self.folder / name)
        self.sockets.mkdir(mode=0o711, exist_ok=True)
        found = self.sockets.lstat()
        if self.sockets.is_symlink() or found.st_uid != os.geteuid():
            raise EngineError(f"{self.sockets} belongs to somebody else")

    def _own_folder(self, path: Path) -> Path:
        path.mkdir(mode=0o700, exist_ok=True)
        uid, gid = daemons.owner(self.who)
        if path.stat().st_uid != uid:
            os.chown(path, uid, gid)
        return path

    @property
    def secret(self) -> str:
        if self._secret is None:
            path = self.folder / "admin"
            if not path.exists():
                fresh = path.with_name(f"admin.{tokens.random_hex(8)}")
                with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                    file.write(tokens.random_hex(48))
                    file.flush()
                    os.fsync(file.fileno())
                fresh.rename(path)
            self._secret = path.read_text()
        return self._secret

    def server(self, name: str) -> Path:
        return self.folder / "servers" / _checked(name)

    def data(self, name: str) -> Path:
        return self.server(name) / "data"

    def logs(self, name: str) -> Path:
        return self.server(name) / "log"

    def archive(self, name: str) -> Path:
        return self.folder / "archives" / _checked(name)

    def backup(self, backup: str) -> Path:
        return self.folder / "backups" / _checked(backup)

    def own(self, path: Path) -> Path:
        """A folder of the servers' own, made if it isn't there."""
        return self._own_folder(path)

    def socket_folder(self, name: str) -> Path:
        return self.sockets / hashlib.sha256(name.encode()).hexdigest()[:8]

    def socket(self, name: str) -> Path:
        return self.socket_folder(name) / ".s.PGSQL.5432"

    def own_socket_folder(self, name: str) -> Path:
        self.sockets.mkdir(mode=0o711, exist_ok=True)
        return self._own_folder(self.socket_folder(name))

    def partial(self, path: Path) -> Path:
        """Where `path` is being made; renamed into place when it is whole."""
        return path.with_name(f"{path.name}.part-{tokens.random_hex(8)}")

    def passfile(self) -> str:
        """A file with the superuser's password that servers and tools may read."""
        path = self.folder / "passfile"
        write_file(self, path, f"*:*:*:{ADMIN}:{self.secret}\n")
        return str(path)

    def trusted(self, build: Build) -> Path | None:
        """A folder with the build's extensions marked as trusted, so that a master user may create them as on RDS.

        None before version 18, which can't be told where to look.
        """
        share = next(iter(sorted(build.folder.glob("share/**/extension"))), None)
        if build.major < 18 or share is None:
            return None
        place = self.folder / "extensions" / build.version
        if not place.exists():
            self.own(place.parent)
            part = self.partial(place)
            shutil.copytree(share, part / "extension", copy_function=shutil.copyfile)
            for control in (part / "extension").glob("*.control"):
                if control.stem not in UNTRUSTED:
                    control.write_text(f"{control.read_text().rstrip()}\ntrusted = true\n")
            for path in [part, *part.rglob("*")]:
                path.chmod(0o755 if path.is_dir() else 0o644)
            daemons.hand_over(part, self.who)
            part.rename(place)
        return place

    def dsn(self, name: str, application: str) -> str:
        """How tools and standbys reach a server: the password stays in a file, out of command lines and logs."""
        quoted = self.passfile().replace("\\", "\\\\").replace("'", "\\'")
        return (
            f"host={self.socket_folder(name)} port=5432 user={ADMIN} passfile='{quoted}' "
            f"dbname={ADMIN} application_name={application}"
        )


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise EngineError(f"{name!r} can't name a server or a backup")
    return name


def configuration(
    layout: Layout, name: str, build: Build, settings: Mapping[str, str], standby: Standby | None
) -> dict[str, str]:
    """The whole of postgresql.conf: the settings wanted, what they lack, and what the cloud insists on."""
    known = {key: value for key, value in settings.items() if not key.startswith("rds.") and key != "archive"}
    values = _DEFAULTS | known | _ENFORCED
    values["shared_buffers"] = _buffers(values["shared_buffers"])
    values["unix_socket_directories"] = str(layout.socket_folder(name))
    values["archive_command"] = "/bin/true"
    archive = settings.get("archive", "")
    if archive:
        place = f"../../../archives/{_checked(archive)}"  # from the data directory; checked: the shell sees no surprise
        copy = f"dd if=%p of={place}/.%f bs=1M conv=fsync status=none && mv {place}/.%f {place}/%f"
        values["archive_command"] = f"test -f {place}/%f || ({copy})"
    if (trusted := layout.trusted(build)) is not None:
        values["extension_control_path"] = f"{trusted}:$system"
    if build.major < 14:
        del values["recovery_init_sync_method"]
    if build.major >= 17:
        values["allow_alter_system"] = "off"
        values["summarize_wal"] = "on" if archive else "off"
    if standby is not None:
        values["primary_conninfo"] = layout.dsn(standby.source, name)
        values["primary_slot_name"] = standby.slot
    return values


def _buffers(wanted: str) -> str:
    """Shared buffers in 8 kB pages: what was asked for, but no more than a 64th of this machine's memory."""
    if not wanted.isdigit():
        return wanted
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 8192
    return str(max(1024, min(int(wanted), max(2048, machine // 64))))


def render(values: Mapping[str, str]) -> str:
    """postgresql.conf's text; values are quoted, so nothing in them can become another setting."""
    lines = []
    for key, value in sorted(values.items()):
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", key) or "\n" in value or "\0" in value:
            raise EngineError(f"setting {key!r} can't be written")
        quoted = value.replace("\\", "\\\\").replace("'", "''")
        lines.append(f"{key} = '{quoted}'\n")
    return "".join(lines)


def write_configuration(layout: Layout, name: str, text: str) -> bool:
    """Put the files in place, each at once; whether postgresql.conf is another one than before."""
    data = layout.data(name)
    write_file(layout, data / "pg_hba.conf", _HBA)
    return write_file(layout, data / "postgresql.conf", text)


def write_file(layout: Layout, path: Path, text: str) -> bool:
    if path.is_file() and not path.is_symlink() and path.read_text() == text:
        return False
    fresh = layout.partial(path)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if os.geteuid() == 0:
        os.chown(fresh, *daemons.owner(layout.who))
    fresh.rename(path)
    return True
