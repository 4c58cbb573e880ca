"""What EC2's resources cost: counted while they are there, priced by AWS's public sheets. Here minutes fly."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from haneul.metering import instances
from haneul.metering.prices import sheet
from haneul.services import ec2 as room
from tests.api.ec2.waiting import pretending, running, until
from tests.running import RunningCloud

SECOND = 600
"""Seconds of the cloud's in one of ours."""


@pytest.fixture(scope="module")
def quick() -> Iterator[RunningCloud]:
    flags = ("--log-level", "warning", "--clock-rate", str(SECOND))
    cloud = pretending(RunningCloud(*flags, environment={"HANEUL_FREE_TIER": "false"})).start()
    yield cloud
    cloud.close()


@pytest.fixture(scope="module")
def ec2(quick):
    return quick.client("ec2")


def bill(cloud: RunningCloud) -> dict[str, tuple[str, float, float]]:
    """Usage type -> (service, quantity, USD)."""
    today = datetime.datetime.now(datetime.UTC).date()
    period = {
        "Start": (today - datetime.timedelta(days=1)).isoformat(),
        "End": (today + datetime.timedelta(days=60)).isoformat(),
    }
    (found,) = [
        cloud.client("ce").get_cost_and_usage(
            TimePeriod=period,
            Granularity="MONTHLY",
            Metrics=["UnblendedCost", "UsageQuantity"],
            GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "DIMENSION", "Key": "USAGE_TYPE"}],
        )
    ]
    lines: dict[str, tuple[str, float, float]] = {}
    for result in found["ResultsByTime"]:
        for group in result["Groups"]:
            service, usage = group["Keys"]
            quantity = float(group["Metrics"]["UsageQuantity"]["Amount"])
            usd = float(group["Metrics"]["UnblendedCost"]["Amount"])
            before = lines.get(usage, (service, 0.0, 0.0))
            lines[usage] = (service, before[1] + quantity, before[2] + usd)
    return lines


def counted(cloud: RunningCloud, *usages: str) -> dict[str, tuple[str, float, float]]:
    """The bill, once all of these are on it."""
    found: dict[str, tuple[str, float, float]] = until(lambda: (lines := bill(cloud)).keys() >= set(usages) and lines)
    return found


def test_an_instance_and_its_disk(quick, ec2):
    """Hours of the type, and of the public address; the disk by its gigabytes."""
    running(ec2, InstanceType="m5.large")
    lines = counted(quick, "BoxUsage:m5.large", "EBS:VolumeUsage.gp2", "PublicIPv4:InUseAddress")
    service, hours, usd = lines["BoxUsage:m5.large"]
    assert service == "Amazon Elastic Compute Cloud - Compute"
    assert hours > 0 and usd == pytest.approx(hours * 0.096, rel=0.01)
    assert lines["EBS:VolumeUsage.gp2"][0] == "EC2 - Other"
    assert lines["EBS:VolumeUsage.gp2"][2] == pytest.approx(lines["EBS:VolumeUsage.gp2"][1] * 0.1, rel=0.01)
    assert lines["PublicIPv4:InUseAddress"][0] == "Amazon Virtual Private Cloud"


def test_spot_costs_less(quick, ec2):
    """A Spot instance stands on the bill with the Spot price."""
    running(ec2, InstanceType="c5.large", InstanceMarketOptions={"MarketType": "spot"})
    _, hours, usd = counted(quick, "SpotUsage:c5.large")["SpotUsage:c5.large"]
    assert usd == pytest.approx(hours * 0.085 * 0.4, rel=0.01)


def test_volumes_by_what_they_promise(quick, ec2):
    """IOPS and throughput beyond what gp3 includes; io2's tiers."""
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=100, VolumeType="gp3", Iops=4000, Throughput=250)
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=100, VolumeType="io2", Iops=40000)
    lines = counted(
        quick,
        "EBS:VolumeP-IOPS.gp3",
        "EBS:VolumeP-Throughput.gp3",
        "EBS:VolumeP-IOPS.io2",
        "EBS:VolumeP-IOPS.io2.tier2",
    )
    assert lines["EBS:VolumeP-IOPS.io2.tier2"][1] == pytest.approx(lines["EBS:VolumeP-IOPS.io2"][1] / 4, rel=0.01)
    assert lines["EBS:VolumeP-IOPS.io2"][2] == pytest.approx(lines["EBS:VolumeP-IOPS.io2"][1] * 0.065, rel=0.01)


def test_addresses_gateways_endpoints(quick, ec2):
    """What costs by the hour: an elastic address that leads nowhere, a NAT gateway, an interface endpoint."""
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    idle = counted(quick, "PublicIPv4:IdleAddress")["PublicIPv4:IdleAddress"]
    assert idle[2] == pytest.approx(idle[1] * 0.005, rel=0.01)
    subnet = ec2.describe_subnets()["Subnets"][0]
    ec2.create_nat_gateway(SubnetId=subnet["SubnetId"], AllocationId=address)
    ec2.create_vpc_endpoint(
        VpcId=subnet["VpcId"],
        ServiceName="com.amazonaws.us-east-1.sqs",
        VpcEndpointType="Interface",
        SubnetIds=[subnet["SubnetId"]],
    )
    lines = counted(quick, "NatGateway-Hours", "VpcEndpoint-Hours")
    assert lines["NatGateway-Hours"][2] == pytest.approx(lines["NatGateway-Hours"][1] * 0.045, rel=0.01)
    assert lines["VpcEndpoint-Hours"][2] == pytest.approx(lines["VpcEndpoint-Hours"][1] * 0.01, rel=0.01)


