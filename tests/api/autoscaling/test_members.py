"""Instances in groups: health and replacement, protection, standby, attaching and detaching, ends by request."""

from __future__ import annotations

from tests.api.autoscaling.conftest import refusal
from tests.api.autoscaling.waiting import Groups
from tests.api.ec2.waiting import instance, pretending, running, until
from tests.running import RunningCloud


def replaced(groups, name: str, identifier: str) -> list[dict]:
    """The group's instances once `identifier` is no more among them and all serve."""
    size = groups.shown(name)["DesiredCapacity"]
    return until(
        lambda: (
            len(rows := groups.instances(name)) == size
            and all(one["LifecycleState"] == "InService" and one["InstanceId"] != identifier for one in rows)
            and rows
        )
    )


def test_a_terminated_instance_is_replaced(groups, ec2):
    """The reason to have a group: somebody ends an instance, another one comes, and the activities say why."""
    name = groups.made(1)
    (row,) = groups.instances(name)
    ec2.terminate_instances(InstanceIds=[row["InstanceId"]])
    replaced(groups, name, row["InstanceId"])
    causes = [one["Cause"] for one in groups.activities(name)]
    assert any("an EC2 health check indicating it has been terminated or stopped" in one for one in causes)
    assert any("in response to an unhealthy instance needing to be replaced" in one for one in causes)


def test_health_set_by_a_user(groups, asg):
    """The grace period protects the young, unless it is to be passed over; a suspended process replaces nobody."""
    name = groups.made(1, HealthCheckGracePeriod=7200)
    (row,) = groups.instances(name)
    sick = {"InstanceId": row["InstanceId"], "HealthStatus": "Unhealthy"}
    asg.set_instance_health(**sick)
    assert groups.instances(name)[0]["HealthStatus"] == "Healthy"
    asg.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["ReplaceUnhealthy"])
    asg.set_instance_health(**sick, ShouldRespectGracePeriod=False)
    assert groups.instances(name)[0]["HealthStatus"] == "Unhealthy"
    (shown,) = groups.shown(name)["SuspendedProcesses"]
    assert shown["ProcessName"] == "ReplaceUnhealthy" and shown["SuspensionReason"].startswith("User suspended at ")
    asg.resume_processes(AutoScalingGroupName=name)
    replaced(groups, name, row["InstanceId"])
    assert any("in response to a user health-check" in one["Cause"] for one in groups.activities(name))
    assert refusal(asg.set_instance_health, **sick) == (
        "ValidationError",
        f"Instance Id not found - No managed instance found for instance ID: {row['InstanceId']}",
    )
    assert refusal(asg.suspend_processes, AutoScalingGroupName=name, ScalingProcesses=["X"])[0] == "ValidationError"
    assert len(asg.describe_scaling_process_types()["Processes"]) == 9


def test_protection_from_scale_in(groups, asg):
    """The one that isn't protected goes, whatever the policy says."""
    name = groups.made(2, TerminationPolicies=["OldestInstance"], NewInstancesProtectedFromScaleIn=True)
    first, second = groups.instances(name)
    assert first["ProtectedFromScaleIn"] and second["ProtectedFromScaleIn"]
    asg.set_instance_protection(
        AutoScalingGroupName=name, InstanceIds=[second["InstanceId"]], ProtectedFromScaleIn=False
    )
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=1)
    assert [one["InstanceId"] for one in groups.settled(name, 1)] == [first["InstanceId"]]
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=0)
    assert [one["InstanceId"] for one in groups.settled(name, 1)] == [first["InstanceId"]]
    foreign = {"InstanceIds": ["i-0123456789abcdef0"], "ProtectedFromScaleIn": True}
    assert refusal(asg.set_instance_protection, AutoScalingGroupName=name, **foreign) == (
        "ValidationError",
        f"The instance i-0123456789abcdef0 is not part of Auto Scaling group {name}.",
    )


def test_standby(groups, asg):
    """Standing by it doesn't count: replaced, or the capacity shrinks; back again it counts."""
    name = groups.made(1)
    (row,) = groups.instances(name)
    given = {"AutoScalingGroupName": name, "InstanceIds": [row["InstanceId"]]}
    (activity,) = asg.enter_standby(**given, ShouldDecrementDesiredCapacity=True)["Activities"]
    assert activity["Description"] == f"Moving EC2 instance to Standby: {row['InstanceId']}"
    assert activity["Cause"].endswith(
        f"instance {row['InstanceId']} was moved to standby in response to a user request, shrinking the capacity "
        "from 1 to 0."
    )
    until(lambda: groups.instances(name, "Standby"))
    assert groups.shown(name)["DesiredCapacity"] == 0
    assert refusal(asg.enter_standby, **given, ShouldDecrementDesiredCapacity=True)[0] == "ValidationError"
    (activity,) = asg.exit_standby(**given)["Activities"]
    assert activity["StatusCode"] == "PreInService" and activity["Progress"] == 30
    assert [one["InstanceId"] for one in groups.settled(name, 1)] == [row["InstanceId"]]
    assert groups.shown(name)["DesiredCapacity"] == 1
    asg.enter_standby(**given, ShouldDecrementDesiredCapacity=False)
    until(lambda: len(groups.instances(name, "InService")) == 1 and len(groups.instances(name, "Standby")) == 1)


