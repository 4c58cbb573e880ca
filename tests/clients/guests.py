"""Clouds with engines that run guests, and ssh into them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from haneul.engines import machines, networks
from haneul.engines.errors import EngineError
from tests.running import RunningCloud

TOKEN = "curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token"
ASK = f'curl -sf -H "X-aws-ec2-metadata-token: $({TOKEN})" http://169.254.169.254/latest/meta-data'


def guest_cloud() -> Iterator[RunningCloud]:
    """With engines that run guests; the image is built by its first launch. Skips the test where none can run."""
    running = RunningCloud("--log-level", "warning")
    why = networks.open_engine(running.data).available() or ("" if shutil.which("ssh") else "there is no ssh client")
    if not why:
        try:
            machines.install(running.data)
            found = machines.open_engine(running.data).available()
            why = "" if found.engines else " ".join(found.why.values())
        except EngineError as error:
            why = str(error)
    if why:
        running.close()
        pytest.skip(why)
    running.start()
    yield running
    running.close()


class Shell:
    """ssh into an instance with its key, through another one where it has no public address."""

    def __init__(self, key: Path, address: str, through: str = "") -> None:
        options = ["-i", str(key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                   "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "LogLevel=ERROR"]  # fmt: skip
        jump = ["-o", f"ProxyCommand={' '.join(['ssh', *options, '-W', '%h:%p', f'root@{through}'])}"]
        self._command = ["ssh", *options, *(jump if through else []), f"root@{address}"]

    def run(self, command: str, timeout: float = 30) -> str | None:
        """What it printed; None when ssh did not come in or the command failed."""
        done = self.tried(command, timeout)
        return done.stdout if done.returncode == 0 else None

    def begun(self, command: str) -> subprocess.Popen[str]:
        """A command that goes on; whoever asks ends it."""
        return subprocess.Popen(
            [*self._command, command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def tried(self, command: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self._command, command], capture_output=True, text=True, timeout=timeout, check=False)


def key_pair(ec2: Any, folder: Path, name: str) -> Path:
    """The file of a new key pair."""
    key = folder / name
    key.write_text(ec2.create_key_pair(KeyName=name, KeyType="ed25519")["KeyMaterial"])
    key.chmod(0o600)
    return key
