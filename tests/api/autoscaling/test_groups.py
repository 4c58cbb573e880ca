"""Groups through boto3: as many instances as desired, described as they were made, deleted with all that is theirs."""

from __future__ import annotations

from tests.api.autoscaling.conftest import refusal
from tests.api.autoscaling.waiting import Groups
from tests.api.ec2.waiting import instance, pretending, until
from tests.running import RunningCloud


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


def test_a_group_is_described_as_it_was_made(groups, asg):
    """Defaults are AWS's; an update changes what it names and nothing else."""
    name = groups.make(0, MaxSize=3)
    shown = groups.shown(name)
    assert f":autoScalingGroupName/{name}" in shown["AutoScalingGroupARN"]
    assert (shown["DefaultCooldown"], shown["HealthCheckType"], shown["HealthCheckGracePeriod"]) == (300, "EC2", 0)
    assert shown["TerminationPolicies"] == ["Default"] and shown["NewInstancesProtectedFromScaleIn"] is False
    assert shown["ServiceLinkedRoleARN"].endswith(
        ":role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    )
    assert "Version" not in shown["LaunchTemplate"] and shown["Instances"] == []
    asg.update_auto_scaling_group(
        AutoScalingGroupName=name,
        DefaultCooldown=10,
        HealthCheckGracePeriod=60,
        TerminationPolicies=["NewestInstance", "Default"],
        MaxInstanceLifetime=86400,
        InstanceMaintenancePolicy={"MinHealthyPercentage": 90, "MaxHealthyPercentage": 120},
    )
    changed = groups.shown(name)
    assert changed["MaxInstanceLifetime"] == 86400 and changed["HealthCheckGracePeriod"] == 60
    assert changed["AvailabilityZones"] == shown["AvailabilityZones"] and changed["MaxSize"] == 3
    asg.update_auto_scaling_group(
        AutoScalingGroupName=name,
        MaxInstanceLifetime=0,
        InstanceMaintenancePolicy={"MinHealthyPercentage": -1, "MaxHealthyPercentage": -1},
    )
    changed = groups.shown(name)
    assert "MaxInstanceLifetime" not in changed and "InstanceMaintenancePolicy" not in changed


def test_desired_capacity_follows_its_bounds(groups, asg):
    """A bound that leaves it behind takes it along; SetDesiredCapacity stays within."""
    name = groups.make(1, MaxSize=4)
    asg.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["Launch"])
    asg.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=3)
    assert groups.shown(name)["DesiredCapacity"] == 3
    asg.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=0, MaxSize=2)
    assert groups.shown(name)["DesiredCapacity"] == 2
    given = {"AutoScalingGroupName": name}
    assert refusal(asg.set_desired_capacity, **given, DesiredCapacity=3) == (
        "ValidationError",
        "New SetDesiredCapacity value 3 is above max value 2 for the AutoScalingGroup.",
    )
    assert refusal(asg.update_auto_scaling_group, **given, MinSize=3)[1] == (
        "Max bound, 2, must be greater than or equal to min bound, 3"
    )
    assert refusal(asg.update_auto_scaling_group, **given, DesiredCapacity=9)[1] == (
        "Desired capacity:9 must be between the specified min size:0 and max size:2"
    )
    assert refusal(asg.set_desired_capacity, AutoScalingGroupName="absent", DesiredCapacity=1) == (
        "ValidationError",
        "AutoScalingGroup name not found - AutoScalingGroup absent not found",
    )


