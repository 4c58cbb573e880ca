"""Elastic addresses go from one account to another, and stay the same addresses."""

from __future__ import annotations

import itertools

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of

_others = itertools.count(515000000000)


@pytest.fixture
def other(cloud):
    """Another account: its id, and EC2 as it sees it."""
    account = str(next(_others))
    return account, cloud.client("ec2", account=account)


def test_offered_and_accepted(ec2, other):
    """Pending until the other account takes it; then it is gone here and there under a new id."""
    account, theirs = other
    address = ec2.allocate_address(Domain="vpc")
    offer = ec2.enable_address_transfer(AllocationId=address["AllocationId"], TransferAccountId=account)[
        "AddressTransfer"
    ]
    assert (offer["AddressTransferStatus"], offer["TransferAccountId"]) == ("pending", account)
    (told,) = ec2.describe_address_transfers(AllocationIds=[address["AllocationId"]])["AddressTransfers"]
    assert told["PublicIp"] == address["PublicIp"] and told["AddressTransferStatus"] == "pending"
    taken = theirs.accept_address_transfer(
        Address=address["PublicIp"],
        TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": [{"Key": "from", "Value": "afar"}]}],
    )["AddressTransfer"]
    assert taken["AddressTransferStatus"] == "accepted"
    (mine,) = theirs.describe_addresses(AllocationIds=[taken["AllocationId"]])["Addresses"]
    assert mine["PublicIp"] == address["PublicIp"] and mine["Tags"] == [{"Key": "from", "Value": "afar"}]
    assert ec2.describe_addresses()["Addresses"] == []
    (told,) = ec2.describe_address_transfers()["AddressTransfers"]
    assert told["AddressTransferStatus"] == "accepted"
    with pytest.raises(ClientError) as error:
        theirs.accept_address_transfer(Address=address["PublicIp"])
    assert code_of(error)[0] == "InvalidTransfer.NotFound"


def test_withdrawn(ec2, other):
    """An offer that was withdrawn can't be taken."""
    account, theirs = other
    address = ec2.allocate_address(Domain="vpc")
    ec2.enable_address_transfer(AllocationId=address["AllocationId"], TransferAccountId=account)
    gone = ec2.disable_address_transfer(AllocationId=address["AllocationId"])["AddressTransfer"]
    assert gone["AddressTransferStatus"] == "disabled"
    assert ec2.describe_address_transfers()["AddressTransfers"] == []
    with pytest.raises(ClientError) as error:
        theirs.accept_address_transfer(Address=address["PublicIp"])
    assert code_of(error)[0] == "InvalidTransfer.NotFound"
    with pytest.raises(ClientError) as error:
        ec2.disable_address_transfer(AllocationId=address["AllocationId"])
    assert code_of(error)[0] == "InvalidTransfer.NotFound"


def test_what_can_not_be_offered(ec2, other):
    """An address that has a reverse name, or isn't there; offers to nobody and to oneself."""
    account, _ = other
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    for wrong in ("12", ec2.describe_security_groups()["SecurityGroups"][0]["OwnerId"]):
        with pytest.raises(ClientError) as error:
            ec2.enable_address_transfer(AllocationId=address, TransferAccountId=wrong)
        assert code_of(error)[0] == "InvalidParameterValue"
    ec2.modify_address_attribute(AllocationId=address, DomainName="mail.example.com")
    with pytest.raises(ClientError) as error:
        ec2.enable_address_transfer(AllocationId=address, TransferAccountId=account)
    assert code_of(error)[0] == "InvalidTransfer.AddressCustomPtrSet"
    with pytest.raises(ClientError) as error:
        ec2.enable_address_transfer(AllocationId="eipalloc-0123456789abcdef0", TransferAccountId=account)
    assert code_of(error)[0] == "InvalidAllocationID.NotFound"
