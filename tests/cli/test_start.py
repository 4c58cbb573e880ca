"""The command line that others rely on: start, stop, status, init, coverage; TLS, hooks, LocalStack's variables."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from tests.gateway.wire_client import Wire, s3_signer
from tests.running import RunningCloud


def haneul(*arguments, **environment):
    base = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "HANEUL_"))}
    return subprocess.run(
        [sys.executable, "-m", "haneul", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False,
        env={**base, **environment},
    )  # fmt: skip


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_sigterm_drains_and_exits_0(fresh_cloud):
    """A request whose body is still coming when SIGTERM arrives is answered; then the process ends with 0."""
    cloud = fresh_cloud()
    cloud.client("s3").create_bucket(Bucket="drained")
    request = s3_signer(cloud.port).request("PUT", "/drained/k", b"x" * 1000)
    with Wire(cloud.port) as wire:
        wire.send(request[:-500])
        time.sleep(0.2)
        ended = []
        stopping = threading.Thread(target=lambda: ended.append(cloud.stop()))
        stopping.start()
        time.sleep(0.2)
        wire.send(request[-500:])
        assert wire.answer().status == 200
        stopping.join(40)
    assert ended == [0]
    cloud.start()
    assert cloud.client("s3").get_object(Bucket="drained", Key="k")["ContentLength"] == 1000


def test_background(tmp_path):
    """--detach, status, a second start refused, stop; each says what a user needs to know."""
    data = tmp_path / "cloud"
    port = free_port()
    try:
        started = haneul("start", "--detach", "--data", data, "--port", port)
        assert started.returncode == 0, started.stderr
        assert f"http://localhost:{port}" in started.stdout
        told = json.loads(haneul("status", "--data", data, "--json").stdout)
        assert (told["status"], told["port"], told["mode"]) == ("ready", port, "dev")
        second = haneul("start", "--data", data, "--port", free_port())
        assert second.returncode == 1
        assert "already runs on this data folder" in second.stderr
        taken = haneul("start", "--data", tmp_path / "other", "--port", port)
        assert taken.returncode == 1
        assert "in use" in taken.stderr
        assert "ready" in haneul("logs", "--data", data).stdout
    finally:
        stopped = haneul("stop", "--data", data)
    assert stopped.stdout.strip() == "Stopped."
    assert haneul("status", "--data", data).returncode == 1
    assert haneul("reset", "--data", data, "--yes").returncode == 0
    assert not (data / "store").exists()


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [
        (["--host", "0.0.0.0"], "mode dev accepts any key, so it listens on loopback only"),
        (["--clock-rate", "0"], "clock_rate must be above 0"),
        (["--mode", "both"], "'both' is not one of"),
    ],
)
def test_wrong_settings_are_told(tmp_path, arguments, phrase):
    """No traceback: one sentence, and what would do."""
    answer = haneul("start", "--data", tmp_path, "--port", "0", *arguments)
    assert answer.returncode != 0
    assert phrase in answer.stderr
    assert "Traceback" not in answer.stderr


def test_tls(fresh_cloud):
    """A certificate by the installation's own CA, for localhost and for whatever name SNI asks."""
    port = free_port()
    cloud = fresh_cloud("--tls-port", str(port))
    context = ssl.create_default_context(cafile=str(cloud.data / "ca" / "ca.pem"))
    for name in ("localhost", "photos.s3.localhost", "anything.example"):
        with (
            socket.create_connection(("127.0.0.1", port)) as raw,
            context.wrap_socket(raw, server_hostname=name) as wire,
        ):
            wire.sendall(b"GET /_haneul/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert wire.recv(4096).startswith(b"HTTP/1.1 200")
    with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection(("127.0.0.1", port)) as raw:
        ssl.create_default_context().wrap_socket(raw, server_hostname="localhost")
    import boto3

    body = os.urandom(1 << 20)
    s3 = boto3.client(
        "s3", endpoint_url=f"https://localhost:{port}", region_name="us-east-1", aws_access_key_id="test",
        aws_secret_access_key="test", verify=str(cloud.data / "ca" / "ca.pem"),
    )  # fmt: skip
    s3.create_bucket(Bucket="secure")
    s3.put_object(Bucket="secure", Key="k", Body=body)
    assert s3.get_object(Bucket="secure", Key="k")["Body"].read() == body


def test_init_hooks_run_once_ready(tmp_path):
    """ready.d scripts find the cloud in their environment; /_localstack/init tells how each ended."""
    hooks = tmp_path / "ready.d"
    hooks.mkdir()
    (hooks / "1.py").write_text("import boto3\nboto3.client('sqs').create_queue(QueueName='made-by-a-hook')\n")
    (hooks / "2.sh").write_text("exit 3\n")
    cloud = RunningCloud("--log-level", "error", environment={"HANEUL_INIT_DIR": str(tmp_path)}).start()
    try:
        deadline = time.monotonic() + 30
        states: dict[str, str] = {}
        while time.monotonic() < deadline and states != {"1.py": "SUCCESSFUL", "2.sh": "ERROR"}:
            with urllib.request.urlopen(f"{cloud.url}/_localstack/init") as answer:
                states = {script["name"]: script["state"] for script in json.load(answer)["scripts"]}
            time.sleep(0.1)
        assert states == {"1.py": "SUCCESSFUL", "2.sh": "ERROR"}
        assert "made-by-a-hook" in cloud.client("sqs").list_queues()["QueueUrls"][0]
    finally:
        cloud.close()


def test_localstacks_variables():
    """Translated where they mean the same, warned of where they have no effect."""
    from haneul import config

    made = config.load({}, {"GATEWAY_LISTEN": "0.0.0.0:4599", "DEBUG": "1", "ENFORCE_IAM": "1", "SERVICES": "s3"})
    assert (made.host, made.port, made.log_level, made.enforce_iam) == ("127.0.0.1", 4599, "debug", True)
    assert any("SERVICES" in warning for warning in made.warnings)


def test_init_makes_roots_key(tmp_path):
    """The key is told once, kept in a file that only its owner reads, and opens mode cloud."""
    made = json.loads(haneul("init", "--data", tmp_path, "--json").stdout)
    assert (tmp_path / "credentials").stat().st_mode & 0o777 == 0o600
    cloud = RunningCloud("--mode", "cloud", "--log-level", "error", data=tmp_path).start()
    try:
        sts = cloud.client("sts", account=made["AccessKeyId"], secret=made["SecretAccessKey"])
        assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"
    finally:
        cloud.close()


def test_coverage():
    """Counted from the rooms: what is there, what is 501, for programs and for people."""
    table = json.loads(haneul("coverage", "--json").stdout)
    assert "PutObject" in table["s3"]["implemented"]
    assert "CreateSession" in table["s3"]["missing"]
    assert set(table["glacier"]["missing"]) == set()
    lines = haneul("coverage", "s3").stdout
    assert "  yes  PutObject" in lines
    assert "  501  CreateSession" in lines
    assert haneul("coverage", "nonsense").returncode == 1
