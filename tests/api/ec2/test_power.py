"""Start, stop, reboot, terminate: states, refusals, and guests that end by themselves."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import instance, launched, reached, running, until


def test_stop_and_start(ec2):
    """The private address and volumes stay, the public address of the subnet's is another one."""
    row = running(ec2)
    identifier = row["InstanceId"]
    (change,) = ec2.stop_instances(InstanceIds=[identifier])["StoppingInstances"]
    assert change["PreviousState"]["Name"] == "running" and change["CurrentState"] == {"Code": 64, "Name": "stopping"}
    stopped = reached(ec2, identifier, "stopped")
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert stopped["StateTransitionReason"].startswith("User initiated (20")
    assert stopped["PrivateIpAddress"] == row["PrivateIpAddress"] and "PublicIpAddress" not in stopped
    (change,) = ec2.start_instances(InstanceIds=[identifier])["StartingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("stopped", "pending")
    again = reached(ec2, identifier, "running")
    assert again["BlockDeviceMappings"][0]["Ebs"]["VolumeId"] == row["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    assert again["PublicIpAddress"]
    assert again["LaunchTime"] >= row["LaunchTime"] and again["StateTransitionReason"] == ""


def test_what_is_so_already_stays(ec2):
    """Stopping what is stopped, starting what runs and terminating what is gone are no errors."""
    identifier = running(ec2)["InstanceId"]
    (change,) = ec2.start_instances(InstanceIds=[identifier])["StartingInstances"]
    assert change["PreviousState"] == change["CurrentState"] == {"Code": 16, "Name": "running"}
    ec2.terminate_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "terminated")
    (change,) = ec2.terminate_instances(InstanceIds=[identifier])["TerminatingInstances"]
    assert change["PreviousState"] == change["CurrentState"] == {"Code": 48, "Name": "terminated"}


def test_states_that_refuse(ec2):
    """AWS's words for a terminated instance that is asked for more."""
    identifier = running(ec2)["InstanceId"]
    ec2.terminate_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "terminated")
    with pytest.raises(ClientError) as error:
        ec2.start_instances(InstanceIds=[identifier])
    assert code_of(error) == (
        "IncorrectInstanceState",
        f"The instance '{identifier}' is not in a state from which it can be started.",
    )
    with pytest.raises(ClientError) as error:
        ec2.stop_instances(InstanceIds=[identifier])
    assert code_of(error)[0] == "IncorrectInstanceState"
    with pytest.raises(ClientError) as error:
        ec2.terminate_instances(InstanceIds=[identifier, "i-0123456789abcdef0"])
    assert code_of(error)[0] == "InvalidInstanceID.NotFound"


def test_protection(ec2):
    """Termination and stop protection hold for the API, all or nothing."""
    one = running(ec2, DisableApiTermination=True, DisableApiStop=True)["InstanceId"]
    two = running(ec2)["InstanceId"]
    with pytest.raises(ClientError) as error:
        ec2.terminate_instances(InstanceIds=[two, one])
    assert code_of(error) == (
        "OperationNotPermitted",
        f"The instance '{one}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try "
        "again.",
    )
    with pytest.raises(ClientError) as error:
        ec2.stop_instances(InstanceIds=[one])
    assert code_of(error)[0] == "OperationNotPermitted"
    assert instance(ec2, two)["State"]["Name"] == "running"
    ec2.modify_instance_attribute(InstanceId=one, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=[one])
    reached(ec2, one, "terminated")


def test_guest_that_shuts_itself_down(cloud, ec2):
    """It is stopped, or terminated where that was asked for, and says why."""
    stays = running(ec2)["InstanceId"]
    goes = running(ec2, InstanceInitiatedShutdownBehavior="terminate")["InstanceId"]
    for identifier in (stays, goes):
        (cloud.data / "engines" / "machines" / f"{identifier}.poweroff").touch()
    assert reached(ec2, stays, "stopped")["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert reached(ec2, goes, "terminated")["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_reboot(cloud, ec2):
    """The guest is asked; the instance goes on running, the machine counts a boot."""
    identifier = running(ec2)["InstanceId"]
    ec2.reboot_instances(InstanceIds=[identifier])
    machines = cloud.data / "engines" / "machines" / "machines.json"
    import json

    until(lambda: json.loads(machines.read_text())[identifier]["boots"] == 2)
    assert instance(ec2, identifier)["State"]["Name"] == "running"
    ec2.stop_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "stopped")
    with pytest.raises(ClientError) as error:
        ec2.reboot_instances(InstanceIds=[identifier])
    assert code_of(error)[0] == "IncorrectState"


def test_one_time_spot_instances_cannot_be_stopped(ec2):
    """As AWS says; they can be terminated."""
    identifier = running(ec2, InstanceMarketOptions={"MarketType": "spot"})["InstanceId"]
    with pytest.raises(ClientError) as error:
        ec2.stop_instances(InstanceIds=[identifier])
    assert code_of(error)[0] == "UnsupportedOperation"
    ec2.terminate_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "terminated")


def test_terminated_while_it_is_made(ec2):
    """The launch is given up wherever it stands, and nothing of it stays."""
    (row,) = launched(ec2)
    ec2.terminate_instances(InstanceIds=[row["InstanceId"]])
    gone = reached(ec2, row["InstanceId"], "terminated")
    assert gone["NetworkInterfaces"] == [] and gone["BlockDeviceMappings"] == []
    until(lambda: ec2.describe_volumes()["Volumes"] == [])
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
