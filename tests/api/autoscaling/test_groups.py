"""Groups through boto3: as many instances as desired, described as they were made, deleted with all that is theirs."""

from __future__ import annotations

from tests.api.autoscaling.conftest import refusal
from tests.api.ec2.waiting import instance, until


def test_a_group_grows_and_shrinks(groups, asg, ec2):
    """The heart of it: real instances, spread over the zones, with the group's tag, as many as are desired."""
    name = groups.made(
        2, Tags=[{"Key": "team", "Value": "web", "PropagateAtLaunch": True}, {"Key": "own", "Value": "x"}]
    )
    rows = groups.instances(name)
    assert sorted(one["AvailabilityZone"] for one in rows) == ["us-east-1a", "us-east-1b"]
    for one in rows:
        shown = instance(ec2, one["InstanceId"])
        tags = {tag["Key"]: tag["Value"] for tag in shown["Tags"]}
        assert tags["aws:autoscaling:groupName"] == name and tags["team"] == "web" and "own" not in tags
        assert shown["State"]["Name"] == "running"
        assert one["HealthStatus"] == "Healthy" and one["LaunchTemplate"]["Version"] == "1"
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=4)
    assert len(groups.settled(name, 4)) == 4
    asg.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=0, MaxSize=1)
    groups.settled(name, 1)
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=0)
    groups.settled(name, 0)
    states = [one["State"]["Name"] for part in ec2.describe_instances()["Reservations"] for one in part["Instances"]]
    assert states == ["terminated"] * 4
    asg.delete_auto_scaling_group(AutoScalingGroupName=name)
    groups.gone(name)


def test_a_group_is_deleted_with_its_instances(groups, asg, ec2):
    """Without force it is refused while there are instances."""
    name = groups.made(1)
    assert refusal(asg.delete_auto_scaling_group, AutoScalingGroupName=name) == (
        "ResourceInUse",
        "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in "
        "the group.",
    )
    (one,) = groups.instances(name)
    asg.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
    groups.gone(name)
    until(lambda: instance(ec2, one["InstanceId"])["State"]["Name"] == "terminated")
