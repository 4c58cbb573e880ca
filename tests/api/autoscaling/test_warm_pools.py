"""Warm pools: instances wait stopped (or running), and are the first to come when more are wanted."""

from __future__ import annotations

from tests.api.autoscaling.conftest import refusal
from tests.api.ec2.waiting import instance, until


def pool(asg, name: str) -> list[dict]:
    return asg.describe_warm_pool(AutoScalingGroupName=name)["Instances"]


def warmed(asg, name: str, size: int, state: str) -> list[dict]:
    return until(
        lambda: len(rows := pool(asg, name)) == size and all(one["LifecycleState"] == state for one in rows) and [rows],
        40,
    )[0]


def test_a_stopped_pool(groups, asg, ec2):
    """As many as the group could still grow by; out of it comes what scales out, and the pool is filled again."""
    name = groups.made(1, MaxSize=3)
    asg.put_warm_pool(AutoScalingGroupName=name)
    rows = warmed(asg, name, 2, "Warmed:Stopped")
    assert {instance(ec2, one["InstanceId"])["State"]["Name"] for one in rows} == {"stopped"}
    shown = groups.shown(name)
    assert shown["WarmPoolSize"] == 2 and shown["WarmPoolConfiguration"]["PoolState"] == "Stopped"
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=2)
    serving = {one["InstanceId"] for one in groups.settled(name, 2)}
    assert serving & {one["InstanceId"] for one in rows}
    warmed(asg, name, 1, "Warmed:Stopped")
    assert any("from warm pool" in one["Description"] for one in groups.activities(name))
    assert refusal(asg.delete_warm_pool, AutoScalingGroupName=name)[0] == "ResourceInUse"
    asg.delete_warm_pool(AutoScalingGroupName=name, ForceDelete=True)
    until(lambda: "WarmPoolConfiguration" not in groups.shown(name))
    assert refusal(asg.delete_warm_pool, AutoScalingGroupName=name)[0] == "ValidationError"


def test_instances_return(groups, asg):
    """A running pool whose instances are used again on scale-in."""
    name = groups.make(0, MaxSize=1)
    asg.put_warm_pool(
        AutoScalingGroupName=name, PoolState="Running", MinSize=1, InstanceReusePolicy={"ReuseOnScaleIn": True}
    )
    (row,) = warmed(asg, name, 1, "Warmed:Running")
    asg.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["Launch"])
    asg.resume_processes(AutoScalingGroupName=name, ScalingProcesses=["Launch"])
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=1)
    assert [one["InstanceId"] for one in groups.settled(name, 1)] == [row["InstanceId"]]
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=0)
    until(lambda: row["InstanceId"] in {one["InstanceId"] for one in pool(asg, name)}, 40)
    assert refusal(asg.put_warm_pool, AutoScalingGroupName=name, PoolState="Hibernated")[0] == "NotImplemented"
