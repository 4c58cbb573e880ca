"""Network ACLs: entries by number and direction, and which subnet has which."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of

HTTP = {
    "RuleNumber": 100,
    "Egress": False,
    "Protocol": "tcp",
    "RuleAction": "allow",
    "CidrBlock": "0.0.0.0/0",
    "PortRange": {"From": 80, "To": 80},
}


@pytest.fixture
def vpc(ec2) -> str:
    return str(ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def acl(ec2, vpc) -> str:
    return str(ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"])


def refused(call, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return code_of(error)


def entries(ec2, acl: str) -> list[tuple]:
    (found,) = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"]
    return [(one["Egress"], one["RuleNumber"], one["Protocol"], one["RuleAction"]) for one in found["Entries"]]


def test_entries_live_and_die(ec2, acl):
    """A new ACL denies everything; numbers are unique in a direction; protocols are told as numbers."""
    rest = [(True, 32767, "-1", "deny"), (False, 32767, "-1", "deny")]
    assert entries(ec2, acl) == rest
    ec2.create_network_acl_entry(NetworkAclId=acl, **HTTP)
    assert entries(ec2, acl) == [rest[0], (False, 100, "6", "allow"), rest[1]]
    assert refused(ec2.create_network_acl_entry, NetworkAclId=acl, **HTTP) == (
        "NetworkAclEntryAlreadyExists",
        "The network acl entry identified by 100 already exists.",
    )
    ec2.replace_network_acl_entry(NetworkAclId=acl, **(HTTP | {"RuleAction": "deny"}))
    assert (False, 100, "6", "deny") in entries(ec2, acl)
    ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=False)
    gone = {"NetworkAclId": acl, "RuleNumber": 100, "Egress": False}
    assert refused(ec2.delete_network_acl_entry, **gone)[0] == "InvalidNetworkAclEntry.NotFound"


@pytest.mark.parametrize(
    "change",
    [
        {"RuleNumber": 0},
        {"RuleNumber": 32767},
        {"Protocol": "x"},
        {"CidrBlock": "10.0.0.0/33"},
        {"PortRange": {"From": 2, "To": 1}},
    ],
)
def test_entries_that_are_refused(ec2, acl, change):
    """Nothing malformed gets near the packet filter."""
    assert refused(ec2.create_network_acl_entry, NetworkAclId=acl, **(HTTP | change))[0] == "InvalidParameterValue"


def test_subnets_have_acls(ec2, vpc, acl):
    """The default one at first; another by replacing the association; in use it stays."""
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    (default,) = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])[
        "NetworkAcls"
    ]
    assert default["IsDefault"]
    (association,) = default["Associations"]
    new = ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl)[
        "NewAssociationId"
    ]
    (shown,) = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"]
    assert [one["NetworkAclAssociationId"] for one in shown["Associations"]] == [new]
    assert refused(ec2.delete_network_acl, NetworkAclId=acl)[0] == "DependencyViolation"
    assert refused(ec2.delete_network_acl, NetworkAclId=default["NetworkAclId"])[0] == "InvalidParameterValue"
    ec2.replace_network_acl_association(AssociationId=new, NetworkAclId=default["NetworkAclId"])
    ec2.delete_network_acl(NetworkAclId=acl)
