"""Capacity reservations: seats that only matching instances take, and memory of the machine that is really kept."""

from __future__ import annotations

import datetime
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import instance, launched, pretending, reached, running, until
from tests.running import RunningCloud

HERE = {"AvailabilityZone": "us-east-1a"}


def refused(call, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return code_of(error)


def reserved(ec2, count: int = 1, **options) -> dict:
    asked = {"InstanceType": "t3.micro", "InstancePlatform": "Linux/UNIX", "InstanceCount": count, **HERE, **options}
    return ec2.create_capacity_reservation(**asked)["CapacityReservation"]


def shown(ec2, identifier: str) -> dict:
    asked = ec2.describe_capacity_reservations(CapacityReservationIds=[identifier])
    return asked["CapacityReservations"][0]


@pytest.fixture
def small():
    """A cloud whose machines have 2 GiB in all: 4 GiB may be promised."""
    cloud = pretending(RunningCloud("--log-level", "warning"))
    (cloud.data / "engines" / "machines" / "fake").write_text("2048")
    yield cloud.start()
    cloud.close()


def test_reservation_lives_and_dies(ec2, account):
    """What each answer tells; a cancelled one is told, and no more."""
    tags = [{"ResourceType": "capacity-reservation", "Tags": [{"Key": "a", "Value": "b"}]}]
    made = reserved(ec2, 2, TagSpecifications=tags)
    identifier = made["CapacityReservationId"]
    assert (made["State"], made["TotalInstanceCount"], made["AvailableInstanceCount"]) == ("active", 2, 2)
    assert (made["EndDateType"], made["InstanceMatchCriteria"], made["Tenancy"]) == ("unlimited", "open", "default")
    assert made["CapacityReservationArn"].endswith(f":{account}:capacity-reservation/{identifier}")
    assert shown(ec2, identifier) == made and made["Tags"] == tags[0]["Tags"]
    asked = [{"Name": "instance-type", "Values": ["t3.*"]}, {"Name": "state", "Values": ["active"]}]
    assert len(ec2.describe_capacity_reservations(Filters=asked)["CapacityReservations"]) == 1
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=2)
    ec2.modify_capacity_reservation(
        CapacityReservationId=identifier, InstanceCount=3, EndDateType="limited", EndDate=end
    )
    assert (shown(ec2, identifier)["TotalInstanceCount"], shown(ec2, identifier)["EndDateType"]) == (3, "limited")
    ec2.cancel_capacity_reservation(CapacityReservationId=identifier)
    row = shown(ec2, identifier)
    assert (row["State"], row["AvailableInstanceCount"]) == ("cancelled", 0)
    assert refused(ec2.cancel_capacity_reservation, CapacityReservationId=identifier)[0] == (
        "InvalidCapacityReservationState"
    )
    absent = "cr-0123456789abcdef0"
    assert refused(ec2.describe_capacity_reservations, CapacityReservationIds=[absent])[0] == (
        "InvalidCapacityReservationId.NotFound"
    )


def test_instances_take_open_seats(ec2):
    """Those that match, in the order in which they come; stopping and terminating free them."""
    identifier = reserved(ec2, 2)["CapacityReservationId"]
    made = launched(ec2, MinCount=3, MaxCount=3, Placement=HERE)
    assert [one.get("CapacityReservationId") for one in made] == [identifier, identifier, None]
    usage = ec2.get_capacity_reservation_usage(CapacityReservationId=identifier)
    assert (usage["AvailableInstanceCount"], usage["InstanceUsages"][0]["UsedInstanceCount"]) == (0, 2)
    first = reached(ec2, made[0]["InstanceId"], "running")["InstanceId"]
    ec2.stop_instances(InstanceIds=[first])
    reached(ec2, first, "stopped")
    assert shown(ec2, identifier)["AvailableInstanceCount"] == 1
    ec2.start_instances(InstanceIds=[first])
    assert shown(ec2, identifier)["AvailableInstanceCount"] == 0
    assert instance(ec2, first)["CapacityReservationId"] == identifier
    ec2.cancel_capacity_reservation(CapacityReservationId=identifier)
    assert "CapacityReservationId" not in instance(ec2, first)