def test_detach_and_attach(groups, asg, ec2):
    """A detached instance goes on by itself, without the group's tag; attached it counts again."""
    name = groups.made(1)
    (row,) = groups.instances(name)
    given = {"AutoScalingGroupName": name, "InstanceIds": [row["InstanceId"]]}
    (activity,) = asg.detach_instances(**given, ShouldDecrementDesiredCapacity=True)["Activities"]
    assert activity["Description"] == f"Detaching EC2 instance: {row['InstanceId']}"
    groups.settled(name, 0)
    shown = instance(ec2, row["InstanceId"])
    keys = {tag["Key"] for tag in shown.get("Tags", [])}
    assert shown["State"]["Name"] == "running" and "aws:autoscaling:groupName" not in keys
    asg.attach_instances(**given)
    groups.settled(name, 1)
    assert groups.shown(name)["DesiredCapacity"] == 1
    keys = {tag["Key"] for tag in instance(ec2, row["InstanceId"])["Tags"]}
    assert "aws:autoscaling:groupName" in keys
    assert f"already part of AutoScalingGroup:{name}" in refusal(asg.attach_instances, **given)[1]
    asg.update_auto_scaling_group(AutoScalingGroupName=name, MaxSize=1)
    other = running(ec2, Placement={"AvailabilityZone": "us-east-1a"})
    code, message = refusal(asg.attach_instances, AutoScalingGroupName=name, InstanceIds=[other["InstanceId"]])
    assert code == "ValidationError" and "would violate group's max size constraint (1)" in message


def test_termination_by_request(groups, asg, ec2):
    """With and without a smaller desired capacity; termination protection of EC2 is no obstacle."""
    name = groups.made(2, MinSize=1)
    first, second = groups.instances(name)
    ec2.modify_instance_attribute(InstanceId=first["InstanceId"], DisableApiTermination={"Value": True})
    ended = asg.terminate_instance_in_auto_scaling_group(
        InstanceId=first["InstanceId"], ShouldDecrementDesiredCapacity=True
    )["Activity"]
    assert ended["StatusCode"] == "InProgress" and "shrinking the capacity from 2 to 1" in ended["Cause"]
    assert [one["InstanceId"] for one in groups.settled(name, 1)] == [second["InstanceId"]]
    until(lambda: instance(ec2, first["InstanceId"])["State"]["Name"] == "terminated")
    code, message = refusal(
        asg.terminate_instance_in_auto_scaling_group,
        InstanceId=second["InstanceId"],
        ShouldDecrementDesiredCapacity=True,
    )
    assert code == "ValidationError" and message.startswith("Currently, desiredSize equals minSize (1).")
    asg.terminate_instance_in_auto_scaling_group(InstanceId=second["InstanceId"], ShouldDecrementDesiredCapacity=False)
    replaced(groups, name, second["InstanceId"])


def test_instances_are_described(groups, asg):
    """By id and by page, over all groups; unknown ones are passed over."""
    name = groups.made(2)
    rows = groups.instances(name)
    found = asg.describe_auto_scaling_instances(InstanceIds=[rows[0]["InstanceId"], "i-0123456789abcdef0"])
    (one,) = found["AutoScalingInstances"]
    assert one["AutoScalingGroupName"] == name and one["HealthStatus"] == "HEALTHY"
    pages = asg.get_paginator("describe_auto_scaling_instances").paginate(PaginationConfig={"PageSize": 1})
    assert [len(page["AutoScalingInstances"]) for page in pages] == [1, 1]


def test_zones_are_balanced_again(groups, asg):
    """A group that gets another zone moves what is too much in the first."""
    name = groups.made(2, AvailabilityZones=["us-east-1a"])
    asg.update_auto_scaling_group(AutoScalingGroupName=name, AvailabilityZones=["us-east-1a", "us-east-1b"])
    until(lambda: sorted(one["AvailabilityZone"] for one in groups.instances(name, "InService"))
          == ["us-east-1a", "us-east-1b"])  # fmt: skip
    until(lambda: len(groups.instances(name)) == 2)
    assert any("to aid in balancing the group's zones" in one["Cause"] for one in groups.activities(name))


def test_a_replacement_comes_first(groups, asg):
    """Where the maintenance policy wants all in service, the unhealthy one stays until another serves."""
    policy = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150}
    name = groups.made(1, InstanceMaintenancePolicy=policy)
    (row,) = groups.instances(name)
    asg.set_instance_health(InstanceId=row["InstanceId"], HealthStatus="Unhealthy")

    def look() -> bool:
        serving = {one["InstanceId"] for one in groups.instances(name, "InService")}
        assert serving
        return row["InstanceId"] not in serving

    until(look)
    groups.settled(name, 1)


def test_detached_and_replaced(groups, asg):
    """Without a smaller desired capacity another instance takes the place."""
    name = groups.made(1)
    (row,) = groups.instances(name)
    asg.detach_instances(
        AutoScalingGroupName=name, InstanceIds=[row["InstanceId"]], ShouldDecrementDesiredCapacity=False
    )
    replaced(groups, name, row["InstanceId"])


def test_maximum_lifetime():
    """What has lived long enough is replaced, the new one first: on a clock on which a day takes five seconds."""
    cloud = pretending(RunningCloud("--log-level", "warning", "--clock-rate", "17280")).start()
    try:
        groups = Groups(cloud.client("autoscaling"), cloud.client("ec2"))
        name = groups.made(1, MaxInstanceLifetime=86400)
        (row,) = groups.instances(name)
        replaced(groups, name, row["InstanceId"])
        causes = [one["Cause"] for one in groups.activities(name)]
        assert any("was launched in response to maximum instance lifetime" in one for one in causes)
        until(lambda: any("taken out of service in response to maximum instance lifetime" in one["Cause"]
                          for one in groups.activities(name)))  # fmt: skip
    finally:
        cloud.close()
