"""Reserved Instances: offerings by their terms, purchases that show on the bill, modifications that keep their size."""

from __future__ import annotations

import datetime
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import pretending, running, until
from tests.running import RunningCloud

YEAR = 31536000


def refused(call, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return code_of(error)


def offered(ec2, **asked) -> list[dict]:
    return ec2.describe_reserved_instances_offerings(**asked)["ReservedInstancesOfferings"]


def offering(ec2, **asked) -> dict:
    """The regional standard offering of m5.large for a year without upfront, or as asked."""
    terms = {"InstanceType": "m5.large", "OfferingClass": "standard", "OfferingType": "No Upfront", "MaxDuration": YEAR}
    found = offered(ec2, **{**terms, **asked}, Filters=[{"Name": "scope", "Values": ["Region"]}])
    return found[0]


def bought(ec2, count: int = 1, **asked) -> str:
    identifier = offering(ec2, **asked)["ReservedInstancesOfferingId"]
    made = ec2.purchase_reserved_instances_offering(ReservedInstancesOfferingId=identifier, InstanceCount=count)
    return made["ReservedInstancesId"]


def shown(ec2, identifier: str) -> dict:
    return ec2.describe_reserved_instances(ReservedInstancesIds=[identifier])["ReservedInstances"][0]


def test_offerings_by_their_terms(ec2):
    """Cheaper the longer and the more is paid at once; found again by their ids; a hundred at a time."""
    one = offering(ec2)
    assert (one["Duration"], one["Scope"], one["Marketplace"]) == (YEAR, "Region", False)
    hourly = one["RecurringCharges"][0]["Amount"]
    assert 0.03 < hourly < 0.096 and one["FixedPrice"] == 0.0
    paid = offering(ec2, OfferingType="All Upfront")
    assert paid["RecurringCharges"][0]["Amount"] == 0.0 and 0 < paid["FixedPrice"] < hourly * 8760
    identifiers = [paid["ReservedInstancesOfferingId"], one["ReservedInstancesOfferingId"]]
    again = offered(ec2, ReservedInstancesOfferingIds=identifiers)
    assert {found["ReservedInstancesOfferingId"] for found in again} == set(identifiers)
    assert {found["Scope"] for found in offered(ec2, InstanceType="m5.large", AvailabilityZone="us-east-1a")} == {
        "Availability Zone"
    }
    page = ec2.describe_reserved_instances_offerings()
    rest = ec2.describe_reserved_instances_offerings(NextToken=page["NextToken"])
    seen = page["ReservedInstancesOfferings"] + rest["ReservedInstancesOfferings"]
    assert len({found["ReservedInstancesOfferingId"] for found in seen}) == 200
    assert refused(offered, ec2=ec2, ReservedInstancesOfferingIds=[str(uuid.uuid4())])[0] == (
        "InvalidReservedInstancesOfferingId"
    )


def test_purchase_is_told(ec2):
    """With the offering's terms, tags and filters; what isn't there has its own code."""
    identifier = bought(ec2, 3)
    row = shown(ec2, identifier)
    assert (row["State"], row["InstanceCount"], row["InstanceType"]) == ("active", 3, "m5.large")
    assert row["End"] - row["Start"] == datetime.timedelta(seconds=YEAR) and row["OfferingType"] == "No Upfront"
    ec2.create_tags(Resources=[identifier], Tags=[{"Key": "a", "Value": "b"}])
    asked = [{"Name": "tag:a", "Values": ["b"]}, {"Name": "state", "Values": ["active"]}]
    (found,) = ec2.describe_reserved_instances(Filters=asked)["ReservedInstances"]
    assert found["ReservedInstancesId"] == identifier
    assert ec2.describe_reserved_instances(OfferingClass="convertible")["ReservedInstances"] == []
    assert refused(ec2.describe_reserved_instances, ReservedInstancesIds=[str(uuid.uuid4())])[0] == (
        "InvalidReservedInstancesId.NotFound"
    )


def test_queued_purchase(ec2):
    """For later, and taken back before that."""
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)
    made = ec2.purchase_reserved_instances_offering(
        ReservedInstancesOfferingId=offering(ec2)["ReservedInstancesOfferingId"], InstanceCount=1, PurchaseTime=later
    )
    identifier = made["ReservedInstancesId"]
    assert shown(ec2, identifier)["State"] == "queued"
    told = ec2.delete_queued_reserved_instances(ReservedInstancesIds=[identifier, str(uuid.uuid4())])
    assert [one["ReservedInstancesId"] for one in told["SuccessfulQueuedPurchaseDeletions"]] == [identifier]
    assert told["FailedQueuedPurchaseDeletions"][0]["Error"]["Code"] == "reserved-instances-id-invalid"
    assert shown(ec2, identifier)["State"] == "queued-deleted"