def test_running_instances_move_in(ec2):
    """An open reservation takes those that already run and match."""
    row = running(ec2, Placement=HERE)
    other = running(ec2, Placement={"AvailabilityZone": "us-east-1b"})
    identifier = reserved(ec2)["CapacityReservationId"]
    assert instance(ec2, row["InstanceId"])["CapacityReservationId"] == identifier
    assert "CapacityReservationId" not in instance(ec2, other["InstanceId"])


def test_targets_and_preferences(ec2):
    """A targeted one is only for those that name it; "none" stays out of open ones."""
    target = reserved(ec2, InstanceMatchCriteria="targeted")["CapacityReservationId"]

    def launch(count: int = 1, **wish) -> list[str | None]:
        made = launched(ec2, MinCount=count, MaxCount=count, Placement=HERE, CapacityReservationSpecification=wish)
        return [one.get("CapacityReservationId") for one in made]

    aimed = {"CapacityReservationTarget": {"CapacityReservationId": target}}
    only = {"CapacityReservationPreference": "capacity-reservations-only"}
    assert launch(CapacityReservationPreference="open") == [None]
    assert refused(launch, **only)[0] == "ReservationCapacityExceeded"
    assert launch(**aimed) == [target]
    assert refused(launch, **aimed) == (
        "ReservationCapacityExceeded",
        "The requested reservation does not have sufficient compatible and available capacity for this request.",
    )
    opened = reserved(ec2)["CapacityReservationId"]
    assert shown(ec2, opened)["AvailableInstanceCount"] == 0  # the first one moved in
    wide = reserved(ec2)["CapacityReservationId"]
    assert launch(CapacityReservationPreference="none") == [None]
    assert launch(**only) == [wide]


def test_reservations_keep_memory(small):
    """What is reserved is nobody else's, and nothing is reserved that isn't there."""
    ec2 = small.client("ec2", account="510000990001")
    identifier = reserved(ec2, 3)["CapacityReservationId"]  # 3 of 4 GiB
    others = small.client("ec2", account="510000990002")
    assert len(launched(others)) == 1
    assert refused(launched, ec2=others)[0] == "InsufficientInstanceCapacity"
    assert refused(reserved, ec2=others, InstanceMatchCriteria="targeted")[0] == "InsufficientInstanceCapacity"
    assert refused(ec2.modify_capacity_reservation, CapacityReservationId=identifier, InstanceCount=4)[0] == (
        "InsufficientInstanceCapacity"
    )
    assert len(launched(ec2, MinCount=3, MaxCount=3, Placement=HERE)) == 3
    assert refused(launched, ec2=ec2, Placement=HERE)[0] == "InsufficientInstanceCapacity"
    (row,) = [one for one in launched_by(others) if one["State"]["Name"] != "terminated"]
    others.terminate_instances(InstanceIds=[row["InstanceId"]])
    until(lambda: instance(others, row["InstanceId"])["State"]["Name"] == "terminated")
    assert len(launched(ec2)) == 1


