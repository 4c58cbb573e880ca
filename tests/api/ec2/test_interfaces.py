"""Network interfaces: addresses chosen and given, groups, attributes, secondary addresses."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import running, until


@pytest.fixture
def subnet(ec2) -> str:
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    return str(ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/28")["Subnet"]["SubnetId"])


def make(ec2, subnet: str, **options) -> dict:
    return dict(ec2.create_network_interface(SubnetId=subnet, **options)["NetworkInterface"])


def test_interface_lives_and_dies(ec2, subnet):
    """The first free address, the VPC's default group, a private name."""
    made = make(ec2, subnet, Description="first")
    assert (made["PrivateIpAddress"], made["Status"], made["SourceDestCheck"]) == ("10.0.1.4", "available", True)
    assert made["PrivateDnsName"] == "ip-10-0-1-4.ec2.internal"
    assert [group["GroupName"] for group in made["Groups"]] == ["default"]
    (shown,) = ec2.describe_network_interfaces(Filters=[{"Name": "description", "Values": ["fir*"]}])[
        "NetworkInterfaces"
    ]
    assert shown["NetworkInterfaceId"] == made["NetworkInterfaceId"]
    ec2.delete_network_interface(NetworkInterfaceId=made["NetworkInterfaceId"])
    with pytest.raises(ClientError) as error:
        ec2.describe_network_interfaces(NetworkInterfaceIds=[made["NetworkInterfaceId"]])
    assert code_of(error) == (
        "InvalidNetworkInterfaceID.NotFound",
        f"The networkInterface ID '{made['NetworkInterfaceId']}' does not exist",
    )


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("10.0.1.5", "InvalidIPAddress.InUse"),
        ("10.0.1.2", "InvalidParameterValue"),
        ("10.0.1.15", "InvalidParameterValue"),
        ("10.0.2.5", "InvalidParameterValue"),
        ("10.0.1.500", "InvalidParameterValue"),
    ],
)
def test_addresses_that_are_refused(ec2, subnet, address, code):
    """In use, AWS's own, outside the subnet, no address."""
    make(ec2, subnet, PrivateIpAddress="10.0.1.5")
    with pytest.raises(ClientError) as error:
        make(ec2, subnet, PrivateIpAddress=address)
    assert code_of(error)[0] == code


def test_full_subnet(ec2, subnet):
    """A /28 holds eleven; the twelfth is refused, and nothing of it stays behind."""
    make(ec2, subnet, SecondaryPrivateIpAddressCount=9)
    with pytest.raises(ClientError) as error:
        make(ec2, subnet, SecondaryPrivateIpAddressCount=1)
    assert code_of(error)[0] == "InsufficientFreeAddressesInSubnet"
    assert ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"] == 1


def test_secondary_addresses(ec2, subnet):
    """Chosen or counted; the primary one can't be taken away."""
    first = make(ec2, subnet)["NetworkInterfaceId"]
    ec2.assign_private_ip_addresses(NetworkInterfaceId=first, PrivateIpAddresses=["10.0.1.9"])
    given = ec2.assign_private_ip_addresses(NetworkInterfaceId=first, SecondaryPrivateIpAddressCount=1)
    assert given["AssignedPrivateIpAddresses"] == [{"PrivateIpAddress": "10.0.1.5"}]
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=first, PrivateIpAddresses=["10.0.1.9"])
    (shown,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[first])["NetworkInterfaces"]
    assert [(one["PrivateIpAddress"], one["Primary"]) for one in shown["PrivateIpAddresses"]] == [
        ("10.0.1.4", True),
        ("10.0.1.5", False),
    ]
    with pytest.raises(ClientError) as error:
        ec2.unassign_private_ip_addresses(NetworkInterfaceId=first, PrivateIpAddresses=["10.0.1.4"])
    assert code_of(error)[0] == "InvalidParameterValue"
    second = make(ec2, subnet)["NetworkInterfaceId"]
    with pytest.raises(ClientError) as error:
        ec2.assign_private_ip_addresses(NetworkInterfaceId=second, PrivateIpAddresses=["10.0.1.5"])
    assert code_of(error)[0] == "InvalidIPAddress.InUse"
    ec2.assign_private_ip_addresses(NetworkInterfaceId=second, PrivateIpAddresses=["10.0.1.5"], AllowReassignment=True)


def test_attributes(ec2, subnet):
    """One attribute a call to read, any to change; reset puts the check back."""
    made = make(ec2, subnet)["NetworkInterfaceId"]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=made, SourceDestCheck={"Value": False})
    ec2.modify_network_interface_attribute(NetworkInterfaceId=made, Description={"Value": "router"})

    def read(name: str) -> dict:
        return dict(ec2.describe_network_interface_attribute(NetworkInterfaceId=made, Attribute=name))

    assert read("sourceDestCheck")["SourceDestCheck"] == {"Value": False}
    assert read("description")["Description"] == {"Value": "router"}
    ec2.reset_network_interface_attribute(NetworkInterfaceId=made, SourceDestCheck="true")
    assert read("sourceDestCheck")["SourceDestCheck"] == {"Value": True}
    with pytest.raises(ClientError) as error:
        ec2.modify_network_interface_attribute(NetworkInterfaceId=made, Groups=["sg-0123456789abcdef0"])
    assert code_of(error)[0] == "InvalidGroup.NotFound"


def test_same_token_makes_one_interface(ec2, subnet):
    """A retry gets the first answer's interface."""
    made = {make(ec2, subnet, ClientToken="once")["NetworkInterfaceId"] for _ in range(2)}
    assert len(made) == 1


def test_running_instances_take_interfaces_and_give_them_back(ec2):
    """Attached for the guest, not in the tables alone: `attached` and `available` are said when its machine did it."""
    instance = running(ec2)
    (first,) = instance["NetworkInterfaces"]
    made = ec2.create_network_interface(SubnetId=instance["SubnetId"])["NetworkInterface"]["NetworkInterfaceId"]
    asked = {"NetworkInterfaceId": made, "InstanceId": instance["InstanceId"], "DeviceIndex": 1}
    attachment = ec2.attach_network_interface(**asked)["AttachmentId"]

    def row():
        return ec2.describe_network_interfaces(NetworkInterfaceIds=[made])["NetworkInterfaces"][0]

    until(lambda: row()["Attachment"]["Status"] == "attached")
    assert row()["Status"] == "in-use"
    other = ec2.create_network_interface(SubnetId=instance["SubnetId"])["NetworkInterface"]["NetworkInterfaceId"]
    with pytest.raises(ClientError) as error:
        ec2.attach_network_interface(**asked | {"NetworkInterfaceId": other})
    assert code_of(error)[0] == "InvalidParameterValue"
    with pytest.raises(ClientError) as error:
        ec2.attach_network_interface(**asked | {"NetworkInterfaceId": other, "DeviceIndex": 2})
    assert code_of(error)[0] == "AttachmentLimitExceeded"
    with pytest.raises(ClientError) as error:
        ec2.detach_network_interface(AttachmentId=first["Attachment"]["AttachmentId"])
    assert code_of(error)[0] == "OperationNotPermitted"
    ec2.detach_network_interface(AttachmentId=attachment)
    until(lambda: row()["Status"] == "available")
    assert "Attachment" not in row()
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
