"""VPCs in the kernel through the life of a cloud: brought back at its start, changed before the answer, adopted after a
kill, gone after an orderly end. What makes an interface live is an instance; here its row says so."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haneul.engines.networks import kernel
from haneul.engines.networks.real import KernelNetworks
from haneul.service import Scope
from haneul.services.ec2.vpc.state import INTERFACE
from haneul.state.rocks import RocksStore
from tests.running import RunningCloud

SCOPE = Scope("000000000000", "us-east-1")


def until(look: Callable[[], Any], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def enliven(data: Path, interface: str) -> None:
    """As if an instance ran on it; the cloud is stopped."""
    store = RocksStore(str(data / "store"))
    with store.write() as tx:
        row = INTERFACE.get(tx, SCOPE, interface)
        row.live = True
        INTERFACE.table.put(tx, SCOPE, row)
    store.close()
    (data / "engines" / "networks").mkdir(parents=True, exist_ok=True)


def resolvers(data: Path) -> int:
    """How many processes run by a configuration of this cloud's."""
    wanted = f"--conf-file={data}/".encode()
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += wanted in path.read_bytes()
    return found


def ruleset(namespace: Path) -> str:
    command = [kernel.tool("nsenter"), f"--net={namespace}", kernel.tool("nft"), "list", "ruleset"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.fixture
def prepared(fresh_cloud) -> tuple[RunningCloud, str, str, Path]:
    """A stopped cloud with a live interface in a group that lets port 22 in."""
    cloud = fresh_cloud()
    networks = KernelNetworks(cloud.data / "engines" / "networks")
    if reason := networks.available():
        pytest.skip(reason)
    ec2 = cloud.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]
    group = ec2.create_security_group(GroupName="g", Description="d")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, **SSH)
    made = ec2.create_network_interface(SubnetId=subnet["SubnetId"], Groups=[group])["NetworkInterface"]
    address = ec2.allocate_address()
    ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=made["NetworkInterfaceId"])
    cloud.stop()
    enliven(cloud.data, made["NetworkInterfaceId"])
    return cloud, group, address["PublicIp"], networks.netns_of(subnet["VpcId"])


SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}


def test_networks_follow_the_cloud(prepared):
    """Made at the start, filtered by the group as each answer says, there after a kill, gone after a stop."""
    cloud, group, public, namespace = prepared
    cloud.start()
    ec2 = cloud.client("ec2")
    ec2.describe_vpcs()
    until(lambda: namespace.exists() and "dport 22" in ruleset(namespace))
    assert public in ruleset(namespace)
    ec2.revoke_security_group_ingress(GroupId=group, **SSH)
    assert "dport 22" not in ruleset(namespace)
    ec2.authorize_security_group_ingress(GroupId=group, **(SSH | {"FromPort": 23, "ToPort": 23}))
    assert "dport 23" in ruleset(namespace)
    cloud.kill()
    assert namespace.exists()
    cloud.start()
    cloud.client("ec2").describe_vpcs()
    until(lambda: "dport 23" in ruleset(namespace))
    until(lambda: resolvers(cloud.data) == 1)
    cloud.stop()
    assert not namespace.exists()
    assert resolvers(cloud.data) == 0
