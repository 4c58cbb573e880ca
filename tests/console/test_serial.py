"""Who may open a serial console: its WebSocket is signed, of the same origin, and no more than a few at a time."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest
import requests
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.api.ec2.waiting import pretending, running
from tests.running import RunningCloud


def address(
    cloud: RunningCloud, instance: str, key: str = "test", secret: str = "test", token: str | None = None
) -> str:
    request = AWSRequest("GET", f"http://localhost:{cloud.port}/_haneul/serial/{instance}")
    SigV4QueryAuth(Credentials(key, secret, token), "ec2", "us-east-1", expires=60).add_auth(request)
    return str(request.url)


@pytest.fixture(scope="module")
def instance(machines):
    ec2 = machines.client("ec2")
    ec2.enable_serial_console_access()
    return running(ec2)["InstanceId"]


def refused(url: str, **headers: str) -> tuple[int, str]:
    answer = requests.get(url, headers=headers, timeout=10)
    return answer.status_code, answer.json()["code"]


def test_it_echoes_and_ends_with_its_machine(machines, instance):
    """Keys go in as text or bytes, what the guest says comes out as bytes, also what was typed at once."""
    with connect(address(machines, instance).replace("http", "ws", 1)) as line:
        line.send("early ")
        line.send(b"and late")
        seen = b""
        while not seen.endswith(b"late"):
            piece = line.recv(10)
            assert isinstance(piece, bytes)
            seen += piece
        assert seen == b"early and late"


def test_nobody_gets_in_unsigned_or_from_elsewhere(machines, instance):
    """No signature, a page of another origin, a name that isn't ours, another account's key, a plain request."""
    url = address(machines, instance)
    plain = url.partition("?")[0]
    assert refused(plain) == (403, "MissingAuthenticationToken")
    assert refused(url, Origin="http://evil.example") == (403, "AccessDenied")
    assert refused(url, Origin="http://localhost:1") == (403, "AccessDenied")
    assert refused(url, Host="evil.example") == (403, "AccessDenied")
    assert refused(address(machines, instance, key="111111111111"))[1] == "InvalidInstanceID.NotFound"
    assert refused(address(machines, "i-00000000000000000"))[1] == "InvalidInstanceID.NotFound"
    assert requests.get(url, timeout=10).status_code == 426
    tampered = requests.get(url.replace("serial/i-", "serial/x-"), timeout=10)
    assert tampered.status_code in (401, 403)
    with pytest.raises(InvalidStatus):
        connect(plain.replace("http", "ws", 1))


def test_no_more_than_a_few(machines, instance):
    """The fifth one of an instance is refused; when one goes, another may come."""
    url = address(machines, instance).replace("http", "ws", 1)
    with ExitStack() as lines:
        for _ in range(4):
            lines.enter_context(connect(url))
        with pytest.raises(InvalidStatus) as caught:
            lines.enter_context(connect(url))
        assert json.loads(caught.value.response.body or b"{}")["code"] == "SerialConsoleSessionLimitExceededException"
    with connect(url) as line:
        line.send("x")
        assert line.recv(10) == b"x"


def test_a_user_needs_the_right():
    """Mode cloud: refused without `ec2-instance-connect:SendSerialConsoleSSHPublicKey`, let in with it."""
    cloud = pretending(RunningCloud("--log-level", "warning", "--mode", "cloud")).start()
    try:
        lines = (cloud.data / "credentials").read_text().splitlines()
        root = [line.split(" = ")[1] for line in lines[1:3]]
        ec2 = cloud.client("ec2", account=root[0], secret=root[1])
        made = running(ec2)["InstanceId"]
        iam = cloud.client("iam", account=root[0], secret=root[1])
        iam.create_user(UserName="ann")
        key = iam.create_access_key(UserName="ann")["AccessKey"]
        url = address(cloud, made, key["AccessKeyId"], key["SecretAccessKey"])
        assert refused(address(cloud, made, key["AccessKeyId"], "wrong"))[1] == "AuthFailure"
        assert refused(url)[1] == "UnauthorizedOperation"
        action = "ec2-instance-connect:SendSerialConsoleSSHPublicKey"
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}
        iam.put_user_policy(UserName="ann", PolicyName="serial", PolicyDocument=json.dumps(document))
        assert refused(url) == (403, "SerialConsoleAccessDisabledException")
        ec2.enable_serial_console_access()
        with connect(url.replace("http", "ws", 1)) as line:
            line.send("x")
            assert line.recv(10) == b"x"
    finally:
        cloud.close()