def test_what_creation_refuses(groups, asg, ec2):
    """Each wrong request in AWS's words; what needs a load balancer is honestly not there."""
    template = {"LaunchTemplateId": groups.template()}
    given = {"AutoScalingGroupName": "wrong", "MinSize": 0, "MaxSize": 1, "AvailabilityZones": ["us-east-1a"]}
    make = asg.create_auto_scaling_group
    assert refusal(make, **given)[1].startswith("Valid requests must contain either LaunchTemplate")
    both = {"LaunchTemplate": template, "LaunchConfigurationName": "x"}
    assert refusal(make, **given, **both)[1].startswith("Valid requests must contain either LaunchTemplate")
    assert refusal(make, **given, LaunchConfigurationName="x") == (
        "ValidationError",
        "Launch configuration name not found - Launch configuration x not found",
    )
    absent = {"LaunchTemplateId": "lt-0123456789abcdef0"}
    code, message = refusal(make, **given, LaunchTemplate=absent)
    assert code == "ValidationError" and message.startswith("You must use a valid fully-formed launch template.")
    known = {**given, "LaunchTemplate": template}
    assert refusal(make, **{**known, "AvailabilityZones": []})[1] == (
        "At least one Availability Zone or VPC Subnet is required."
    )
    assert refusal(make, **{**known, "AvailabilityZones": ["us-east-1z"]})[1] == (
        "Invalid availability zones: [us-east-1z]"
    )
    assert refusal(make, **known, VPCZoneIdentifier="subnet-0123456789abcdef0")[0] == "ValidationError"
    subnet = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1b"]}])["Subnets"][0]
    assert refusal(make, **known, VPCZoneIdentifier=subnet["SubnetId"])[1] == (
        "The availability zones of the specified subnets and the Auto Scaling group do not match"
    )
    for wrong in (
        {"TerminationPolicies": ["Random"]},
        {"HealthCheckType": "X"},
        {"MaxInstanceLifetime": 60},
        {"InstanceMaintenancePolicy": {"MinHealthyPercentage": 10, "MaxHealthyPercentage": 200}},
        {"Tags": [{"Key": "aws:x", "Value": "y"}]},
    ):
        assert refusal(make, **known, **wrong)[0] == "ValidationError", wrong
    for wrong in ({"LoadBalancerNames": ["x"]}, {"TargetGroupARNs": ["arn:x"]}):
        assert refusal(make, **known, **wrong)[0] == "NotImplemented"
    make(**known)
    assert refusal(make, **known) == (
        "AlreadyExists",
        "AutoScalingGroup by this name already exists - A group with the name wrong already exists",
    )
    assert asg.describe_traffic_sources(AutoScalingGroupName="wrong")["TrafficSources"] == []


def test_subnets(groups, ec2):
    """Instances go to the group's subnets, evenly."""
    zones = ("us-east-1a", "us-east-1c")
    found = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": list(zones)}])["Subnets"]
    named = [one["SubnetId"] for one in found]
    name = groups.made(2, VPCZoneIdentifier=",".join(named))
    assert groups.shown(name)["AvailabilityZones"] == sorted(zones)
    held = {instance(ec2, one["InstanceId"])["SubnetId"] for one in groups.instances(name)}
    assert held == set(named)


def test_a_failed_launch_is_told(groups, asg):
    """A configuration that can't be launched: a failed activity in EC2's words, and no instance."""
    asg.create_launch_configuration(
        LaunchConfigurationName="bad", ImageId="ami-0123456789abcdef0", InstanceType="t3.micro"
    )
    name = groups.make(1, LaunchConfigurationName="bad")
    (activity,) = until(lambda: [one for one in groups.activities(name) if one["StatusCode"] == "Failed"][:1])
    assert activity["StatusMessage"].endswith("Launching EC2 instance failed.")
    assert activity["Description"].startswith("Launching a new EC2 instance.  Status Reason: ")
    assert groups.instances(name) == []


def test_activities_are_listed(groups, asg):
    """The newest first, by page and id; those of a deleted group only when asked for."""
    name = groups.made(1)
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=2)
    groups.settled(name, 2)
    second, first = groups.activities(name)
    assert first["Description"].startswith("Launching a new EC2 instance: i-") and first["Progress"] == 100
    assert "a user request created an AutoScalingGroup changing the desired capacity from 0 to 1." in first["Cause"]
    assert "an instance was started in response to a difference between desired and actual capacity" in first["Cause"]
    assert (
        "a user request explicitly set group desired capacity changing the desired capacity from 1 to 2."
        in (second["Cause"])
    )
    assert '"Availability Zone"' in first["Details"]
    pages = asg.get_paginator("describe_scaling_activities").paginate(
        AutoScalingGroupName=name, PaginationConfig={"PageSize": 1}
    )
    assert [page["Activities"][0]["ActivityId"] for page in pages] == [second["ActivityId"], first["ActivityId"]]
    named = asg.describe_scaling_activities(ActivityIds=[first["ActivityId"]])["Activities"]
    assert [one["ActivityId"] for one in named] == [first["ActivityId"]]
    asg.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
    groups.gone(name)
    assert refusal(asg.describe_scaling_activities, AutoScalingGroupName=name)[0] == "ValidationError"
    kept = asg.describe_scaling_activities(AutoScalingGroupName=name, IncludeDeletedGroups=True)["Activities"]
    assert len(kept) == 4 and {one["AutoScalingGroupState"] for one in kept} == {"Deleted"}