def test_fleet_of_reservations(small):
    """The types by their priorities, as far as there is room; more, less, an end, and no more."""
    ec2 = small.client("ec2", account="510000990005")
    types = [
        {"InstanceType": name, "InstancePlatform": "Linux/UNIX", "Weight": weight, "Priority": at, **HERE}
        for at, (name, weight) in enumerate((("t3.large", 8.0), ("t3.micro", 1.0), ("t3.nano", 0.5)), 1)
    ]
    made = ec2.create_capacity_reservation_fleet(InstanceTypeSpecifications=types, TotalTargetCapacity=1)
    identifier = made["CapacityReservationFleetId"]

    def fleet() -> dict:
        asked = ec2.describe_capacity_reservation_fleets(CapacityReservationFleetIds=[identifier])
        return asked["CapacityReservationFleets"][0]

    assert (fleet()["State"], fleet()["TotalFulfilledCapacity"]) == ("active", 1.0)
    (member,) = fleet()["InstanceTypeSpecifications"]
    assert (member["InstanceType"], member["TotalInstanceCount"]) == ("t3.micro", 1)
    assert shown(ec2, member["CapacityReservationId"])["CapacityReservationFleetId"] == identifier
    ec2.modify_capacity_reservation_fleet(CapacityReservationFleetId=identifier, TotalTargetCapacity=100)
    assert fleet()["State"] == "partially_fulfilled" and 1 < fleet()["TotalFulfilledCapacity"] <= 4
    ec2.modify_capacity_reservation_fleet(CapacityReservationFleetId=identifier, TotalTargetCapacity=1)
    assert (fleet()["State"], fleet()["TotalFulfilledCapacity"]) == ("active", 1.0)
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=2)
    ec2.modify_capacity_reservation_fleet(CapacityReservationFleetId=identifier, EndDate=end)
    assert shown(ec2, member["CapacityReservationId"])["EndDateType"] == "limited"
    told = ec2.cancel_capacity_reservation_fleets(CapacityReservationFleetIds=[identifier, "crf-0123456789abcdef0"])
    assert told["SuccessfulFleetCancellations"][0]["CurrentFleetState"] == "cancelled"
    assert len(told["FailedFleetCancellations"]) == 1
    assert shown(ec2, member["CapacityReservationId"])["State"] == "cancelled"


def launched_by(ec2) -> list[dict]:
    return [one for held in ec2.describe_instances()["Reservations"] for one in held["Instances"]]


def test_seats_change_hands(ec2):
    """Split off and moved, as far as nobody uses them; a reservation without seats is over."""
    source = reserved(ec2, 3, InstanceMatchCriteria="targeted")["CapacityReservationId"]
    made = ec2.create_capacity_reservation_by_splitting(SourceCapacityReservationId=source, InstanceCount=2)
    target = made["DestinationCapacityReservation"]["CapacityReservationId"]
    assert made["SourceCapacityReservation"]["TotalInstanceCount"] == 1
    assert shown(ec2, target)["TotalInstanceCount"] == 2 and shown(ec2, target)["InstanceType"] == "t3.micro"
    hands = {"SourceCapacityReservationId": source, "DestinationCapacityReservationId": target}
    assert refused(ec2.move_capacity_reservation_instances, **hands, InstanceCount=2)[0] == "InvalidParameterValue"
    ec2.move_capacity_reservation_instances(**hands, InstanceCount=1)
    assert (shown(ec2, source)["State"], shown(ec2, target)["TotalInstanceCount"]) == ("cancelled", 3)
    row = running(ec2, Placement=HERE)
    aim = {"CapacityReservationTarget": {"CapacityReservationId": target}}
    change = {"InstanceId": row["InstanceId"], "CapacityReservationSpecification": aim}
    assert refused(ec2.modify_instance_capacity_reservation_attributes, **change)[0] == "IncorrectInstanceState"
    ec2.stop_instances(InstanceIds=[row["InstanceId"]])
    reached(ec2, row["InstanceId"], "stopped")
    ec2.modify_instance_capacity_reservation_attributes(**change)
    ec2.start_instances(InstanceIds=[row["InstanceId"]])
    assert instance(ec2, row["InstanceId"])["CapacityReservationId"] == target
    assert ec2.get_groups_for_capacity_reservation(CapacityReservationId=target)["CapacityReservationGroups"] == []


def test_what_is_refused(ec2):
    """Zones, ends and counts that can't be; a token reserves once."""
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    assert refused(reserved, ec2=ec2, AvailabilityZone="us-east-1z")[0] == "InvalidParameterValue"
    assert refused(reserved, ec2=ec2, EndDateType="limited")[0] == "MissingParameter"
    assert refused(reserved, ec2=ec2, EndDateType="limited", EndDate=past)[0] == "InvalidParameterValue"
    assert refused(reserved, ec2=ec2, count=0)[0] == "InvalidParameterValue"
    assert refused(reserved, ec2=ec2, InstanceType="t9.huge")[0].startswith("Invalid")
    token = str(uuid.uuid4())
    first = reserved(ec2, ClientToken=token)["CapacityReservationId"]
    assert reserved(ec2, ClientToken=token)["CapacityReservationId"] == first
