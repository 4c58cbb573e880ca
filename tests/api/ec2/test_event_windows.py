"""Event windows: when scheduled events may happen, and to what; and where instances stand in the network."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import launched, running

NIGHTS = {"StartWeekDay": "monday", "StartHour": 22, "EndWeekDay": "tuesday", "EndHour": 4}


def window(ec2, **options) -> str:
    asked = {"Name": "nights", "TimeRanges": [NIGHTS]} | options
    asked = {name: value for name, value in asked.items() if value is not None}
    return str(ec2.create_instance_event_window(**asked)["InstanceEventWindow"]["InstanceEventWindowId"])


def told(ec2, identifier: str) -> dict:
    (found,) = ec2.describe_instance_event_windows(InstanceEventWindowIds=[identifier])["InstanceEventWindows"]
    return dict(found)


def test_the_life_of_a_window(ec2):
    """Made by ranges, changed to a cron expression, deleted."""
    identifier = window(
        ec2, TagSpecifications=[{"ResourceType": "instance-event-window", "Tags": [{"Key": "a", "Value": "b"}]}]
    )
    assert identifier.startswith("iew-")
    found = told(ec2, identifier)
    assert (found["State"], found["TimeRanges"], found["Name"]) == ("active", [NIGHTS], "nights")
    assert found["Tags"] == [{"Key": "a", "Value": "b"}]
    ec2.modify_instance_event_window(
        InstanceEventWindowId=identifier, Name="other", CronExpression="* 0-4,20-23 * * 1,5"
    )
    found = told(ec2, identifier)
    assert (found["Name"], found["CronExpression"]) == ("other", "* 0-4,20-23 * * 1,5")
    assert "TimeRanges" not in found
    gone = ec2.delete_instance_event_window(InstanceEventWindowId=identifier)["InstanceEventWindowState"]
    assert gone == {"InstanceEventWindowId": identifier, "State": "deleting"}
    with pytest.raises(ClientError) as error:
        told(ec2, identifier)
    assert code_of(error)[0] == "InvalidInstanceEventWindowId.NotFound"


def test_times_that_are_no_window(ec2):
    """Two hours each, four in all; hours and days only."""
    short = {**NIGHTS, "EndWeekDay": "monday", "EndHour": 23}
    for wrong in (
        {"TimeRanges": [short]},
        {"TimeRanges": [{**NIGHTS, "EndWeekDay": "tuesday", "EndHour": 1}]},
        {"TimeRanges": None, "CronExpression": "5 0-4 * * 1"},
        {"TimeRanges": None, "CronExpression": "* 0-2 * * 1"},
        {"TimeRanges": None, "CronExpression": "* 0-4 1 * 1"},
        {"TimeRanges": None},
    ):
        with pytest.raises(ClientError) as error:
            window(ec2, **wrong)
        assert code_of(error)[0] == "InvalidParameterValue", wrong
    with pytest.raises(ClientError) as error:
        window(ec2, CronExpression="* 0-4 * * 1")
    assert code_of(error)[0] == "InvalidParameterCombination"


def test_targets(ec2):
    """Instances or tags, not both; windows are found by them; one with targets is deleted by force alone."""
    (row,) = launched(ec2)
    identifier = window(ec2)
    linked = ec2.associate_instance_event_window(
        InstanceEventWindowId=identifier, AssociationTarget={"InstanceIds": [row["InstanceId"]]}
    )["InstanceEventWindow"]
    assert linked["AssociationTarget"]["InstanceIds"] == [row["InstanceId"]]
    with pytest.raises(ClientError) as error:
        ec2.associate_instance_event_window(
            InstanceEventWindowId=identifier, AssociationTarget={"InstanceTags": [{"Key": "Team", "Value": "a"}]}
        )
    assert code_of(error)[0] == "InvalidParameterCombination"
    with pytest.raises(ClientError) as error:
        ec2.associate_instance_event_window(
            InstanceEventWindowId=identifier, AssociationTarget={"InstanceIds": ["i-0123456789abcdef0"]}
        )
    assert code_of(error)[0] == "InvalidInstanceID.NotFound"
    tagged = window(ec2, Name="tagged")
    ec2.associate_instance_event_window(
        InstanceEventWindowId=tagged, AssociationTarget={"InstanceTags": [{"Key": "Team", "Value": "a"}]}
    )
    for name, value, found in (
        ("instance-id", row["InstanceId"], identifier),
        ("instance-tag", "Team=a", tagged),
        ("instance-tag-key", "Team", tagged),
        ("instance-tag-value", "a", tagged),
        ("event-window-name", "night*", identifier),
    ):
        windows = ec2.describe_instance_event_windows(Filters=[{"Name": name, "Values": [value]}])
        assert [one["InstanceEventWindowId"] for one in windows["InstanceEventWindows"]] == [found], name
    with pytest.raises(ClientError):
        ec2.delete_instance_event_window(InstanceEventWindowId=identifier)
    ec2.delete_instance_event_window(InstanceEventWindowId=identifier, ForceDelete=True)
    ec2.disassociate_instance_event_window(
        InstanceEventWindowId=tagged, AssociationTarget={"InstanceTags": [{"Key": "Team", "Value": "a"}]}
    )
    ec2.delete_instance_event_window(InstanceEventWindowId=tagged)


def test_topology(ec2):
    """Types that AWS tells the topology of, at the same nodes within a zone."""
    near = [running(ec2, InstanceType="g6.xlarge")["InstanceId"] for _ in range(2)]
    running(ec2, InstanceType="t3.micro")
    found = ec2.describe_instance_topology()["Instances"]
    assert {one["InstanceId"] for one in found} == set(near)
    assert len({tuple(one["NetworkNodes"]) for one in found}) == len({one["AvailabilityZone"] for one in found})
    assert all(len(one["NetworkNodes"]) == 3 for one in found)
    only = ec2.describe_instance_topology(Filters=[{"Name": "instance-type", "Values": ["p4d*"]}])["Instances"]
    assert only == []
    assert len(ec2.describe_instance_topology(InstanceIds=near[:1])["Instances"]) == 1
