"""169.254.169.254 as an instance sees it: asked inside the VPC's own network, from the instance's address (machines are
doubles here; tests/clients asks from a guest that booted)."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from haneul.engines import networks
from tests.api.ec2.waiting import pretending, reached, running
from tests.running import RunningCloud

TTL, TOKEN = "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token"
_ASK = """
import http.client, json, sys
source, method, path, headers = json.loads(sys.argv[1])
connection = http.client.HTTPConnection("169.254.169.254", 80, timeout=10, source_address=(source, 0))
connection.request(method, path, headers=headers)
answer = connection.getresponse()
print(json.dumps([answer.status, answer.read().decode(), dict(answer.getheaders())]))
"""


class Guest:
    """An instance, as far as its metadata can tell: a process in its VPC's network that has its address."""

    def __init__(self, cloud: RunningCloud, row: dict[str, Any]) -> None:
        self.row = row
        self.address = row["PrivateIpAddress"]
        self._space = str(networks.open_engine(cloud.data).netns_of(row["VpcId"]))
        self._inside("ip", "addr", "add", f"{self.address}/32", "dev", "lo")

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        told = json.dumps(
            [self.address, method, path, {name.replace("_", "-"): text for name, text in headers.items()}]
        )
        status, body, _ = json.loads(self._inside(sys.executable, "-c", _ASK, told))
        return status, body

    def token(self, seconds: int = 60) -> str:
        status, token = self.ask("/latest/api/token", "PUT", **{TTL: str(seconds)})
        assert status == 200
        return token

    def _inside(self, *command: str) -> str:
        return subprocess.run(
            ["nsenter", f"--net={self._space}", *command], check=True, capture_output=True, text=True, timeout=20
        ).stdout


@pytest.fixture(scope="module")
def wired() -> Iterator[RunningCloud]:
    """A cloud with real networks and pretended machines."""
    cloud = pretending(RunningCloud("--log-level", "warning"), ("machines",))
    reason = networks.open_engine(cloud.data).available() or ("" if shutil.which("nsenter") else "no nsenter")
    if reason:
        cloud.close()
        pytest.skip(reason)
    cloud.start()
    yield cloud
    ec2 = cloud.client("ec2")
    alive = [one["InstanceId"] for part in ec2.describe_instances()["Reservations"] for one in part["Instances"]]
    if alive:
        ec2.terminate_instances(InstanceIds=alive)
        for one in alive:
            reached(ec2, one, "terminated")
    engine = networks.open_engine(cloud.data)
    cloud.close()
    engine.remove_all()


@pytest.fixture(scope="module")
def ec2(wired):
    return wired.client("ec2")


@pytest.fixture(scope="module")
def guest(wired, ec2) -> Guest:
    """With a key, a role, user data and a tag that it may read."""
    iam = wired.client("iam")
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", **trust}))
    iam.create_instance_profile(InstanceProfileName="readers")
    iam.add_role_to_instance_profile(InstanceProfileName="readers", RoleName="reader")
    ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=_PUBLIC.encode())
    row = running(
        ec2,
        KeyName="mine",
        IamInstanceProfile={"Name": "readers"},
        UserData="#!/bin/sh\necho hello\n",
        MetadataOptions={"InstanceMetadataTags": "enabled"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}],
    )
    return Guest(wired, row)


_PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8mXCcyo0XjVQKqzCKmnIzsV5Wb9fQ6cRZtM2yqlTgD me@here"


def test_what_cloud_init_and_sdks_read(wired, guest):
    """The paths by which a guest learns who it is, with and without a token."""
    row = guest.row
    wanted = {
        "instance-id": row["InstanceId"],
        "ami-id": row["ImageId"],
        "instance-type": "t3.micro",
        "local-ipv4": row["PrivateIpAddress"],
        "public-ipv4": row["PublicIpAddress"],
        "hostname": row["PrivateDnsName"],
        "mac": row["NetworkInterfaces"][0]["MacAddress"],
        "placement/availability-zone": row["Placement"]["AvailabilityZone"],
        "placement/region": "us-east-1",
        "security-groups": "default",
        "public-keys/": "0=mine",
        "services/domain": "amazonaws.com",
        "block-device-mapping/root": row["RootDeviceName"],
        "tags/instance/Name": "web",
        f"network/interfaces/macs/{row['NetworkInterfaces'][0]['MacAddress']}/subnet-id": row["SubnetId"],
        "iam/security-credentials/": "reader",
    }
    token = guest.token()
    for path, text in wanted.items():
        assert guest.ask(f"/latest/meta-data/{path}", **{TOKEN: token}) == (200, text), path
    assert guest.ask("/latest/meta-data/public-keys/0/openssh-key")[1].strip() == _PUBLIC.replace("me@here", "mine")
    assert guest.ask("/latest/user-data") == (200, "#!/bin/sh\necho hello\n")
    document = json.loads(guest.ask("/latest/dynamic/instance-identity/document")[1])
    assert (document["instanceId"], document["privateIp"]) == (row["InstanceId"], row["PrivateIpAddress"])
    assert signed(wired, guest.ask)
    listing = guest.ask("/latest/meta-data/")[1].splitlines()
    assert {"ami-id", "iam/", "network/", "placement/", "public-keys/"} <= set(listing)
    assert guest.ask("/2021-03-23/meta-data/instance-id")[1] == row["InstanceId"]
    assert guest.ask("/latest/meta-data/nothing")[0] == guest.ask("/1999-01-01/")[0] == 404


