"""An instance for real, as users have it: boto3 launches it, ssh enters it, its user data ran, its role's credentials
work, and nothing is left when it is terminated. On whatever engine this machine has (User Mode Linux at the least)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from haneul.engines import networks
from tests.api.ec2.waiting import image, instance, reached, until
from tests.clients.guests import ASK, Shell, guest_cloud, key_pair
from tests.running import RunningCloud

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[RunningCloud]:
    yield from guest_cloud()


@pytest.fixture(scope="module")
def ec2(cloud: RunningCloud) -> Any:
    return cloud.client("ec2")


def prepare(cloud: RunningCloud, ec2: Any, folder: Path) -> Path:
    """A key, a group that lets ssh in, a role; the key's file."""
    key = key_pair(ec2, folder, "mine")
    group = ec2.create_security_group(GroupName="ssh", Description="ssh from anywhere")["GroupId"]
    everywhere = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=everywhere)
    iam = cloud.client("iam")
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(_TRUST))
    iam.create_instance_profile(InstanceProfileName="readers")
    iam.add_role_to_instance_profile(InstanceProfileName="readers", RoleName="reader")
    return key


def test_from_launch_to_nothing(cloud: RunningCloud, ec2: Any, tmp_path: Path) -> None:
    """The whole story of one instance, through the public doors only."""
    key = prepare(cloud, ec2, tmp_path)
    (row,) = ec2.run_instances(
        ImageId=image(ec2),
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        KeyName="mine",
        SecurityGroups=["ssh"],
        IamInstanceProfile={"Name": "readers"},
        UserData="#!/bin/sh\necho made > /root/made\n",
        MetadataOptions={"HttpTokens": "required"},
    )["Instances"]
    identifier = row["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[identifier], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    ec2.get_waiter("instance_status_ok").wait(InstanceIds=[identifier], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    address = instance(ec2, identifier)["PublicIpAddress"]
    shell = Shell(key, address)
    assert until(lambda: shell.run("cat /root/made"), 60).strip() == "made"
    assert shell.run(f"{ASK}/instance-id") == identifier
    given = json.loads(shell.run(f"{ASK}/iam/security-credentials/reader") or "{}")
    sts = cloud.client("sts", account=given["AccessKeyId"], secret=given["SecretAccessKey"], token=given["Token"])
    assert sts.get_caller_identity()["Arn"].endswith(f":assumed-role/reader/{identifier}")
    assert "Haneul: ready" in ec2.get_console_output(InstanceId=identifier)["Output"]
    # The cloud's services by AWS's own names, over TLS that the guest trusts.
    status = "curl -s -o /dev/null -w '%{http_code}' https://s3.us-east-1.amazonaws.com/nobodys/thing"
    assert until(lambda: shell.run(status), 30) in ("403", "404")
    _interface(ec2, shell, row)
    pids = _pids(cloud, identifier)
    assert len(pids) > 1
    ec2.terminate_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "terminated", 60)
    _nothing_left(cloud, ec2, pids)


def _interface(ec2: Any, shell: Shell, row: dict[str, Any]) -> None:
    """A second interface, plugged in and out while the guest goes on."""
    made = ec2.create_network_interface(SubnetId=row["SubnetId"])["NetworkInterface"]
    asked = {"NetworkInterfaceId": made["NetworkInterfaceId"], "InstanceId": row["InstanceId"], "DeviceIndex": 1}
    attachment = ec2.attach_network_interface(**asked)["AttachmentId"]
    assert until(lambda: shell.run(f"ip -4 -o address show | grep -w {made['PrivateIpAddress']}"), 30)
    shell.run("ip link set eth1 down")
    ec2.detach_network_interface(AttachmentId=attachment)
    ids = [made["NetworkInterfaceId"]]
    until(
        lambda: (
            ec2.describe_network_interfaces(NetworkInterfaceIds=ids)["NetworkInterfaces"][0]["Status"] == "available"
        )
    )
    assert until(lambda: (shell.run("ip link") or "eth1").find("eth1") < 0, 30)
    ec2.delete_network_interface(NetworkInterfaceId=ids[0])


