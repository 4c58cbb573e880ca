"""Dedicated Hosts: what an account reserves, and which instances stand on it."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from haneul.metering import instances as prices
from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import image, instance, launched, reached, running

ZONE = "us-east-1a"


def allocated(ec2, **options) -> str:
    asked = {"AvailabilityZone": ZONE, "InstanceType": "m5.large", "Quantity": 1} | options
    (identifier,) = ec2.allocate_hosts(**asked)["HostIds"]
    return str(identifier)


def host(ec2, identifier: str) -> dict:
    (found,) = ec2.describe_hosts(HostIds=[identifier])["Hosts"]
    return dict(found)


def placed(ec2, **placement) -> dict:
    return launched(ec2, InstanceType="m5.large", Placement={"AvailabilityZone": ZONE, **placement})[0]


def test_a_host_and_what_it_holds(ec2):
    """As many vCPUs as its family's largest type; a launch takes room, its end gives it back."""
    identifier = allocated(
        ec2, TagSpecifications=[{"ResourceType": "dedicated-host", "Tags": [{"Key": "a", "Value": "b"}]}]
    )
    empty = host(ec2, identifier)
    assert empty["State"] == "available" and empty["AutoPlacement"] == "off"
    assert empty["HostProperties"]["TotalVCpus"] == 96 and empty["HostProperties"]["InstanceType"] == "m5.large"
    assert empty["AvailableCapacity"]["AvailableInstanceCapacity"] == [
        {"InstanceType": "m5.large", "AvailableCapacity": 48, "TotalCapacity": 48}
    ]
    assert empty["Tags"] == [{"Key": "a", "Value": "b"}]
    row = placed(ec2, Tenancy="host", HostId=identifier)
    told = instance(ec2, row["InstanceId"])["Placement"]
    assert (told["Tenancy"], told["HostId"]) == ("host", identifier)
    full = host(ec2, identifier)
    assert [one["InstanceId"] for one in full["Instances"]] == [row["InstanceId"]]
    assert full["AvailableCapacity"]["AvailableVCpus"] == 94
    refused = ec2.release_hosts(HostIds=[identifier])
    assert refused["Successful"] == [] and refused["Unsuccessful"][0]["ResourceId"] == identifier
    assert refused["Unsuccessful"][0]["Error"]["Code"] == "Client.InvalidHost.Occupied"
    ec2.terminate_instances(InstanceIds=[row["InstanceId"]])
    reached(ec2, row["InstanceId"], "terminated")
    assert ec2.release_hosts(HostIds=[identifier])["Successful"] == [identifier]
    assert host(ec2, identifier)["State"] == "released"


def test_auto_placement(ec2):
    """Without a named host, instances go where placement is automatic and the type fits; else nowhere."""
    with pytest.raises(ClientError) as error:
        placed(ec2, Tenancy="host")
    assert code_of(error)[0] == "InsufficientHostCapacity"
    identifier = allocated(ec2)
    with pytest.raises(ClientError):
        placed(ec2, Tenancy="host")
    assert ec2.modify_hosts(HostIds=[identifier], AutoPlacement="on")["Successful"] == [identifier]
    assert placed(ec2, Tenancy="host")["Placement"]["HostId"] == identifier
    with pytest.raises(ClientError) as error:
        launched(ec2, InstanceType="c5.large", Placement={"AvailabilityZone": ZONE, "Tenancy": "host"})
    assert code_of(error)[0] == "InsufficientHostCapacity"


