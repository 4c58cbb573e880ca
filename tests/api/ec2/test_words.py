"""What clients match on when EC2 refuses, and what it forgives."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import instance, launched, reached


def refused(call, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return code_of(error)


def test_ids_that_are_none(ec2):
    """Each kind has words of its own for an id that can't be one; Terraform and Ansible look at the codes."""
    assert refused(ec2.describe_vpcs, VpcIds=["nope"]) == ("InvalidVpcID.NotFound", "The vpc ID 'nope' does not exist")
    assert refused(ec2.describe_subnets, SubnetIds=["nope"]) == (
        "InvalidSubnetID.NotFound",
        "The subnet ID 'nope' does not exist",
    )
    assert refused(ec2.describe_volumes, VolumeIds=["nope"]) == (
        "InvalidParameterValue",
        "Value (nope) for parameter volumeId is invalid. Expected: 'vol-...'.",
    )
    assert refused(ec2.describe_security_groups, GroupIds=["nope"])[0] == "InvalidGroupId.Malformed"


def test_tags_on_nothing(ec2):
    """CreateTags says what is missing by the name that its first API had."""
    tags = [{"Key": "a", "Value": "b"}]
    assert refused(ec2.create_tags, Resources=[], Tags=tags) == (
        "MissingParameter",
        "The request must contain the parameter resourceIdSet",
    )
    assert refused(ec2.create_tags, Resources=["ami-blah"], Tags=tags) == (
        "InvalidID",
        "The ID 'ami-blah' is not valid",
    )
    specified = [{"ResourceType": "nonsense", "Tags": tags}]
    assert refused(ec2.create_vpc, CidrBlock="10.0.0.0/16", TagSpecifications=specified) == (
        "InvalidParameterValue",
        "'nonsense' is not a valid taggable resource type for this operation.",
    )
    assert refused(ec2.create_vpc, CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc"}]) == (
        "InvalidParameterValue",
        "Tag specification must have at least one tag",
    )


def test_ids_that_are_left_out(ec2):
    """Terraform looks for an end of these by an empty answer, not by an error."""
    assert ec2.describe_flow_logs(FlowLogIds=["fl-0123456789abcdef0"])["FlowLogs"] == []
    gone = ["eigw-0123456789abcdef0"]
    answer = ec2.describe_egress_only_internet_gateways(EgressOnlyInternetGatewayIds=gone)
    assert answer["EgressOnlyInternetGateways"] == []


def test_no_instances(ec2):
    """Scripts that found nothing to stop are told so."""
    for call in (ec2.terminate_instances, ec2.stop_instances):
        assert refused(call, InstanceIds=[]) == ("InvalidParameterCombination", "No instances specified")


def test_any_case_of_an_enumeration(ec2):
    """Older tools write ALLOW and Gateway as they like."""
    acl = ec2.describe_network_acls()["NetworkAcls"][0]["NetworkAclId"]
    ec2.create_network_acl_entry(
        NetworkAclId=acl, RuleNumber=7, Protocol="-1", RuleAction="DENY", Egress=False, CidrBlock="10.9.0.0/16"
    )
    (shown,) = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"]
    assert [one["RuleAction"] for one in shown["Entries"] if one["RuleNumber"] == 7] == ["deny"]
    assert refused(ec2.modify_vpc_tenancy, VpcId=shown["VpcId"], InstanceTenancy="odd")[0] == "UnsupportedTenancy"


def test_a_filter_without_values_matches_nothing(ec2):
    """Rather than everything: a script with an empty list deletes nothing."""
    assert ec2.describe_vpcs()["Vpcs"]
    assert ec2.describe_vpcs(Filters=[{"Name": "vpc-id", "Values": []}])["Vpcs"] == []


def _first_looks(ec2) -> list[str]:
    """What the first look tells of an instance just launched, a volume just attached to it, and its stop."""
    (made,) = launched(ec2)
    identifier, zone = made["InstanceId"], made["Placement"]["AvailabilityZone"]
    assert made["State"]["Name"] == "pending"
    found = [instance(ec2, identifier)["State"]["Name"]]
    reached(ec2, identifier, "running")
    volume = ec2.create_volume(Size=1, AvailabilityZone=zone)["VolumeId"]
    try:
        ec2.attach_volume(VolumeId=volume, InstanceId=identifier, Device="/dev/sdf")
    except ClientError as error:
        found.append(error.response["Error"]["Code"])
    else:
        (held,) = ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
        found.append(held["Attachments"][0]["State"])
    ec2.stop_instances(InstanceIds=[identifier])
    found.append(instance(ec2, identifier)["State"]["Name"])
    ec2.terminate_instances(InstanceIds=[identifier])
    return found


def test_what_needs_a_moment_is_waited_for(ec2):
    """A client that launches and asks finds it running, and may attach a new disk or stop it at once. On a machine that
    is busy a moment may not be enough every time."""
    assert any(_first_looks(ec2) == ["running", "attached", "stopped"] for _ in range(5))


def test_six_at_launch(ec2):
    """Addresses of IPv6 that a launch asks for are the interface's."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    block = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
    subnet = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.0.0.0/24", Ipv6CidrBlock=block)["Subnet"]["SubnetId"]
    (made,) = launched(ec2, SubnetId=subnet, Ipv6AddressCount=2)
    assert len(made["NetworkInterfaces"][0]["Ipv6Addresses"]) == 2
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])


def test_devices_are_checked_before_keys(ec2):
    """What a request lacks is told before what it names and isn't there."""
    device = {"DeviceName": "/dev/sdf"}
    asked = {"KeyName": "nobody's"}
    with pytest.raises(ClientError) as error:
        launched(ec2, BlockDeviceMappings=[device], **asked)
    assert code_of(error) == ("MissingParameter", "The request must contain the parameter ebs")
    with pytest.raises(ClientError) as error:
        launched(ec2, BlockDeviceMappings=[{**device, "Ebs": {"VolumeType": "gp3"}}], **asked)
    assert code_of(error)[1] == "The request must contain the parameter size or snapshotId"


def test_rules_come_in_order(ec2):
    """A group's rules are told as they were granted, the one that it began with first."""
    group = ec2.create_security_group(GroupName="ordered", Description="ordered")["GroupId"]
    for port in (9, 5, 7):
        ec2.authorize_security_group_ingress(
            GroupId=group, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="10.0.0.0/8"
        )
    mine = [{"Name": "group-id", "Values": [group]}]
    rules = ec2.describe_security_group_rules(Filters=mine)["SecurityGroupRules"]
    assert [(one["IsEgress"], one["FromPort"]) for one in rules] == [(True, -1), (False, 9), (False, 5), (False, 7)]
