"""The account's block of what internet gateways carry, and what it doesn't hold for."""

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of


def test_options_and_exclusions(ec2):
    """Off until somebody blocks; exclusions are of a VPC or a subnet, one each."""
    options = ec2.describe_vpc_block_public_access_options()["VpcBlockPublicAccessOptions"]
    assert (options["State"], options["InternetGatewayBlockMode"]) == ("default-state", "off")
    ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="block-bidirectional")
    options = ec2.describe_vpc_block_public_access_options()["VpcBlockPublicAccessOptions"]
    assert (options["State"], options["InternetGatewayBlockMode"]) == ("update-complete", "block-bidirectional")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    asked = {"SubnetId": subnet, "InternetGatewayExclusionMode": "allow-egress"}
    made = ec2.create_vpc_block_public_access_exclusion(**asked)["VpcBlockPublicAccessExclusion"]
    with pytest.raises(ClientError) as error:
        ec2.create_vpc_block_public_access_exclusion(**asked)
    assert code_of(error)[0] == "ResourceAlreadyExists"
    with pytest.raises(ClientError) as error:
        ec2.create_vpc_block_public_access_exclusion(**asked, VpcId=vpc)
    assert code_of(error)[0] == "InvalidParameterCombination"
    identifier = made["ExclusionId"]
    ec2.modify_vpc_block_public_access_exclusion(
        ExclusionId=identifier, InternetGatewayExclusionMode="allow-bidirectional"
    )
    (shown,) = ec2.describe_vpc_block_public_access_exclusions(
        Filters=[{"Name": "resource-arn", "Values": [f"*{subnet}"]}]
    )["VpcBlockPublicAccessExclusions"]
    assert (shown["State"], shown["InternetGatewayExclusionMode"]) == ("update-complete", "allow-bidirectional")
    ec2.delete_vpc_block_public_access_exclusion(ExclusionId=identifier)
    assert ec2.describe_vpc_block_public_access_exclusions()["VpcBlockPublicAccessExclusions"] == []
