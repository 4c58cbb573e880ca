"""Instance refreshes: all instances are replaced, some at a time; cancelled, rolled back, resting at checkpoints."""

from __future__ import annotations

from tests.api.autoscaling.conftest import refusal
from tests.api.ec2.waiting import until


def shown(asg, name: str) -> dict:
    return asg.describe_instance_refreshes(AutoScalingGroupName=name)["InstanceRefreshes"][0]


def ended(asg, name: str, status: str) -> dict:
    return until(lambda: (found := shown(asg, name))["Status"] == status and found, 40)


def identifiers(groups, name: str) -> set[str]:
    return {one["InstanceId"] for one in groups.instances(name)}


def second_version(ec2, template: str) -> dict:
    """A new version of a template: another type."""
    ec2.create_launch_template_version(
        LaunchTemplateId=template, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.small"}
    )
    return {"LaunchTemplateId": template, "Version": "2"}


def test_all_instances_are_replaced(groups, asg, ec2):
    """With a new configuration, which is the group's afterwards; half of them serve all the while."""
    template = groups.template()
    name = groups.made(4, LaunchTemplate={"LaunchTemplateId": template, "Version": "1"})
    before = identifiers(groups, name)
    started = asg.start_instance_refresh(
        AutoScalingGroupName=name,
        DesiredConfiguration={"LaunchTemplate": second_version(ec2, template)},
        Preferences={"MinHealthyPercentage": 50, "InstanceWarmup": 0},
    )["InstanceRefreshId"]
    again = refusal(asg.start_instance_refresh, AutoScalingGroupName=name)
    assert again == (
        "InstanceRefreshInProgress",
        "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
    )
    found = ended(asg, name, "Successful")
    assert found["InstanceRefreshId"] == started and found["PercentageComplete"] == 100
    rows = groups.settled(name, 4)
    assert not before & identifiers(groups, name) and {one["InstanceType"] for one in rows} == {"t3.small"}
    assert groups.shown(name)["LaunchTemplate"]["Version"] == "2"
    assert any("in response to an instance refresh" in one["Cause"] for one in groups.activities(name))
    asg.start_instance_refresh(
        AutoScalingGroupName=name,
        DesiredConfiguration={"LaunchTemplate": {"LaunchTemplateId": template, "Version": "2"}},
        Preferences={"SkipMatching": True},
    )
    ended(asg, name, "Successful")
    assert {one["InstanceId"] for one in rows} == identifiers(groups, name)


def test_nobody_is_missed(groups, asg):
    """With all to stay healthy, each replacement comes before the one that it replaces goes."""
    name = groups.made(2)
    before = identifiers(groups, name)
    preferences = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150, "InstanceWarmup": 0}
    asg.start_instance_refresh(AutoScalingGroupName=name, Preferences=preferences)

    def look() -> bool:
        assert len(groups.instances(name, "InService")) >= 2
        return shown(asg, name)["Status"] == "Successful"

    until(look, 40)
    assert not before & {one["InstanceId"] for one in groups.settled(name, 2)}


def test_a_checkpoint_and_a_rollback(groups, asg, ec2):
    """It rests after half; rolled back, what was replaced is as it was."""
    template = groups.template()
    name = groups.made(2, LaunchTemplate={"LaunchTemplateId": template, "Version": "1"})
    asg.start_instance_refresh(
        AutoScalingGroupName=name,
        DesiredConfiguration={"LaunchTemplate": second_version(ec2, template)},
        Preferences={
            "MinHealthyPercentage": 50,
            "InstanceWarmup": 0,
            "CheckpointPercentages": [50, 100],
            "CheckpointDelay": 172800,
        },
    )
    until(lambda: shown(asg, name)["PercentageComplete"] == 50, 40)
    assert sorted(one["InstanceType"] for one in groups.settled(name, 2)) == ["t3.micro", "t3.small"]
    asg.rollback_instance_refresh(AutoScalingGroupName=name)
    found = ended(asg, name, "RollbackSuccessful")
    assert found["RollbackDetails"]["PercentageCompleteOnRollback"] == 50
    assert {one["InstanceType"] for one in groups.settled(name, 2)} == {"t3.micro"}
    assert groups.shown(name)["LaunchTemplate"]["Version"] == "1"


