"""Instance store: the disks of a type are there while the instance runs, and nothing of them is left when it stops."""

from __future__ import annotations

from tests.api.ec2.waiting import reached, running, until


def test_disks_come_and_go(cloud, ec2):
    """Two of 75 GB and more, as the type says, sparse; gone with a stop, new with a start, gone at the end."""
    identifier = running(ec2, InstanceType="m5d.4xlarge")["InstanceId"]
    folder = cloud.data / "engines" / "volumes" / "volumes"

    def there() -> list[int]:
        return sorted(path.stat().st_size for path in folder.glob(f"{identifier}.store-*"))

    assert there() == [300_000_000_000, 300_000_000_000]
    assert sum(path.stat().st_blocks for path in folder.glob(f"{identifier}.store-*")) < 2048
    ec2.stop_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "stopped")
    assert there() == []
    ec2.modify_instance_attribute(InstanceId=identifier, InstanceType={"Value": "m5d.large"})
    ec2.start_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "running")
    assert there() == [75_000_000_000]
    ec2.terminate_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "terminated")
    until(lambda: there() == [])


def test_types_without_disks(cloud, ec2):
    """Most types have EBS alone."""
    identifier = running(ec2, InstanceType="m5.large")["InstanceId"]
    folder = cloud.data / "engines" / "volumes" / "volumes"
    assert not list(folder.glob(f"{identifier}.store-*"))
