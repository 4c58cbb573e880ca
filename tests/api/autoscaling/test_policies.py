"""Scaling policies: what users execute, what alarms do by themselves, and target tracking with its own alarms."""

from __future__ import annotations

import datetime

from tests.api.autoscaling.conftest import refusal
from tests.api.ec2.waiting import image, until


def desired(groups, name) -> int:
    return int(groups.shown(name)["DesiredCapacity"])


def alarm(cloudwatch, name: str, arn: str, **options) -> None:
    asked = {
        "AlarmName": name,
        "Namespace": "own",
        "MetricName": "load",
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 50.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": [arn],
    }
    cloudwatch.put_metric_alarm(**(asked | options))


def test_simple_policies(groups, asg):
    """Each kind of adjustment, its rounding, the group's bounds, and the cooldown."""
    name = groups.make(2, MaxSize=10)
    given = {"AutoScalingGroupName": name}
    for policy, kind, by, end in (
        ("more", "ChangeInCapacity", 2, 4),
        ("tenth", "PercentChangeInCapacity", 10, 5),
        ("half", "PercentChangeInCapacity", -50, 3),
        ("exact", "ExactCapacity", 1, 1),
        ("much", "ChangeInCapacity", 100, 10),
    ):
        asg.put_scaling_policy(**given, PolicyName=policy, AdjustmentType=kind, ScalingAdjustment=by)
        asg.execute_policy(**given, PolicyName=policy)
        assert desired(groups, name) == end, policy
    code, message = refusal(asg.execute_policy, **given, PolicyName="more", HonorCooldown=True)
    assert code == "ScalingActivityInProgress" and message.endswith("is in progress and blocks this action")
    found = asg.describe_policies(**given, PolicyNames=["more", "absent"])["ScalingPolicies"]
    assert [one["PolicyType"] for one in found] == ["SimpleScaling"] and found[0]["ScalingAdjustment"] == 2
    assert refusal(asg.execute_policy, **given, PolicyName="absent")[0] == "ValidationError"
    asg.delete_policy(**given, PolicyName="more")
    assert len(asg.describe_policies(**given)["ScalingPolicies"]) == 4


def test_an_alarm_executes_a_policy(groups, asg, aws):
    """CloudWatch's own action: no user is there; its cause is told as AWS tells it."""
    cloudwatch, name = aws("cloudwatch"), groups.make(1)
    put = asg.put_scaling_policy(
        AutoScalingGroupName=name,
        PolicyName="out",
        PolicyType="StepScaling",
        AdjustmentType="ChangeInCapacity",
        StepAdjustments=[
            {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 20, "ScalingAdjustment": 1},
            {"MetricIntervalLowerBound": 20, "ScalingAdjustment": 3},
        ],
        EstimatedInstanceWarmup=6000,
    )
    groups.settled(name, 1)
    alarm(cloudwatch, "busy", put["PolicyARN"])
    cloudwatch.put_metric_data(Namespace="own", MetricData=[{"MetricName": "load", "Value": 75.0}])
    until(lambda: desired(groups, name) > 1)
    (policy,) = asg.describe_policies(AutoScalingGroupName=name)["ScalingPolicies"]
    assert [one["AlarmName"] for one in policy["Alarms"]] == ["busy"]
    until(lambda: any("a monitor alarm busy in state ALARM triggered policy out" in one["Cause"]
                      for one in groups.activities(name)))  # fmt: skip
    asg.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["AlarmNotification"])


def test_steps_by_hand(groups, asg):
    """A step policy wants to know the metric; the step that it falls in decides."""
    name = groups.make(1, MaxSize=20)
    given = {"AutoScalingGroupName": name, "PolicyName": "steps"}
    steps = [
        {"MetricIntervalUpperBound": -10, "ScalingAdjustment": 2},
        {"MetricIntervalLowerBound": -10, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 5},
        {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 9},
    ]
    asg.put_scaling_policy(**given, PolicyType="StepScaling", AdjustmentType="ExactCapacity", StepAdjustments=steps)
    for value, end in ((39, 2), (41, 5), (59, 5), (60, 9)):
        asg.execute_policy(**given, MetricValue=value, BreachThreshold=50)
        assert desired(groups, name) == end
    assert refusal(asg.execute_policy, **given)[0] == "ValidationError"
    steps[1]["MetricIntervalLowerBound"] = -5
    wrong = refusal(
        asg.put_scaling_policy, **given, PolicyType="StepScaling", AdjustmentType="ExactCapacity", StepAdjustments=steps
    )
    assert wrong == ("ValidationError", "There is a gap between the step adjustment intervals.")


