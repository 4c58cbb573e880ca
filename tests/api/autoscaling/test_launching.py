"""What groups launch: launch configurations, template versions, and mixes of types and markets."""

from __future__ import annotations

import base64

from tests.api.autoscaling.conftest import refusal
from tests.api.ec2.waiting import image, instance, running, until


def test_launch_configurations(groups, asg, ec2):
    """Made, described, used, refused while in use, deleted."""
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    text = "#!/bin/sh\ntrue\n"  # the SDK encodes it
    asg.create_launch_configuration(
        LaunchConfigurationName="first",
        ImageId=image(ec2),
        InstanceType="t3.micro",
        SecurityGroups=[group],
        UserData=text,
        InstanceMonitoring={"Enabled": False},
        BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "VolumeType": "gp3"}}],
    )
    (shown,) = asg.describe_launch_configurations(LaunchConfigurationNames=["first", "absent"])["LaunchConfigurations"]
    assert shown["LaunchConfigurationARN"].endswith(":launchConfigurationName/first")
    assert (
        base64.b64decode(shown["UserData"]).decode() == text
        and shown["KeyName"] == ""
        and shown["EbsOptimized"] is False
    )
    name = groups.made(1, LaunchConfigurationName="first")
    (row,) = groups.instances(name)
    assert row["LaunchConfigurationName"] == "first" and "LaunchTemplate" not in row
    made = instance(ec2, row["InstanceId"])
    assert [one["GroupId"] for one in made["SecurityGroups"]] == [group]
    assert {one["DeviceName"] for one in made["BlockDeviceMappings"]} >= {"/dev/sdf"}
    assert refusal(asg.delete_launch_configuration, LaunchConfigurationName="first") == (
        "ResourceInUse",
        f"Cannot delete launch configuration first because it is attached to AutoScalingGroup {name}",
    )
    again = {"LaunchConfigurationName": "first", "ImageId": "ami-1", "InstanceType": "t3.micro"}
    assert refusal(asg.create_launch_configuration, **again)[0] == "AlreadyExists"
    assert refusal(asg.create_launch_configuration, LaunchConfigurationName="bad", ImageId="ami-1")[0] == (
        "ValidationError"
    )
    asg.create_launch_configuration(**{**again, "LaunchConfigurationName": "second"})
    asg.update_auto_scaling_group(AutoScalingGroupName=name, LaunchConfigurationName="second")
    asg.delete_launch_configuration(LaunchConfigurationName="first")
    assert refusal(asg.delete_launch_configuration, LaunchConfigurationName="first")[0] == "ValidationError"


def test_a_group_like_an_instance(groups, asg, ec2):
    """InstanceId: a launch configuration is made of it, with the group's name."""
    model = running(ec2)
    asg.create_auto_scaling_group(
        AutoScalingGroupName="like",
        InstanceId=model["InstanceId"],
        MinSize=1,
        MaxSize=1,
        AvailabilityZones=["us-east-1a"],
    )
    (row,) = groups.settled("like", 1)
    assert row["LaunchConfigurationName"] == "like" and row["InstanceType"] == model["InstanceType"]
    (made,) = asg.describe_launch_configurations(LaunchConfigurationNames=["like"])["LaunchConfigurations"]
    assert made["ImageId"] == model["ImageId"]


def test_the_latest_version(groups, asg, ec2):
    """$Latest is resolved at each launch; instances tell the number that they were made from."""
    template = groups.template()
    name = groups.made(1, LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"})
    ec2.create_launch_template_version(
        LaunchTemplateId=template,
        SourceVersion="1",
        LaunchTemplateData={
            "InstanceType": "t3.small",
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "from", "Value": "template"}]}],
            "NetworkInterfaces": [{"DeviceIndex": 0, "AssociatePublicIpAddress": False}],
        },
    )
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=2)
    rows = {one["LaunchTemplate"]["Version"]: one for one in groups.settled(name, 2)}
    assert rows["1"]["InstanceType"] == "t3.micro" and rows["2"]["InstanceType"] == "t3.small"
    made = instance(ec2, rows["2"]["InstanceId"])
    tags = {tag["Key"]: tag["Value"] for tag in made["Tags"]}
    assert tags["from"] == "template" and tags["aws:autoscaling:groupName"] == name
    assert "PublicIpAddress" not in made
    assert groups.shown(name)["LaunchTemplate"]["Version"] == "$Latest"
    asg.update_auto_scaling_group(AutoScalingGroupName=name, TerminationPolicies=["OldestLaunchTemplate"])
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=1)
    assert groups.settled(name, 1)[0]["LaunchTemplate"]["Version"] == "2"


