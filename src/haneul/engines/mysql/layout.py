"""Where a MariaDB server's things lie, and its option file.

<data>/engines/mysql/{admin,servers/<name>/{version,data/,log/,my.cnf,init.sql,port},backups/<backup>/,archives/<name>/}
<tmp>/haneul-<uid>-<8 hex>/<name's 8 hex>/mysql.sock
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path

from haneul.engines import daemons
from haneul.engines.errors import EngineError
from haneul.kit import tokens

ADMIN = "rdsadmin"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")
_OURS = {"archive", "synchronous_standby_names"}
# Of a parameter group, what would take the server out of the cloud's hands.
_KEPT_BACK = {"datadir", "basedir", "socket", "port", "bind_address", "pid_file", "log_error", "init_file", "user",
              "plugin_dir", "server_id", "log_bin", "log_bin_basename", "log_bin_index", "tmpdir", "secure_file_priv",
              "general_log_file", "slow_query_log_file", "gtid_strict_mode", "log_slave_updates"}  # fmt: skip


class Layout:
    """Paths below `folder`, made on demand, and as whom its servers run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
        self.sockets = Path(tempfile.gettempdir()) / f"haneul-{os.geteuid()}-{digest}"
        self._secret = ""
        self.who = ""

    def open(self) -> None:
        for path in (self.folder.parent, self.folder):
            path.mkdir(parents=True, exist_ok=True)
        for path in (self.folder.parent.parent, self.folder.parent, self.folder):
            if os.geteuid() == 0 and path.stat().st_uid == 0:
                path.chmod(path.stat().st_mode | 0o011)
        self.who = daemons.identity(self.folder)
        for name in ("servers", "backups", "archives"):
            self.own(self.folder / name)
        self.sockets.mkdir(mode=0o711, exist_ok=True)
        if self.sockets.is_symlink() or self.sockets.lstat().st_uid != os.geteuid():
            raise EngineError(f"{self.sockets} belongs to somebody else")

    def own(self, path: Path) -> Path:
        path.mkdir(mode=0o700, exist_ok=True)
        uid, gid = daemons.owner(self.who)
        if path.stat().st_uid != uid:
            os.chown(path, uid, gid)
        return path

    @property
    def secret(self) -> str:
        path = self.folder / "admin"
        if not self._secret:
            if not path.exists():
                self.write(path, tokens.random_hex(48))
            self._secret = path.read_text()
        return self._secret

    def server(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise EngineError(f"{name!r} can't name a server")
        return self.folder / "servers" / name

    def data(self, name: str) -> Path:
        return self.server(name) / "data"

    def logs(self, name: str) -> Path:
        return self.server(name) / "log"

    def backup(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise EngineError(f"{name!r} can't name a backup")
        return self.folder / "backups" / name

    def archive(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise EngineError(f"{name!r} can't name an archive")
        return self.folder / "archives" / name

    def socket_folder(self, name: str) -> Path:
        return self.sockets / hashlib.sha256(name.encode()).hexdigest()[:8]

    def socket(self, name: str) -> Path:
        return self.socket_folder(name) / "mysql.sock"

    def partial(self, path: Path) -> Path:
        return path.with_name(f"{path.name}.part-{tokens.random_hex(8)}")

    def port(self, name: str) -> int:
        """The loopback port that replicas read from: picked once, and again only if somebody else took it."""
        path = self.server(name) / "port"
        if path.exists():
            return int(path.read_text())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            number: int = probe.getsockname()[1]
        self.write(path, str(number))
        return number

    def write(self, path: Path, text: str) -> bool:
        """Put a file in place at once, readable by the servers alone; whether it is another one than before."""
        if path.is_file() and not path.is_symlink() and path.read_text() == text:
            return False
        fresh = self.partial(path)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if os.geteuid() == 0 and self.who:
            os.chown(fresh, *daemons.owner(self.who))
        fresh.rename(path)
        return True


def options(layout: Layout, name: str, root: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """The server's option file: what its parameter group says, and what the cloud insists on."""
    values = {key: value for key, value in settings.items() if key not in _KEPT_BACK | _OURS and "." not in key}
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    wanted = int(values.get("innodb_buffer_pool_size", "0") or 0) or 32 << 20
    values["innodb_buffer_pool_size"] = str(max(8 << 20, min(wanted, machine // 64)))
    values |= {
        "datadir": str(layout.data(name)),
        "basedir": str(root / "usr"),
        "lc_messages_dir": str(root / "usr" / "share" / "mysql"),
        "plugin_dir": str(root / "usr" / "lib" / "mysql" / "plugin"),
        "socket": str(layout.socket(name)),
        "pid_file": str(layout.server(name) / "server.pid"),
        "log_error": str(layout.logs(name) / "mysql-error.log"),
        "general_log_file": str(layout.logs(name) / "mysql-general.log"),
        "slow_query_log_file": str(layout.logs(name) / "mysql-slowquery.log"),
        "init_file": str(layout.server(name) / "init.sql"),
        "bind_address": "127.0.0.1",
        "port": str(layout.port(name)),
        "server_id": str(int(hashlib.sha256(name.encode()).hexdigest()[:7], 16) + 1),
        "log_bin": str(layout.data(name) / "binlog"),
        "binlog_format": values.get("binlog_format", "MIXED"),
        "log_slave_updates": "ON",
        "gtid_strict_mode": "OFF",
        "secure_file_priv": str(layout.server(name) / "files"),
        "tmpdir": str(layout.server(name)),
        "skip_name_resolve": "ON",
        "skip_slave_start": "ON",
        "sync_binlog": "1",
        "rpl_semi_sync_slave_enabled": "ON",
        "rpl_semi_sync_master_enabled": "ON" if settings.get("synchronous_standby_names") else "OFF",
        "rpl_semi_sync_master_wait_point": "AFTER_SYNC",
        "rpl_semi_sync_master_timeout": "600000",
        "ssl_cert": str(layout.folder / "tls.pem"),
        "ssl_key": str(layout.folder / "tls.key"),
    }
    if not (layout.folder / "tls.pem").exists():
        del values["ssl_cert"], values["ssl_key"]
    return values


def render(values: Mapping[str, str], secret: str) -> str:
    """my.cnf's text, with what mariabackup logs in with: passwords stay out of command lines."""
    lines = ["[mariadbd]\n"]
    for key, value in sorted(values.items()):
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", key) or "\n" in value or "\0" in value:
            raise EngineError(f"setting {key!r} can't be written")
        lines.append(f"{key} = {value}\n")
    lines += ["[mariabackup]\n", f"user = {ADMIN}\n", f"password = {secret}\n"]
    return "".join(lines)


def first_statements(secret: str) -> str:
    """What every start makes sure of, outside of the binary log: the cloud's own user, and no open door beside it."""
    return (
        "SET sql_log_bin = 0;\n"
        f"CREATE USER IF NOT EXISTS '{ADMIN}'@'localhost' IDENTIFIED BY '{secret}';\n"
        f"ALTER USER '{ADMIN}'@'localhost' IDENTIFIED BY '{secret}';\n"
        f"GRANT ALL PRIVILEGES ON *.* TO '{ADMIN}'@'localhost' WITH GRANT OPTION;\n"
        f"CREATE USER IF NOT EXISTS '{ADMIN}'@'127.0.0.1' IDENTIFIED BY '{secret}';\n"
        f"ALTER USER '{ADMIN}'@'127.0.0.1' IDENTIFIED BY '{secret}';\n"
        f"GRANT REPLICATION SLAVE ON *.* TO '{ADMIN}'@'127.0.0.1';\n"
        "DROP USER IF EXISTS 'root'@'localhost', 'mysql'@'localhost', ''@'localhost', 'mariadb.sys'@'%';\n"
    )