def test_tags_and_filters(groups, asg):
    """Tags are overwritten, deleted, listed and filtered by; groups are found by them."""
    name, other = groups.make(0, Tags=[{"Key": "a", "Value": "1"}]), groups.make(0)
    given = {"ResourceId": name, "ResourceType": "auto-scaling-group"}
    asg.create_or_update_tags(
        Tags=[
            {**given, "Key": "a", "Value": "2", "PropagateAtLaunch": True},
            {**given, "ResourceId": other, "Key": "b", "Value": "3", "PropagateAtLaunch": False},
        ]
    )

    def found(**wanted: str) -> list[tuple[str, str]]:
        filters = [{"Name": key.replace("_", "-"), "Values": [value]} for key, value in wanted.items()]
        return [(one["ResourceId"], one["Key"]) for one in asg.describe_tags(Filters=filters)["Tags"]]

    assert found(auto_scaling_group=name) == [(name, "a")] and found(key="b") == [(other, "b")]
    assert found(value="2") == [(name, "a")] and found(propagate_at_launch="false") == [(other, "b")]
    filters = [{"Name": "tag:a", "Values": ["2"]}]
    shown = asg.describe_auto_scaling_groups(Filters=filters)["AutoScalingGroups"]
    assert [one["AutoScalingGroupName"] for one in shown] == [name]
    filters = [{"Name": "tag-key", "Values": ["b"]}, {"Name": "tag-value", "Values": ["3"]}]
    shown = asg.describe_auto_scaling_groups(Filters=filters)["AutoScalingGroups"]
    assert [one["AutoScalingGroupName"] for one in shown] == [other]
    asg.delete_tags(Tags=[{**given, "Key": "a"}])
    assert groups.shown(name)["Tags"] == []
    assert refusal(asg.create_or_update_tags, Tags=[{**given, "ResourceId": "absent", "Key": "a"}]) == (
        "ValidationError",
        "AutoScalingGroup not found - AutoScaling Group absent not found",
    )
    assert refusal(asg.describe_tags, Filters=[{"Name": "x", "Values": ["y"]}])[0] == "ValidationError"


def test_groups_by_page(groups, asg):
    """Fifty at a time unless asked otherwise; a token that isn't one is refused."""
    names = sorted(groups.make(0) for _ in range(3))
    pages = asg.get_paginator("describe_auto_scaling_groups").paginate(PaginationConfig={"PageSize": 2})
    found = [[one["AutoScalingGroupName"] for one in page["AutoScalingGroups"]] for page in pages]
    assert [len(one) for one in found] == [2, 1] and sorted(one for page in found for one in page) == names
    assert refusal(asg.describe_auto_scaling_groups, NextToken="x")[0] == "InvalidNextToken"
    limits = asg.describe_account_limits()
    assert (limits["MaxNumberOfAutoScalingGroups"], limits["NumberOfAutoScalingGroups"]) == (500, 3)
    assert len(asg.describe_adjustment_types()["AdjustmentTypes"]) == 3
    assert "Default" in asg.describe_termination_policy_types()["TerminationPolicyTypes"]


def test_cooldown(groups, asg):
    """Honoured only when asked for; without one there is nothing to wait for but what is under way."""
    name = groups.made(1, DefaultCooldown=86400)
    given = {"AutoScalingGroupName": name, "DesiredCapacity": 2}
    code, message = refusal(asg.set_desired_capacity, **given, HonorCooldown=True)
    assert code == "ScalingActivityInProgress" and message.startswith("Scaling activity ")
    asg.set_desired_capacity(**given)
    groups.settled(name, 2)
    other = groups.made(1, DefaultCooldown=0)
    asg.set_desired_capacity(AutoScalingGroupName=other, DesiredCapacity=2, HonorCooldown=True)
    groups.settled(other, 2)


def test_deletion_protection(groups, asg):
    """A protected group stays until it isn't protected any more."""
    name = groups.make(0, DeletionProtection="prevent-all-deletion")
    assert refusal(asg.delete_auto_scaling_group, AutoScalingGroupName=name)[0] == "ValidationError"
    asg.update_auto_scaling_group(AutoScalingGroupName=name, DeletionProtection="none")
    asg.delete_auto_scaling_group(AutoScalingGroupName=name)
    groups.gone(name)


def test_deleted_groups_are_forgotten():
    """Six weeks after its end a group's activities are gone: on a clock on which that is two seconds."""
    cloud = pretending(RunningCloud("--log-level", "warning", "--clock-rate", "2000000")).start()
    try:
        asg = cloud.client("autoscaling")
        groups = Groups(asg, cloud.client("ec2"))
        name = groups.make(1)
        told = {"AutoScalingGroupName": name, "IncludeDeletedGroups": True}
        until(lambda: asg.describe_scaling_activities(**told)["Activities"])
        asg.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
        groups.gone(name)
        until(lambda: not asg.describe_scaling_activities(**told)["Activities"])
    finally:
        cloud.close()