def test_mixed_instances(groups, ec2):
    """Weights count, the base is on demand, above it is the spot market."""
    name = groups.make(
        6,
        MaxSize=10,
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateId": groups.template()},
                "Overrides": [
                    {"InstanceType": "t3.small", "WeightedCapacity": "2"},
                    {"InstanceType": "t3.micro", "WeightedCapacity": "1"},
                ],
            },
            "InstancesDistribution": {
                "OnDemandBaseCapacity": 2,
                "OnDemandPercentageAboveBaseCapacity": 0,
                "SpotAllocationStrategy": "capacity-optimized",
            },
        },
    )
    rows = groups.settled(name, 3)
    assert {(one["InstanceType"], one["WeightedCapacity"]) for one in rows} == {("t3.small", "2")}
    markets = sorted(instance(ec2, one["InstanceId"]).get("InstanceLifecycle", "on-demand") for one in rows)
    assert markets == ["on-demand", "spot", "spot"]
    policy = groups.shown(name)["MixedInstancesPolicy"]
    assert policy["InstancesDistribution"]["OnDemandAllocationStrategy"] == "prioritized"
    assert policy["LaunchTemplate"]["LaunchTemplateSpecification"]["Version"] == "$Default"


def test_a_spot_price(groups, asg, ec2):
    """A launch configuration with a price launches Spot Instances."""
    asg.create_launch_configuration(
        LaunchConfigurationName="spot", ImageId=image(ec2), InstanceType="t3.micro", SpotPrice="0.05"
    )
    name = groups.made(1, LaunchConfigurationName="spot")
    (row,) = groups.instances(name)
    assert instance(ec2, row["InstanceId"])["InstanceLifecycle"] == "spot"


def test_launch_while_waiting(groups, asg):
    """LaunchInstances: the ids at once, in the zone asked for; the same token launches nothing more."""
    name = groups.make(0, MaxSize=2)
    asg.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["AZRebalance"])
    given = {"AutoScalingGroupName": name, "RequestedCapacity": 2, "ClientToken": "the-one"}
    assert refusal(asg.launch_instances, **given)[0] == "ValidationError"
    made = asg.launch_instances(**given, AvailabilityZones=["us-east-1b"])
    identifiers = {identifier for one in made["Instances"] for identifier in one["InstanceIds"]}
    assert len(identifiers) == 2 and made["Errors"] == []
    again = asg.launch_instances(**given, AvailabilityZones=["us-east-1b"])
    assert again["Instances"] == made["Instances"]
    rows = groups.settled(name, 2)
    assert {one["InstanceId"] for one in rows} == identifiers
    assert {one["AvailabilityZone"] for one in rows} == {"us-east-1b"} and groups.shown(name)["DesiredCapacity"] == 2
    assert refusal(asg.launch_instances, **given, AvailabilityZones=["us-east-1a"])[0] == "IdempotentParameterMismatch"
    more = {"AutoScalingGroupName": name, "RequestedCapacity": 1, "AvailabilityZones": ["us-east-1b"]}
    assert "would violate the max size (2)" in refusal(asg.launch_instances, **more, ClientToken="more")[1]


def test_capacity_reservations(groups, ec2):
    """The reserved seat first, then outside of it; never outside where only reservations are wanted."""
    made = ec2.create_capacity_reservation(
        InstanceType="t3.micro",
        InstancePlatform="Linux/UNIX",
        AvailabilityZone="us-east-1a",
        InstanceCount=1,
        InstanceMatchCriteria="targeted",
    )["CapacityReservation"]["CapacityReservationId"]
    target = {"CapacityReservationTarget": {"CapacityReservationIds": [made]}}
    first = {"CapacityReservationPreference": "capacity-reservations-first", **target}
    name = groups.made(2, AvailabilityZones=["us-east-1a"], CapacityReservationSpecification=first)
    seats = [instance(ec2, one["InstanceId"]).get("CapacityReservationId") for one in groups.instances(name)]
    assert sorted(seats, key=str) == sorted([made, None], key=str)
    only = {"CapacityReservationPreference": "capacity-reservations-only", **target}
    other = groups.make(1, AvailabilityZones=["us-east-1a"], CapacityReservationSpecification=only)
    failed = until(lambda: [one for one in groups.activities(other) if one["StatusCode"] == "Failed"])
    assert "does not have sufficient" in failed[0]["StatusMessage"] and groups.instances(other) == []


def test_types_by_requirements(groups):
    """No type is named: EC2 tells which ones fit."""
    wanted = {"VCpuCount": {"Min": 2, "Max": 2}, "MemoryMiB": {"Min": 1024, "Max": 2048}}
    policy = {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateId": groups.template(InstanceType="t3.xlarge")},
            "Overrides": [{"InstanceRequirements": {**wanted, "BurstablePerformance": "required"}}],
        }
    }
    name = groups.made(1, MixedInstancesPolicy=policy)
    (row,) = groups.instances(name)
    assert row["InstanceType"] in ("t2.micro", "t2.small", "t3.micro", "t3.small", "t3a.micro", "t3a.small")