def signed(cloud: RunningCloud, ask: Any) -> bool:
    """Whether the identity document's signature is the cloud's own. Raises InvalidSignature when it is not."""
    place = "/latest/dynamic/instance-identity"
    signature = base64.b64decode(ask(f"{place}/signature")[1])
    certificate = x509.load_pem_x509_certificate((cloud.data / "ec2" / "identity.pem").read_bytes())
    document = ask(f"{place}/document")[1].encode()
    certificate.public_key().verify(signature, document, padding.PKCS1v15(), hashes.SHA256())
    return len(base64.b64decode(ask(f"{place}/pkcs7")[1])) > 500


def test_role_credentials_are_real(wired, guest):
    """What the instance is given, the cloud's STS knows as a session of the role."""
    given = json.loads(guest.ask("/latest/meta-data/iam/security-credentials/reader")[1])
    assert given["Code"] == "Success" and given["Type"] == "AWS-HMAC"
    sts = wired.client("sts", account=given["AccessKeyId"], secret=given["SecretAccessKey"], token=given["Token"])
    arn = sts.get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::000000000000:assumed-role/reader/{guest.row['InstanceId']}"
    again = json.loads(guest.ask("/latest/meta-data/iam/security-credentials/reader")[1])
    assert again == given
    info = json.loads(guest.ask("/latest/meta-data/iam/info")[1])
    assert info["InstanceProfileArn"].endswith(":instance-profile/readers")


def test_tokens(guest):
    """A time to live is a must and has bounds; proxies get none; a token that isn't ours opens nothing."""
    assert guest.ask("/latest/api/token", "PUT")[0] == 400
    assert guest.ask("/latest/api/token", "PUT", **{TTL: "0"})[0] == 400
    assert guest.ask("/latest/api/token", "PUT", **{TTL: "21601"})[0] == 400
    assert guest.ask("/latest/api/token", "PUT", **{TTL: "60", "X-Forwarded-For": "1.2.3.4"})[0] == 403
    assert guest.ask("/latest/meta-data/instance-id", **{TOKEN: "nonsense"})[0] == 401
    assert guest.ask("/latest/meta-data/instance-id", "DELETE")[0] == 405


def test_tokens_required_and_endpoint_off(ec2, guest):
    """ModifyInstanceMetadataOptions is in force with the next request."""
    identifier = guest.row["InstanceId"]
    ec2.modify_instance_metadata_options(InstanceId=identifier, HttpTokens="required")
    assert guest.ask("/latest/meta-data/instance-id")[0] == 401
    assert guest.ask("/latest/meta-data/instance-id", **{TOKEN: guest.token()}) == (200, identifier)
    ec2.modify_instance_metadata_options(InstanceId=identifier, InstanceMetadataTags="disabled")
    assert guest.ask("/latest/meta-data/tags/instance/Name", **{TOKEN: guest.token()})[0] == 404
    ec2.modify_instance_metadata_options(InstanceId=identifier, HttpEndpoint="disabled")
    assert guest.ask("/latest/meta-data/instance-id")[0] == guest.ask("/latest/api/token", "PUT")[0] == 403
    ec2.modify_instance_metadata_options(
        InstanceId=identifier, HttpEndpoint="enabled", HttpTokens="optional", InstanceMetadataTags="enabled"
    )


def test_each_instance_sees_itself(wired, ec2, guest):
    """One listener serves a whole VPC; a token of one instance is nothing at another, strangers see nothing."""
    other = Guest(wired, running(ec2))
    assert other.ask("/latest/meta-data/instance-id") == (200, other.row["InstanceId"])
    assert other.ask("/latest/user-data")[0] == other.ask("/latest/meta-data/iam/info")[0] == 404
    assert other.ask("/latest/meta-data/instance-id", **{TOKEN: guest.token()})[0] == 401
    ec2.terminate_instances(InstanceIds=[other.row["InstanceId"]])
    reached(ec2, other.row["InstanceId"], "terminated")
    assert other.ask("/latest/meta-data/instance-id")[0] == 404
