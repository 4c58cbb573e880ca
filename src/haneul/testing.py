"""The pytest plugin: a cloud of its own for a test session, and AWS's SDKs pointed at it.

    def test_upload(haneul):                      # a session-wide cloud on a free port
        s3 = haneul.client("s3")                  # needs boto3; or any SDK: AWS_ENDPOINT_URL is set
        s3.create_bucket(Bucket="photos")

Installed with Haneul (`pytest11` entry point); costs nothing until a test asks for the fixture.
"""

from __future__ import annotations

import shutil
import subprocess  # noqa: TID251 - a test session's cloud is a process of its own
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

READY_WITHIN = 30.0


class Cloud:
    """A running cloud: `url`, and boto3 clients for it."""

    def __init__(self, url: str, data: Path) -> None:
        self.url = url
        self.data = data

    def client(self, service: str, *, account: str = "000000000000", region: str = "us-east-1", **options: Any) -> Any:
        """A boto3 client that calls as root of `account`."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="test",  # noqa: S106 - mode dev takes any
            **options,
        )


@pytest.fixture(scope="session")
def haneul() -> Iterator[Cloud]:
    """A cloud for this session, empty, stopped and deleted at the end; the AWS_* variables name it meanwhile."""
    data = Path(tempfile.mkdtemp(prefix="haneul-"))
    command = [sys.executable, "-m", "haneul", "start", "--port", "0", "--data", str(data), "--log-level", "warning"]
    with (data / "cloud.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    patch = pytest.MonkeyPatch()
    try:
        cloud = Cloud(_wait(process, data), data)
        patch.setenv("AWS_ENDPOINT_URL", cloud.url)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield cloud
    finally:
        patch.undo()
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(data, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], data: Path) -> str:
    """The cloud's URL, once it is ready."""
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            port = int((data / "haneul.pid").read_text().split()[2])
            url = f"http://127.0.0.1:{port}"
            with urllib.request.urlopen(f"{url}/_haneul/health", timeout=5) as answer:  # noqa: S310
                if answer.status == 200:
                    return url
        except (OSError, ValueError, IndexError):
            pass
        time.sleep(0.02)
    raise RuntimeError(f"the cloud did not start:\n{(data / 'cloud.log').read_text(errors='replace')[-2000:]}")