def test_modification_keeps_the_size(ec2):
    """One xlarge is two large: split by size and zone; the old ones are retired."""
    identifier = bought(ec2, 2)
    targets = [
        {"InstanceType": "m5.xlarge", "InstanceCount": 1, "Scope": "Region"},
    ]
    made = ec2.modify_reserved_instances(ReservedInstancesIds=[identifier], TargetConfigurations=targets)
    (change,) = ec2.describe_reserved_instances_modifications(
        ReservedInstancesModificationIds=[made["ReservedInstancesModificationId"]]
    )["ReservedInstancesModifications"]
    assert change["Status"] == "fulfilled"
    new = shown(ec2, change["ModificationResults"][0]["ReservedInstancesId"])
    assert (new["InstanceType"], new["InstanceCount"], new["State"]) == ("m5.xlarge", 1, "active")
    assert shown(ec2, identifier)["State"] == "retired"
    too_large = [{"InstanceType": "m5.4xlarge", "InstanceCount": 1, "Scope": "Region"}]
    other = [{"InstanceType": "c5.xlarge", "InstanceCount": 1, "Scope": "Region"}]
    for wrong in (too_large, other):
        code, _ = refused(
            ec2.modify_reserved_instances,
            ReservedInstancesIds=[new["ReservedInstancesId"]],
            TargetConfigurations=wrong,
        )
        assert code == "InvalidParameterValue"


@pytest.fixture
def quick():
    """A cloud whose ten minutes are seconds."""
    cloud = pretending(RunningCloud("--log-level", "warning", "--clock-rate", "600")).start()
    yield cloud
    cloud.close()


def test_reserved_hours_are_on_the_bill(quick):
    """A covered instance costs nothing itself; the reservation is billed whether it is used or not, and so is capacity
    that nobody uses."""
    ec2, ce = quick.client("ec2"), quick.client("ce")
    bought(ec2, 1, InstanceType="t3.micro", OfferingType="Partial Upfront")
    ec2.create_capacity_reservation(
        InstanceType="t3.large", InstancePlatform="Linux/UNIX", AvailabilityZone="us-east-1a", InstanceCount=1
    )
    running(ec2)
    today = running(ec2, InstanceType="m5.large")["LaunchTime"]  # of another family
    span = {"Start": str(today.date()), "End": str((today + datetime.timedelta(days=3)).date())}

    def usage() -> dict[str, float]:
        told = ce.get_cost_and_usage(
            TimePeriod=span,
            Granularity="DAILY",
            Metrics=["UsageQuantity"],
            GroupBy=[{"Type": "DIMENSION", "Key": "USAGE_TYPE"}],
        )
        groups = [group for day in told["ResultsByTime"] for group in day["Groups"]]
        return {group["Keys"][0]: float(group["Metrics"]["UsageQuantity"]["Amount"]) for group in groups}

    terms = "t3.micro/standard/1/Partial Upfront"
    wanted = {f"HeavyUsage:{terms}", f"Upfront:{terms}", "UnusedBox:t3.large", "BoxUsage:m5.large"}
    found = until(lambda: (now := usage()).keys() >= wanted and now)
    assert "BoxUsage:t3.micro" not in found and found[f"Upfront:{terms}"] == 1.0
