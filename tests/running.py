"""A cloud as a subprocess, for tests: started on a free port, killed or restarted at will, stopped at the end."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

READY_WITHIN = 60.0
_PR_SET_PDEATHSIG = 1
ACCOUNT = "000000000000"


def _die_with_parent() -> None:
    """In the child: a test run that is killed takes its cloud with it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class RunningCloud:
    """`haneul start` on its own data folder."""

    def __init__(self, *flags: str, data: Path | None = None, environment: dict[str, str] | None = None) -> None:
        self.flags = flags
        self.data = data or Path(tempfile.mkdtemp(prefix="haneul-test-"))
        self._owned = data is None
        self._environment = environment or {}
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> RunningCloud:
        command = [
            sys.executable,
            "-m",
            "haneul",
            "start",
            "--port",
            str(self.port),
            "--data",
            str(self.data),
            *self.flags,
        ]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "HANEUL_"))}
        log = (self.data / "test.log").open("ab")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**environment, **self._environment},
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        log.close()
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the cloud did not start:\n{self.log()[-3000:]}")
            if self._is_ready():
                return self
            time.sleep(0.02)
        raise RuntimeError(f"the cloud was not ready in time:\n{self.log()[-3000:]}")

    def _is_ready(self) -> bool:
        try:
            pid, _, port = (self.data / "haneul.pid").read_text().split()
            assert self.process is not None
            if int(pid) != self.process.pid:
                return False
            self.port = int(port)
            with urllib.request.urlopen(f"{self.url}/_haneul/health", timeout=5) as answer:
                return answer.status == 200
        except (OSError, ValueError):
            return False

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def restart(self) -> None:
        """Stop if running, and start again on the same port and data."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        self.start()

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        if self._owned:
            shutil.rmtree(self.data, ignore_errors=True)

    def log(self) -> str:
        path = self.data / "test.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/_haneul/health", timeout=5) as answer:
            return dict(json.load(answer))

    def client(
        self,
        service: str,
        account: str = ACCOUNT,
        region: str = "us-east-1",
        secret: str = "test",
        token: str | None = None,
        **options: Any,
    ) -> Any:
        """A boto3 client; `account` is also the access key (mode dev), or any access key id."""
        options.setdefault("retries", {"max_attempts": 0})
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(**options),
        )