def test_a_family_host_takes_every_size(ec2):
    """Sizes share the host; more than there is room for don't get in."""
    (identifier,) = ec2.allocate_hosts(
        AvailabilityZone=ZONE, InstanceFamily="c5", Quantity=1, AutoPlacement="on", ClientToken="once"
    )["HostIds"]
    assert ec2.allocate_hosts(
        AvailabilityZone=ZONE, InstanceFamily="c5", Quantity=1, AutoPlacement="on", ClientToken="once"
    )["HostIds"] == [identifier]
    assert host(ec2, identifier)["AllowsMultipleInstanceTypes"] == "on"
    asked = {"Placement": {"AvailabilityZone": ZONE, "Tenancy": "host"}, "ImageId": image(ec2)}
    big = ec2.run_instances(InstanceType="c5.12xlarge", MinCount=1, MaxCount=3, **asked)["Instances"]
    assert len(big) == 2
    with pytest.raises(ClientError) as error:
        ec2.run_instances(InstanceType="c5.large", MinCount=1, MaxCount=1, **asked)
    assert code_of(error)[0] == "InsufficientHostCapacity"
    capacity = host(ec2, identifier)["AvailableCapacity"]["AvailableInstanceCapacity"]
    assert all(one["AvailableCapacity"] == 0 for one in capacity)


def test_affinity(ec2):
    """A stopped instance with affinity keeps its room on the host, one without gives it up."""
    identifier = allocated(ec2, AutoPlacement="on")
    bound = running(
        ec2,
        InstanceType="m5.large",
        Placement={"AvailabilityZone": ZONE, "Tenancy": "host", "HostId": identifier, "Affinity": "host"},
    )["InstanceId"]
    free = running(ec2, InstanceType="m5.large", Placement={"AvailabilityZone": ZONE, "Tenancy": "host"})["InstanceId"]
    ec2.stop_instances(InstanceIds=[bound, free])
    for one in (bound, free):
        reached(ec2, one, "stopped")
    assert [one["InstanceId"] for one in host(ec2, identifier)["Instances"]] == [bound]
    other = allocated(ec2)
    ec2.modify_instance_placement(InstanceId=free, Tenancy="host", HostId=other)
    ec2.start_instances(InstanceIds=[free])
    assert instance(ec2, free)["Placement"]["HostId"] == other


def test_refusals(ec2):
    """What can't be allocated, found or changed."""
    for wrong, code in (
        ({"InstanceType": "t9.huge"}, "InvalidParameterValue"),
        ({"InstanceType": "t3a.micro"}, "InvalidHostConfiguration"),
        ({"AvailabilityZone": "us-east-1z"}, "InvalidParameterValue"),
        ({"InstanceFamily": "m5"}, "InvalidParameterCombination"),
        ({"Quantity": 0}, "InvalidParameterValue"),
    ):
        with pytest.raises(ClientError) as error:
            allocated(ec2, **wrong)
        assert code_of(error)[0] == code, wrong
    with pytest.raises(ClientError) as error:
        host(ec2, "h-0123456789abcdef0")
    assert code_of(error) == ("InvalidHostID.NotFound", "The host ID 'h-0123456789abcdef0' does not exist")
    gone = ec2.release_hosts(HostIds=["h-0123456789abcdef0"])["Unsuccessful"][0]["Error"]
    assert gone["Code"] == "Client.InvalidHostID.NotFound"


def test_filters(ec2):
    """Each that is documented."""
    one, other = allocated(ec2, AutoPlacement="on"), allocated(ec2, InstanceType="c5.large")
    for name, value, found in (
        ("auto-placement", "on", {one}),
        ("instance-type", "c5.large", {other}),
        ("availability-zone", ZONE, {one, other}),
        ("state", "available", {one, other}),
        ("host-reservation-id", "hr-1", set()),
        ("client-token", "none", set()),
        ("tag-key", "none", set()),
    ):
        hosts = ec2.describe_hosts(Filter=[{"Name": name, "Values": [value]}])["Hosts"]
        assert {row["HostId"] for row in hosts} == found, name


def test_a_host_costs_a_tenth_more_than_what_it_holds():
    """AWS's own prices of hosts."""
    assert [str(prices.host("us-east-1", family)) for family in ("m5", "c5", "r5", "m4")] == [
        "5.069",
        "4.488",
        "6.653",
        "2.42",
    ]
