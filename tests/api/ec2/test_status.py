"""Status checks, consoles, passwords: what the engines know, and honest words for what nobody knows."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import reached, running, until


def test_status_becomes_ok(ec2):
    """The waiter `instance_status_ok` looks at exactly this."""
    identifier = running(ec2)["InstanceId"]
    status = until(
        lambda: [
            one
            for one in ec2.describe_instance_status(InstanceIds=[identifier])["InstanceStatuses"]
            if one["InstanceStatus"]["Status"] == "ok"
        ]
    )[0]
    assert status["SystemStatus"] == {"Status": "ok", "Details": [{"Name": "reachability", "Status": "passed"}]}
    asked = [{"Name": "instance-status.status", "Values": ["ok"]}]
    assert len(ec2.describe_instance_status(Filters=asked)["InstanceStatuses"]) == 1


def test_only_running_ones_unless_asked(ec2):
    """IncludeAllInstances shows the others, to which no check applies."""
    identifier = running(ec2)["InstanceId"]
    ec2.stop_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "stopped")
    assert ec2.describe_instance_status()["InstanceStatuses"] == []
    (shown,) = ec2.describe_instance_status(IncludeAllInstances=True)["InstanceStatuses"]
    assert shown["InstanceState"]["Name"] == "stopped"
    assert shown["InstanceStatus"]["Status"] == shown["SystemStatus"]["Status"] == "not-applicable"


def test_console_and_password(ec2):
    """The serial console's text; no screen; no password of a Linux guest."""
    identifier = running(ec2)["InstanceId"]
    assert f"machine {identifier}" in ec2.get_console_output(InstanceId=identifier)["Output"]
    assert ec2.get_password_data(InstanceId=identifier)["PasswordData"] == ""
    with pytest.raises(ClientError) as error:
        ec2.get_console_screenshot(InstanceId=identifier)
    assert code_of(error)[0] == "UnsupportedOperation"


def test_monitoring_is_switched(ec2):
    """pending at first, as AWS says, and enabled when looked at again."""
    identifier = running(ec2)["InstanceId"]
    (one,) = ec2.monitor_instances(InstanceIds=[identifier])["InstanceMonitorings"]
    assert one["Monitoring"]["State"] == "pending"
    found = ec2.describe_instances(Filters=[{"Name": "monitoring-state", "Values": ["enabled"]}])
    assert len(found["Reservations"]) == 1
    (one,) = ec2.unmonitor_instances(InstanceIds=[identifier])["InstanceMonitorings"]
    assert one["Monitoring"]["State"] == "disabling"
