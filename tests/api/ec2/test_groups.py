"""Security groups and their rules, in AWS's words; what they do to packets is tried in tests/port and tests/clients."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of

SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}


@pytest.fixture
def vpc(ec2) -> str:
    return str(ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def group(ec2, vpc) -> str:
    return str(ec2.create_security_group(GroupName="web", Description="web servers", VpcId=vpc)["GroupId"])


def shown(ec2, group: str) -> dict:
    return dict(ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0])


def test_group_lives_and_dies(ec2, vpc, group):
    """It starts with everything out; names are unique in a VPC; the default one stays."""
    assert shown(ec2, group)["IpPermissions"] == []
    (out,) = shown(ec2, group)["IpPermissionsEgress"]
    assert (out["IpProtocol"], out["IpRanges"], "FromPort" in out) == ("-1", [{"CidrIp": "0.0.0.0/0"}], False)
    with pytest.raises(ClientError) as error:
        ec2.create_security_group(GroupName="web", Description="again", VpcId=vpc)
    assert code_of(error) == ("InvalidGroup.Duplicate", f"The security group 'web' already exists for VPC '{vpc}'")
    ec2.delete_security_group(GroupId=group)
    with pytest.raises(ClientError) as error:
        shown(ec2, group)
    assert code_of(error) == ("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
    (default,) = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    with pytest.raises(ClientError) as error:
        ec2.delete_security_group(GroupId=default["GroupId"])
    assert code_of(error)[0] == "CannotDelete"


def test_rules_are_granted_and_revoked(ec2, group):
    """Each source is a rule of its own; what is there already and what isn't are refused."""
    permission = SSH | {"IpRanges": [{"CidrIp": "10.1.2.3/16", "Description": "office"}, {"CidrIp": "192.0.2.0/24"}]}
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])["SecurityGroupRules"]
    assert [rule["CidrIpv4"] for rule in made] == ["10.1.0.0/16", "192.0.2.0/24"]
    (listed,) = shown(ec2, group)["IpPermissions"]
    assert {one["CidrIp"] for one in listed["IpRanges"]} == {"10.1.0.0/16", "192.0.2.0/24"}
    with pytest.raises(ClientError) as error:
        ec2.authorize_security_group_ingress(
            GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="192.0.2.0/24"
        )
    assert code_of(error) == (
        "InvalidPermission.Duplicate",
        'the specified rule "peer: 192.0.2.0/24, TCP, from port: 22, to port: 22, ALLOW" already exists',
    )
    gone = ec2.revoke_security_group_ingress(
        GroupId=group, IpPermissions=[SSH | {"IpRanges": [{"CidrIp": "192.0.2.0/24"}]}]
    )
    assert gone["Return"]
    with pytest.raises(ClientError) as error:
        ec2.revoke_security_group_ingress(
            GroupId=group, IpPermissions=[SSH | {"IpRanges": [{"CidrIp": "192.0.2.0/24"}]}]
        )
    assert code_of(error) == (
        "InvalidPermission.NotFound",
        "The specified rule does not exist in this security group.",
    )
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[made[0]["SecurityGroupRuleId"]])
    assert shown(ec2, group)["IpPermissions"] == []