def test_target_tracking(groups, asg, aws):
    """Its two alarms are made, described and deleted with it; a metric over the target scales out in proportion."""
    cloudwatch, name = aws("cloudwatch"), groups.made(1, DefaultInstanceWarmup=0)
    given = {"AutoScalingGroupName": name, "PolicyName": "tracking", "PolicyType": "TargetTrackingScaling"}
    tracked = {
        "CustomizedMetricSpecification": {"Namespace": "own", "MetricName": "queue", "Statistic": "Average"},
        "TargetValue": 10.0,
    }
    put = asg.put_scaling_policy(**given, TargetTrackingConfiguration=tracked)
    names = [one["AlarmName"] for one in put["Alarms"]]
    assert names[0].startswith(f"TargetTracking-{name}-AlarmHigh-")
    assert names[1].startswith(f"TargetTracking-{name}-AlarmLow-")
    shown = {one["AlarmName"]: one for one in cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]}
    assert shown[names[0]]["Threshold"] == 10.0 and shown[names[1]]["Threshold"] == 9.0
    now = shown[names[0]]["StateUpdatedTimestamp"]  # the cloud's clock, which is a fast one
    data = [
        {"MetricName": "queue", "Value": 25.0, "Timestamp": now + datetime.timedelta(minutes=minute)}
        for minute in range(-4, 60)
    ]
    cloudwatch.put_metric_data(Namespace="own", MetricData=data)
    until(lambda: desired(groups, name) >= 3)
    asg.put_scaling_policy(**given, TargetTrackingConfiguration={**tracked, "DisableScaleIn": True})
    assert [one["AlarmName"] for one in cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]] == names[:1]
    assert refusal(asg.execute_policy, AutoScalingGroupName=name, PolicyName="tracking")[0] == "ValidationError"
    asg.delete_policy(AutoScalingGroupName=name, PolicyName="tracking")
    assert cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"] == []


def test_what_policies_refuse(groups, asg):
    """Predictive scaling and metrics of load balancers are honestly not there."""
    name = groups.make(0)
    given = {"AutoScalingGroupName": name, "PolicyName": "p"}
    spec = {"TargetValue": 50.0, "PredefinedMetricPairSpecification": {"PredefinedMetricType": "ASGCPUUtilization"}}
    predictive = {"MetricSpecifications": [spec]}
    assert refusal(
        asg.put_scaling_policy, **given, PolicyType="PredictiveScaling", PredictiveScalingConfiguration=predictive
    )[0] == "NotImplemented"  # fmt: skip
    balanced = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"}, "TargetValue": 1}
    assert refusal(
        asg.put_scaling_policy, **given, PolicyType="TargetTrackingScaling", TargetTrackingConfiguration=balanced
    )[0] == "NotImplemented"  # fmt: skip
    assert refusal(asg.put_scaling_policy, **given, AdjustmentType="Less", ScalingAdjustment=1)[0] == "ValidationError"
    assert refusal(asg.put_scaling_policy, **given, AdjustmentType="ChangeInCapacity")[0] == "ValidationError"


def test_group_metrics(groups, asg, aws):
    """Enabled metrics reach CloudWatch every minute."""
    cloudwatch, name = aws("cloudwatch"), groups.made(2)
    asg.enable_metrics_collection(
        AutoScalingGroupName=name, Granularity="1Minute", Metrics=["GroupInServiceInstances", "GroupDesiredCapacity"]
    )
    assert {one["Metric"] for one in groups.shown(name)["EnabledMetrics"]} == {
        "GroupInServiceInstances",
        "GroupDesiredCapacity",
    }
    dimensions = [{"Name": "AutoScalingGroupName", "Value": name}]
    found = until(lambda: cloudwatch.list_metrics(Namespace="AWS/AutoScaling", Dimensions=dimensions)["Metrics"])
    assert {one["MetricName"] for one in found} <= {"GroupInServiceInstances", "GroupDesiredCapacity"}
    query = {
        "Id": "m",
        "MetricStat": {
            "Metric": {"Namespace": "AWS/AutoScaling", "MetricName": "GroupInServiceInstances",
                       "Dimensions": dimensions},
            "Period": 60,
            "Stat": "Maximum",
        },
    }  # fmt: skip
    far = datetime.timedelta(days=13)
    now = datetime.datetime.now(datetime.UTC)
    answer = until(
        lambda: cloudwatch.get_metric_data(MetricDataQueries=[query], StartTime=now - far, EndTime=now + far)[
            "MetricDataResults"
        ][0]["Values"]
    )
    assert max(answer) == 2.0
    asg.disable_metrics_collection(AutoScalingGroupName=name)
    assert groups.shown(name)["EnabledMetrics"] == []
    assert refusal(asg.enable_metrics_collection, AutoScalingGroupName=name, Granularity="5Minutes") == (
        "ValidationError",
        "Valid metrics granularity type is: [1Minute].",
    )


def test_what_instances_do_counts_for_their_group(groups, asg, aws, ec2):
    """EC2's own figures have the group as a dimension, too: what target tracking of the CPU looks at."""
    cloudwatch = aws("cloudwatch")
    asg.create_launch_configuration(LaunchConfigurationName="watched", ImageId=image(ec2), InstanceType="t3.micro")
    name = groups.made(1, LaunchConfigurationName="watched")
    wanted = [{"Name": "AutoScalingGroupName", "Value": name}]
    found = until(lambda: cloudwatch.list_metrics(Namespace="AWS/EC2", Dimensions=wanted)["Metrics"], 40)
    assert "CPUUtilization" in {one["MetricName"] for one in found}
