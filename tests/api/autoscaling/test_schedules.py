"""Scheduled actions: put, told, and really run; once and by cron."""

from __future__ import annotations

import datetime

from tests.api.autoscaling.conftest import refusal
from tests.api.ec2.waiting import until


def clock(aws) -> datetime.datetime:
    """The cloud's time, which runs faster than ours."""
    asg = aws("autoscaling")
    asg.create_launch_configuration(LaunchConfigurationName="clock", ImageId="ami-1", InstanceType="t3.micro")
    (row,) = asg.describe_launch_configurations(LaunchConfigurationNames=["clock"])["LaunchConfigurations"]
    asg.delete_launch_configuration(LaunchConfigurationName="clock")
    return row["CreatedTime"]


def test_an_action_happens_once(groups, asg, aws):
    """It sets sizes at its moment, is told in the cause, and is gone."""
    name = groups.make(0)
    soon = clock(aws) + datetime.timedelta(seconds=40)
    asg.put_scheduled_update_group_action(
        AutoScalingGroupName=name, ScheduledActionName="up", StartTime=soon, MinSize=1, MaxSize=3, DesiredCapacity=2
    )
    (row,) = asg.describe_scheduled_actions(AutoScalingGroupName=name)["ScheduledUpdateGroupActions"]
    assert row["DesiredCapacity"] == 2 and "scheduledUpdateGroupAction" in row["ScheduledActionARN"]
    groups.settled(name, 2)
    shown = groups.shown(name)
    assert (shown["MinSize"], shown["MaxSize"], shown["DesiredCapacity"]) == (1, 3, 2)
    assert asg.describe_scheduled_actions(AutoScalingGroupName=name)["ScheduledUpdateGroupActions"] == []
    assert (
        "a scheduled action update of AutoScalingGroup constraints to min: 1, max: 3, desired: 2"
        in (groups.activities(name)[-1]["Cause"])
    )


def test_an_action_recurs(groups, asg):
    """Every minute, in its time zone; its start is the next moment."""
    name = groups.make(0)
    asg.put_scheduled_update_group_action(
        AutoScalingGroupName=name,
        ScheduledActionName="each",
        Recurrence="* * * * *",
        TimeZone="Asia/Seoul",
        DesiredCapacity=1,
    )
    before = asg.describe_scheduled_actions(AutoScalingGroupName=name)["ScheduledUpdateGroupActions"][0]
    until(lambda: groups.shown(name)["DesiredCapacity"] == 1)
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=0)
    until(lambda: groups.shown(name)["DesiredCapacity"] == 1)
    after = asg.describe_scheduled_actions(AutoScalingGroupName=name)["ScheduledUpdateGroupActions"][0]
    assert after["StartTime"] > before["StartTime"] and after["TimeZone"] == "Asia/Seoul"
    asg.delete_scheduled_action(AutoScalingGroupName=name, ScheduledActionName="each")


def test_a_batch(groups, asg):
    """What fails is told beside what succeeds."""
    name = groups.make(0)
    failed = asg.batch_put_scheduled_update_group_action(
        AutoScalingGroupName=name,
        ScheduledUpdateGroupActions=[
            {"ScheduledActionName": "good", "Recurrence": "0 3 1 * MON", "MinSize": 0},
            {"ScheduledActionName": "bad", "Recurrence": "0 25 * * *", "MinSize": 0},
        ],
    )["FailedScheduledUpdateGroupActions"]
    assert [(one["ScheduledActionName"], one["ErrorCode"]) for one in failed] == [("bad", "ValidationError")]
    failed = asg.batch_delete_scheduled_action(AutoScalingGroupName=name, ScheduledActionNames=["good", "bad"])
    assert [one["ScheduledActionName"] for one in failed["FailedScheduledActions"]] == ["bad"]


def test_what_schedules_refuse(groups, asg, aws):
    """The past, nonsense, and nothing to do."""
    name = groups.make(0)
    given = {"AutoScalingGroupName": name, "ScheduledActionName": "x"}
    past = clock(aws) - datetime.timedelta(hours=1)
    put = asg.put_scheduled_update_group_action
    assert refusal(put, **given, MinSize=1, StartTime=past)[1] == "Given start time is in the past"
    assert refusal(put, **given, MinSize=1, Recurrence="x")[1] == "Given recurrence string:x is invalid"
    assert refusal(put, **given, MinSize=1, Recurrence="0 0 * * *", TimeZone="Mars/Base")[0] == "ValidationError"
    assert refusal(put, **given, Recurrence="0 0 * * *")[0] == "ValidationError"
    assert refusal(put, **given, MinSize=1)[0] == "ValidationError"
    assert refusal(put, **given, MinSize=3, MaxSize=1, Recurrence="0 0 * * *")[0] == "ValidationError"
    assert refusal(asg.delete_scheduled_action, **given)[0] == "ValidationError"