def test_snapshots(quick, ec2):
    """By the blocks that each brought; archived ones cost less, fast restores cost by zone and hour."""
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 0.1})
    path = quick.data / "engines" / "volumes" / "volumes" / volume
    with path.open("r+b") as disk:
        disk.write(os.urandom(4 << 20))
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 0.1})
    ec2.enable_fast_snapshot_restores(SourceSnapshotIds=[snapshot], AvailabilityZones=["us-east-1a", "us-east-1b"])
    lines = counted(quick, "EBS:SnapshotUsage", "EBS:FastSnapshotRestore")
    hours = lines["EBS:FastSnapshotRestore"][1] / 2
    assert lines["EBS:SnapshotUsage"][1] == pytest.approx(4 / 1024 / 730 * hours, rel=0.5)
    assert lines["EBS:FastSnapshotRestore"][2] == pytest.approx(hours * 2 * 0.75, rel=0.01)
    ec2.disable_fast_snapshot_restores(SourceSnapshotIds=[snapshot], AvailabilityZones=["us-east-1a", "us-east-1b"])
    ec2.modify_snapshot_tier(SnapshotId=snapshot, StorageTier="archive")
    archived = counted(quick, "EBS:SnapshotArchiveStorage")["EBS:SnapshotArchiveStorage"]
    assert archived[2] == pytest.approx(archived[1] * 0.0125, rel=0.05)


def test_prices_follow_from_the_family():
    """Sizes by rule, and those that AWS prices by themselves; to AWS's own last digit."""
    known = {
        "t3.micro": "0.0104",
        "t3.nano": "0.0052",
        "t2.small": "0.023",
        "m5.large": "0.096",
        "m5.24xlarge": "4.608",
        "m5.metal": "4.608",
        "c5.9xlarge": "1.53",
        "c4.8xlarge": "1.591",
        "r6g.medium": "0.0504",
        "g5.12xlarge": "5.672",
        "p3.16xlarge": "24.48",
        "x1.32xlarge": "13.338",
        "c7i.metal-24xl": "4.7124",
        "m1.small": "0.044",
    }
    assert {name: instances.on_demand("us-east-1", name) for name in known} == {
        name: Decimal(price) for name, price in known.items()
    }
    assert instances.on_demand("us-east-1", "t9.huge") is None
    assert instances.on_demand("us-east-1", "x9.large") is None


def test_spot_and_reserved_are_cheaper():
    """In this order, for every type that has a price; paid up front, a reservation costs least."""
    for name in ("t3.micro", "m5.large", "p4d.24xlarge"):
        price, spot = instances.on_demand("us-east-1", name), instances.spot("us-east-1", name)
        year = instances.reserved("us-east-1", name)
        ahead = instances.reserved("us-east-1", name, 3, "All Upfront")
        assert price is not None and spot is not None and year is not None and ahead is not None
        assert spot < year.hourly < price
        assert year.upfront == 0 and ahead.hourly == 0
        assert ahead.upfront / (3 * instances.YEAR) < year.hourly


def test_everything_counted_has_a_price():
    """A usage type without a price would be missing from the bill."""
    prices = sheet("us-east-1")
    folder = Path(room.__file__).parent
    found = {
        usage
        for path in folder.rglob("*.py")
        for usage in re.findall(
            r'"((?:EBS:|NatGateway-|PublicIPv4:|VpcEndpoint-|DataTransfer-)[^" {}]*)"', path.read_text()
        )
    }
    assert len(found) > 15
    assert not [usage for usage in found if prices.row("ec2", usage, "") is None]


def test_the_spot_price_history(ec2):
    """Autoscalers ask what Spot costs where; the price is the one that the bill knows."""
    found = ec2.describe_spot_price_history(
        InstanceTypes=["m5.large", "c5.large"],
        ProductDescriptions=["Linux/UNIX (Amazon VPC)"],
        AvailabilityZone="us-east-1b",
    )
    assert found["NextToken"] == ""
    assert [(one["InstanceType"], one["SpotPrice"]) for one in found["SpotPriceHistory"]] == [
        ("c5.large", "0.034000"),
        ("m5.large", "0.038400"),
    ]
    assert {one["ProductDescription"] for one in found["SpotPriceHistory"]} == {"Linux/UNIX"}
    assert {one["AvailabilityZoneId"] for one in found["SpotPriceHistory"]} == {"use1-az2"}
    pages = ec2.get_paginator("describe_spot_price_history").paginate(
        Filters=[{"Name": "instance-type", "Values": ["t3.*"]}], MaxResults=10
    )
    assert sum(len(page["SpotPriceHistory"]) for page in pages) == 7 * 6
    assert not ec2.describe_spot_price_history(ProductDescriptions=["Windows"])["SpotPriceHistory"]
    with pytest.raises(ClientError) as error:
        ec2.describe_spot_price_history(AvailabilityZone="us-east-1z")
    assert error.value.response["Error"]["Code"] == "InvalidParameterValue"