@pytest.mark.parametrize(
    "permission",
    [
        {"IpProtocol": "tcp", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": 5, "ToPort": 4, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 70000, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "carrier-pigeon", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        SSH | {"IpRanges": [{"CidrIp": "10.0.0.0/40"}]},
        SSH | {"IpRanges": [{"CidrIp": "10.0.0.0; drop"}]},
        SSH | {"IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "naïve"}]},
    ],
)
def test_rules_that_are_refused(ec2, group, permission):
    """Nothing malformed gets near the packet filter."""
    with pytest.raises(ClientError) as error:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    assert code_of(error)[0] == "InvalidParameterValue"
    assert shown(ec2, group)["IpPermissions"] == []


def test_groups_refer_to_groups(ec2, vpc, group):
    """A group that another one's rule names can't go; one of another VPC can't be named."""
    other = ec2.create_security_group(GroupName="lb", Description="balancers", VpcId=vpc)["GroupId"]
    pair = SSH | {"UserIdGroupPairs": [{"GroupId": other}]}
    (rule,) = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[pair])["SecurityGroupRules"]
    assert rule["ReferencedGroupInfo"]["GroupId"] == other
    with pytest.raises(ClientError) as error:
        ec2.delete_security_group(GroupId=other)
    assert code_of(error) == ("DependencyViolation", f"resource {other} has a dependent object")
    far = ec2.create_security_group(GroupName="far", Description="away")["GroupId"]
    with pytest.raises(ClientError) as error:
        ec2.authorize_security_group_ingress(
            GroupId=group, IpPermissions=[SSH | {"UserIdGroupPairs": [{"GroupId": far}]}]
        )
    assert code_of(error)[0] == "InvalidGroup.NotFound"


def test_rules_are_described_and_changed(ec2, group):
    """By rule id: a rule is rewritten as a whole, its description and tags on their own."""
    permission = SSH | {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    spec = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "k", "Value": "v"}]}]
    (made,) = ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[permission], TagSpecifications=spec)[
        "SecurityGroupRules"
    ]
    identifier = made["SecurityGroupRuleId"]
    ec2.update_security_group_rule_descriptions_egress(
        GroupId=group, SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": identifier, "Description": "inside"}]
    )
    found = ec2.describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [group]}, {"Name": "tag:k", "Values": ["v"]}]
    )["SecurityGroupRules"]
    assert [(one["SecurityGroupRuleId"], one["Description"]) for one in found] == [(identifier, "inside")]
    ec2.modify_security_group_rules(
        GroupId=group,
        SecurityGroupRules=[
            {
                "SecurityGroupRuleId": identifier,
                "SecurityGroupRule": {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "CidrIpv4": "10.0.0.0/8"},
            }
        ],
    )
    (found,) = ec2.describe_security_group_rules(SecurityGroupRuleIds=[identifier])["SecurityGroupRules"]
    assert (found["IpProtocol"], found["FromPort"], found["IsEgress"]) == ("udp", 53, True)
    assert found["Tags"] == spec[0]["Tags"]


def test_groups_of_the_default_vpc_have_names(ec2):
    """As in the days before VPCs: found, opened and deleted by name."""
    ec2.create_security_group(GroupName="old", Description="style")
    ec2.authorize_security_group_ingress(GroupName="old", IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0")
    (found,) = ec2.describe_security_groups(GroupNames=["old"])["SecurityGroups"]
    assert found["IpPermissions"][0]["FromPort"] == 80
    by_port = ec2.describe_security_groups(Filters=[{"Name": "ip-permission.from-port", "Values": ["80"]}])
    assert [one["GroupName"] for one in by_port["SecurityGroups"]] == ["old"]
    ec2.delete_security_group(GroupName="old")
    with pytest.raises(ClientError) as error:
        ec2.describe_security_groups(GroupNames=["old"])
    assert code_of(error)[0] == "InvalidGroup.NotFound"


def test_rules_are_told_in_the_order_of_their_grants(ec2):
    """Tools compare lists; and where a VPC has IPv6, a new group lets that out too."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="one", Description="one", VpcId=vpc)["GroupId"]
    blocks = [f"10.{number}.0.0/16" for number in (9, 3, 7, 1, 5)]
    for block in blocks:
        ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp=block)
    (shown,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert [one["CidrIp"] for one in shown["IpPermissions"][0]["IpRanges"]] == blocks
    (out,) = shown["IpPermissionsEgress"]
    assert (out["IpRanges"], out["Ipv6Ranges"]) == ([{"CidrIp": "0.0.0.0/0"}], [{"CidrIpv6": "::/0"}])


def test_modified_rules_are_whole_ones(ec2):
    """AWS's own words for what a rule lacks; and rules of what is no group at all can't be looked for."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="one", Description="one", VpcId=vpc)["GroupId"]
    made = ec2.authorize_security_group_ingress(
        GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="10.0.0.0/8"
    )
    rule = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    sources = "cidrIp, cidrIpv6, prefixListId, or referencedGroupId"
    ports = {"FromPort": 1, "ToPort": 2}
    for asked, refusal in (
        (
            {**ports, "CidrIpv4": "1.2.3.4/32"},
            "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.",
        ),
        (
            {"IpProtocol": "udp", "ToPort": 2, "CidrIpv4": "1.2.3.4/32"},
            "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
        ),
        ({"IpProtocol": "udp", **ports}, f"The request must contain exactly one of: {sources}"),
        (
            {"IpProtocol": "udp", **ports, "CidrIpv4": "1.2.3.4/32", "CidrIpv6": "::/0"},
            f"Only one of {sources} can be specified",
        ),
    ):
        with pytest.raises(ClientError) as error:
            ec2.modify_security_group_rules(
                GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": rule, "SecurityGroupRule": asked}]
            )
        assert code_of(error)[1] == refusal
    with pytest.raises(ClientError) as error:
        ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": ["foobar"]}])
    assert code_of(error) == ("InvalidGroupId.Malformed", "The security group ID 'foobar' is malformed")