def test_cancelled(groups, asg):
    """What waits for a protected instance ends when it is cancelled."""
    name = groups.made(1, NewInstancesProtectedFromScaleIn=True)
    before = identifiers(groups, name)
    assert refusal(asg.cancel_instance_refresh, AutoScalingGroupName=name) == (
        "ActiveInstanceRefreshNotFound",
        f"No in progress or pending Instance Refresh found for Auto Scaling group {name}",
    )
    asg.start_instance_refresh(AutoScalingGroupName=name)
    until(lambda: shown(asg, name)["Status"] == "InProgress")
    assert refusal(asg.rollback_instance_refresh, AutoScalingGroupName=name)[0] == "IrreversibleInstanceRefresh"
    asg.cancel_instance_refresh(AutoScalingGroupName=name)
    ended(asg, name, "Cancelled")
    assert identifiers(groups, name) == before
    wrong = {"Preferences": {"CheckpointDelay": 5}}
    assert refusal(asg.start_instance_refresh, AutoScalingGroupName=name, **wrong)[0] == "ValidationError"
    assert refusal(asg.start_instance_refresh, AutoScalingGroupName=name, Strategy="ReplaceRootVolume")[0] == (
        "NotImplemented"
    )


def test_an_alarm_turns_it_back(groups, asg, ec2, aws):
    """A refresh that watches an alarm fails when it goes off; asked to, it rolls back by itself."""
    cloudwatch, template = aws("cloudwatch"), groups.template()
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        Namespace="own",
        MetricName="errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    name = groups.made(2, LaunchTemplate={"LaunchTemplateId": template, "Version": "1"})
    asg.start_instance_refresh(
        AutoScalingGroupName=name,
        DesiredConfiguration={"LaunchTemplate": second_version(ec2, template)},
        Preferences={
            "MinHealthyPercentage": 50,
            "InstanceWarmup": 0,
            "CheckpointPercentages": [50, 100],
            "CheckpointDelay": 172800,
            "AutoRollback": True,
            "AlarmSpecification": {"Alarms": ["errors"]},
        },
    )
    until(lambda: shown(asg, name)["PercentageComplete"] == 50, 40)
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    found = ended(asg, name, "RollbackSuccessful")
    assert "The CloudWatch alarm errors" in found["RollbackDetails"]["RollbackReason"]
    assert {one["InstanceType"] for one in groups.settled(name, 2)} == {"t3.micro"}


def test_protected_and_standing_by(groups, asg):
    """Passed over, or replaced all the same; and it bakes before it is done."""
    name = groups.made(2, NewInstancesProtectedFromScaleIn=True)
    before = identifiers(groups, name)
    passed = {"ScaleInProtectedInstances": "Ignore", "InstanceWarmup": 0}
    asg.start_instance_refresh(AutoScalingGroupName=name, Preferences=passed)
    ended(asg, name, "Successful")
    assert identifiers(groups, name) == before
    standing = sorted(before)[0]
    asg.enter_standby(AutoScalingGroupName=name, InstanceIds=[standing], ShouldDecrementDesiredCapacity=True)
    until(lambda: groups.instances(name, "Standby"))
    all_of_them = {
        "ScaleInProtectedInstances": "Refresh",
        "StandbyInstances": "Terminate",
        "MinHealthyPercentage": 0,
        "InstanceWarmup": 0,
        "BakeTime": 20,
    }
    asg.start_instance_refresh(AutoScalingGroupName=name, Preferences=all_of_them)
    ended(asg, name, "Successful")
    assert not before & identifiers(groups, name)
    groups.settled(name, 1)