def test_stop_start_and_a_guest_that_powers_off(cloud: RunningCloud, ec2: Any, tmp_path: Path) -> None:
    """What was written stays over a stop; `poweroff` inside stops the instance, and the cloud says who wanted it."""
    key = key_pair(ec2, tmp_path, "another")
    (row,) = ec2.run_instances(
        ImageId=image(ec2), InstanceType="t3.micro", MinCount=1, MaxCount=1, KeyName="another", SecurityGroups=["ssh"]
    )["Instances"]
    identifier = row["InstanceId"]
    shell = Shell(key, reached(ec2, identifier, "running", 60)["PublicIpAddress"])
    assert until(lambda: shell.run("echo kept > /root/kept && sync && echo done"), 60)
    ec2.stop_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "stopped", 90)
    ec2.start_instances(InstanceIds=[identifier])
    shell = Shell(key, reached(ec2, identifier, "running", 60)["PublicIpAddress"])
    assert until(lambda: shell.run("cat /root/kept"), 60).strip() == "kept"
    shell.run("poweroff")
    assert reached(ec2, identifier, "stopped", 60)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    ec2.terminate_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "terminated", 60)
    _nothing_left(cloud, ec2, [])


def test_a_killed_cloud_and_a_killed_machine(cloud: RunningCloud, ec2: Any, tmp_path: Path) -> None:
    """The guest goes on when the cloud dies, and is the next one's; when its own process dies, the instance says so."""
    key = key_pair(ec2, tmp_path, "third")
    (row,) = ec2.run_instances(
        ImageId=image(ec2), InstanceType="t3.micro", MinCount=1, MaxCount=1, KeyName="third", SecurityGroups=["ssh"]
    )["Instances"]
    identifier = row["InstanceId"]
    shell = Shell(key, reached(ec2, identifier, "running", 60)["PublicIpAddress"])
    boot = until(lambda: shell.run("cat /proc/sys/kernel/random/boot_id"), 60)
    cloud.kill()
    assert shell.run("cat /proc/sys/kernel/random/boot_id") == boot
    cloud.start()
    again = cloud.client("ec2")
    again.get_waiter("instance_status_ok").wait(InstanceIds=[identifier], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert until(lambda: shell.run("cat /proc/sys/kernel/random/boot_id"), 30) == boot
    assert shell.run(f"{ASK}/instance-id") == identifier
    pids = _pids(cloud, identifier)
    for pid in pids[1:]:
        with contextlib.suppress(ProcessLookupError):  # the first takes others along
            os.kill(pid, signal.SIGKILL)
    assert reached(again, identifier, "stopped", 60)["StateReason"]["Code"] == "Server.InternalError"
    again.terminate_instances(InstanceIds=[identifier])
    reached(again, identifier, "terminated", 60)
    _nothing_left(cloud, again, pids)


def _nothing_left(cloud: RunningCloud, ec2: Any, pids: list[int]) -> None:
    """No row, no file, no process, no network."""
    until(lambda: ec2.describe_volumes()["Volumes"] == [])
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    engines = cloud.data / "engines"
    assert list((engines / "volumes" / "volumes").iterdir()) == []
    assert list((engines / "machines" / "machines").iterdir()) == []
    space = networks.open_engine(cloud.data).netns_of(ec2.describe_vpcs()["Vpcs"][0]["VpcId"])
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and (space.exists() or any(map(_lives, pids))):
        time.sleep(0.05)
    assert not space.exists() and not [pid for pid in pids if _lives(pid)]


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _pids(cloud: RunningCloud, identifier: str) -> list[int]:
    """The processes of an instance's machine: its keeper's and all below it."""
    found = [int((cloud.data / "engines" / "machines" / "machines" / identifier / "pid").read_text().split()[0])]
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid and child not in found]
    return found
