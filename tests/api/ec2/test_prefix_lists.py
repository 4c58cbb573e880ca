"""Prefix lists: versions, sizes, who names them, and AWS's own."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of


@pytest.fixture
def made(ec2):
    return ec2.create_managed_prefix_list(
        PrefixListName="offices",
        AddressFamily="IPv4",
        MaxEntries=3,
        Entries=[{"Cidr": "10.0.0.0/16", "Description": "one"}],
    )["PrefixList"]


def entries(ec2, identifier, **options):
    return ec2.get_managed_prefix_list_entries(PrefixListId=identifier, **options)["Entries"]


def test_versions_follow_entries(ec2, made):
    """Entries make a version, a name doesn't; an earlier version can be read, and brought back as a new one."""
    identifier = made["PrefixListId"]
    assert (made["State"], made["Version"], made["MaxEntries"]) == ("create-in-progress", 1, 3)
    changed = ec2.modify_managed_prefix_list(
        PrefixListId=identifier,
        CurrentVersion=1,
        AddEntries=[{"Cidr": "10.1.0.0/16"}],
        RemoveEntries=[{"Cidr": "10.0.0.0/16"}],
    )["PrefixList"]
    assert (changed["State"], changed["Version"]) == ("modify-in-progress", 2)
    renamed = ec2.modify_managed_prefix_list(PrefixListId=identifier, PrefixListName="homes")["PrefixList"]
    assert (renamed["PrefixListName"], renamed["Version"]) == ("homes", 2)
    assert entries(ec2, identifier) == [{"Cidr": "10.1.0.0/16"}]
    assert entries(ec2, identifier, TargetVersion=1) == [{"Cidr": "10.0.0.0/16", "Description": "one"}]
    ec2.restore_managed_prefix_list_version(PrefixListId=identifier, PreviousVersion=1, CurrentVersion=2)
    (shown,) = ec2.describe_managed_prefix_lists(PrefixListIds=[identifier])["PrefixLists"]
    assert (shown["Version"], shown["State"]) == (3, "restore-complete")
    assert entries(ec2, identifier)[0]["Cidr"] == "10.0.0.0/16"
    assert ec2.delete_managed_prefix_list(PrefixListId=identifier)["PrefixList"]["State"] == "delete-in-progress"
    with pytest.raises(ClientError) as error:
        ec2.describe_managed_prefix_lists(PrefixListIds=[identifier])
    assert code_of(error)[0] == "InvalidPrefixListID.NotFound"


def test_limits_and_stale_versions(ec2, made):
    """Two writers don't overwrite each other; a list never outgrows its size."""
    identifier = made["PrefixListId"]
    with pytest.raises(ClientError) as error:
        ec2.modify_managed_prefix_list(PrefixListId=identifier, CurrentVersion=9, AddEntries=[{"Cidr": "1.0.0.0/8"}])
    assert code_of(error)[0] == "PrefixListVersionMismatch"
    with pytest.raises(ClientError) as error:
        ec2.modify_managed_prefix_list(
            PrefixListId=identifier, CurrentVersion=1, AddEntries=[{"Cidr": f"1.{n}.0.0/16"} for n in range(3)]
        )
    assert code_of(error)[0] == "PrefixListMaxEntriesExceeded"
    with pytest.raises(ClientError) as error:
        ec2.modify_managed_prefix_list(PrefixListId=identifier, CurrentVersion=1, AddEntries=[{"Cidr": "fd00::/8"}])
    assert code_of(error)[0] == "InvalidParameterValue"


def test_a_rule_holds_its_list(ec2, made):
    """What a group names is told, and its deletion fails."""
    identifier = made["PrefixListId"]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "PrefixListIds": [{"PrefixListId": identifier}]}
        ],
    )
    found = ec2.get_managed_prefix_list_associations(PrefixListId=identifier)["PrefixListAssociations"]
    assert [one["ResourceId"] for one in found] == [group]
    assert ec2.delete_managed_prefix_list(PrefixListId=identifier)["PrefixList"]["State"] == "delete-in-progress"
    (shown,) = ec2.describe_managed_prefix_lists(PrefixListIds=[identifier])["PrefixLists"]
    assert shown["State"] == "delete-failed"
    ec2.delete_security_group(GroupId=group)
    ec2.delete_managed_prefix_list(PrefixListId=identifier)
    with pytest.raises(ClientError):
        ec2.describe_managed_prefix_lists(PrefixListIds=[identifier])


def test_awss_own_lists(ec2):
    """Tools look S3's list up by its name; nobody changes it."""
    asked = [{"Name": "prefix-list-name", "Values": ["com.amazonaws.us-east-1.s3"]}]
    (shown,) = ec2.describe_prefix_lists(Filters=asked)["PrefixLists"]
    assert shown["Cidrs"] == ["169.254.169.253/32"]
    (managed,) = ec2.describe_managed_prefix_lists(Filters=asked)["PrefixLists"]
    assert (managed["OwnerId"], managed["PrefixListId"]) == ("AWS", shown["PrefixListId"])
    with pytest.raises(ClientError) as error:
        ec2.modify_managed_prefix_list(PrefixListId=shown["PrefixListId"], PrefixListName="mine")
    assert code_of(error)[0] == "UnauthorizedOperation"
