"""EC2 Fleets and Spot Fleets: they launch what is asked for, keep it, cut it back, and end."""

from __future__ import annotations

import datetime
import json
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import image, instance, pretending, until
from tests.running import RunningCloud

ROLE = "arn:aws:iam::000000000000:role/fleet"


def refused(call, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return code_of(error)


@pytest.fixture
def template(ec2) -> str:
    data = {"ImageId": image(ec2), "InstanceType": "t3.micro"}
    made = ec2.create_launch_template(LaunchTemplateName="fleet", LaunchTemplateData=data)
    return made["LaunchTemplate"]["LaunchTemplateId"]


def created(ec2, template: str, overrides=(), *, total: int = 2, market: str = "on-demand", **options) -> dict:
    config: dict = {"LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "$Default"}}
    if overrides:
        config["Overrides"] = list(overrides)
    target = {"TotalTargetCapacity": total, "DefaultTargetCapacityType": market}
    return ec2.create_fleet(LaunchTemplateConfigs=[config], TargetCapacitySpecification=target, **options)


def shown(ec2, identifier: str) -> dict:
    return ec2.describe_fleets(FleetIds=[identifier])["Fleets"][0]


def members(ec2, identifier: str) -> list[str]:
    return [one["InstanceId"] for one in ec2.describe_fleet_instances(FleetId=identifier)["ActiveInstances"]]


def filled(ec2, identifier: str, capacity: float) -> dict:
    """The fleet, once it has so much and is at rest."""

    def look():
        row = shown(ec2, identifier)
        return row["FulfilledCapacity"] == capacity and row["ActivityStatus"] == "fulfilled" and row

    return until(look)


def test_instant_fleet_answers_with_its_instances(ec2, template):
    """Synchronous: instances, where they came from, their tags; DescribeFleets tells it again, by id only."""
    tags = [
        {"ResourceType": "fleet", "Tags": [{"Key": "a", "Value": "fleet"}]},
        {"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "instance"}]},
    ]
    made = created(ec2, template, Type="instant", TagSpecifications=tags)
    assert made["FleetId"].startswith("fleet-") and made["Errors"] == []
    (launch,) = made["Instances"]
    assert (launch["Lifecycle"], launch["InstanceType"], len(launch["InstanceIds"])) == ("on-demand", "t3.micro", 2)
    told = launch["LaunchTemplateAndOverrides"]["LaunchTemplateSpecification"]
    assert told == {"LaunchTemplateId": template, "Version": "1"}
    one = instance(ec2, launch["InstanceIds"][0])
    found = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
    assert found["aws:ec2:fleet-id"] == made["FleetId"] and found["a"] == "instance"
    assert found["aws:ec2launchtemplate:id"] == template
    row = shown(ec2, made["FleetId"])
    assert (row["FulfilledCapacity"], row["FulfilledOnDemandCapacity"], row["FleetState"]) == (2.0, 2.0, "active")
    assert row["Instances"][0]["InstanceIds"] == launch["InstanceIds"] and row["Tags"] == tags[0]["Tags"]
    assert ec2.describe_fleets()["Fleets"] == []
    ec2.create_tags(Resources=[made["FleetId"]], Tags=[{"Key": "b", "Value": "c"}])
    assert {"Key": "b", "Value": "c"} in shown(ec2, made["FleetId"])["Tags"]


def test_instant_fleet_tells_what_it_could_not(ec2, template):
    """A price below the market's is an error of the answer, not of the request."""
    made = created(ec2, template, [{"InstanceType": "c5.large", "MaxPrice": "0.0001"}], market="spot", Type="instant")
    assert made["Instances"] == []
    (error,) = made["Errors"]
    assert (error["ErrorCode"], error["Lifecycle"]) == ("SpotMaxPriceTooLow", "spot")
    assert error["LaunchTemplateAndOverrides"]["Overrides"]["InstanceType"] == "c5.large"


def test_maintained_fleet_replaces_what_ends(ec2, template):
    """Up to the target, again after a termination, up and down as it is modified; then its end."""
    identifier = created(ec2, template)["FleetId"]
    assert filled(ec2, identifier, 2)["FleetState"] == "active"
    first = members(ec2, identifier)
    ec2.terminate_instances(InstanceIds=first[:1])
    until(lambda: len(members(ec2, identifier)) == 2 and first[0] not in members(ec2, identifier))
    ec2.modify_fleet(FleetId=identifier, TargetCapacitySpecification={"TotalTargetCapacity": 4})
    filled(ec2, identifier, 4)
    ec2.modify_fleet(FleetId=identifier, TargetCapacitySpecification={"TotalTargetCapacity": 1})
    filled(ec2, identifier, 1)
    (last,) = members(ec2, identifier)
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    records = ec2.describe_fleet_history(FleetId=identifier, StartTime=start)["HistoryRecords"]
    subtypes = [record["EventInformation"]["EventSubType"] for record in records]
    assert subtypes.count("launched") == 5 and subtypes.count("terminated") >= 3 and "submitted" in subtypes
    asked = ec2.describe_fleet_history(FleetId=identifier, StartTime=start, EventType="fleet-change")
    assert {record["EventType"] for record in asked["HistoryRecords"]} == {"fleet-change"}
    (done,) = ec2.delete_fleets(FleetIds=[identifier], TerminateInstances=True)["SuccessfulFleetDeletions"]
    assert (done["PreviousFleetState"], done["CurrentFleetState"]) == ("active", "deleted_terminating")
    until(lambda: shown(ec2, identifier)["FleetState"] == "deleted")
    assert instance(ec2, last)["State"]["Name"] == "terminated"


def test_request_fleet_launches_once(ec2, template):
    """What ends isn't replaced; deleted without its instances, it waits for their end."""
    identifier = created(ec2, template, Type="request", market="spot")["FleetId"]
    filled(ec2, identifier, 2)
    first, second = members(ec2, identifier)
    one = instance(ec2, first)
    assert one["InstanceLifecycle"] == "spot" and one["SpotInstanceRequestId"].startswith("sir-")
    ec2.terminate_instances(InstanceIds=[first])
    until(lambda: shown(ec2, identifier)["FulfilledCapacity"] == 1.0)
    assert refused(ec2.modify_fleet, FleetId=identifier, TargetCapacitySpecification={"TotalTargetCapacity": 4})[0] == (
        "UnsupportedOperation"
    )
    ec2.delete_fleets(FleetIds=[identifier], TerminateInstances=False)
    assert shown(ec2, identifier)["FleetState"] == "deleted_running"
    ec2.terminate_instances(InstanceIds=[second])
    until(lambda: shown(ec2, identifier)["FleetState"] == "deleted")


def test_weights_subnets_and_strategies(ec2, template):
    """Capacity in units, pools spread evenly or by priority, subnets of overrides."""
    subnets = {one["AvailabilityZone"]: one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]}
    spread = [{"SubnetId": subnets[zone], "WeightedCapacity": 2} for zone in ("us-east-1a", "us-east-1b")]
    made = created(
        ec2,
        template,
        spread,
        total=7,
        market="spot",
        Type="instant",
        SpotOptions={"AllocationStrategy": "diversified"},
    )
    found = {one["AvailabilityZone"]: len(one["InstanceIds"]) for one in made["Instances"]}
    assert found == {"us-east-1a": 2, "us-east-1b": 2}
    assert shown(ec2, made["FleetId"])["FulfilledCapacity"] == 8.0
    ordered = [{"InstanceType": "t3.small", "Priority": 2.0}, {"InstanceType": "t3.nano", "Priority": 1.0}]
    options = {"AllocationStrategy": "prioritized"}
    made = created(ec2, template, ordered, total=1, Type="instant", OnDemandOptions=options)
    assert made["Instances"][0]["InstanceType"] == "t3.nano"
    camel = {"AllocationStrategy": "lowestPrice"}
    assert created(ec2, template, Type="instant", OnDemandOptions=camel)["Errors"] == []
    assert refused(created, ec2=ec2, template=template, OnDemandOptions={"AllocationStrategy": "dearest"})[0] == (
        "InvalidParameterValue"
    )


def test_types_by_requirements(ec2, template):
    """Attribute-based selection: any type that fits."""
    wanted = {
        "VCpuCount": {"Min": 2, "Max": 2},
        "MemoryMiB": {"Min": 4096, "Max": 4096},
        "AllowedInstanceTypes": ["t3*", "c5.large"],
        "BurstablePerformance": "included",
    }
    made = created(ec2, template, [{"InstanceRequirements": wanted}], total=1, Type="instant")
    assert made["Instances"][0]["InstanceType"] == "t3a.medium"  # the cheapest of t3.medium, t3a.medium and c5.large


def test_what_is_refused(ec2, template):
    """Before anything is launched; a token makes one fleet."""
    absent = "lt-0123456789abcdef0"
    assert refused(created, ec2=ec2, template=absent)[0] == "InvalidLaunchTemplateId.NotFound"
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    assert refused(created, ec2=ec2, template=template, ValidUntil=past)[0] == "InvalidParameterValue"
    assert refused(created, ec2=ec2, template=template, total=-1)[0] == "InvalidParameterValue"
    assert refused(created, ec2=ec2, template=template, SpotOptions={"SingleInstanceType": True})[0] == (
        "InvalidParameterCombination"
    )
    unknown = f"fleet-{uuid.uuid4()}"
    assert refused(ec2.describe_fleets, FleetIds=[unknown])[0] == "InvalidFleetId.NotFound"
    (error,) = ec2.delete_fleets(FleetIds=[unknown], TerminateInstances=True)["UnsuccessfulFleetDeletions"]
    assert error["Error"]["Code"] == "fleetIdDoesNotExist"
    token = str(uuid.uuid4())
    first = created(ec2, template, Type="instant", ClientToken=token)
    assert created(ec2, template, Type="instant", ClientToken=token)["FleetId"] == first["FleetId"]
    assert (
        ec2.describe_instances()["Reservations"][0]["Instances"][0]["InstanceId"]
        and len([one for held in ec2.describe_instances()["Reservations"] for one in held["Instances"]]) == 2
    )


@pytest.fixture
def small():
    """EC2 of a cloud whose machines have 1 GiB in all: 2 GiB may be promised."""
    cloud = pretending(RunningCloud("--log-level", "warning"))
    (cloud.data / "engines" / "machines" / "fake").write_text("1024")
    yield cloud.start().client("ec2", account="510000990003")
    cloud.close()


def test_fleet_waits_for_capacity(small):
    """What doesn't fit stays wanted; the history says why."""
    data = {"ImageId": image(small), "InstanceType": "t3.micro"}
    made = small.create_launch_template(LaunchTemplateName="fleet", LaunchTemplateData=data)
    identifier = created(small, made["LaunchTemplate"]["LaunchTemplateId"], total=3)["FleetId"]
    until(lambda: shown(small, identifier)["FulfilledCapacity"] == 2.0)
    until(lambda: shown(small, identifier)["FleetState"] == "active")
    assert shown(small, identifier)["ActivityStatus"] in ("error", "pending_fulfillment")
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    asked = small.describe_fleet_history(FleetId=identifier, StartTime=start, EventType="service-error")
    subtypes = {record["EventInformation"]["EventSubType"] for record in asked["HistoryRecords"]}
    assert subtypes == {"InsufficientInstanceCapacity"}


def test_events_tell_of_fleets(cloud, account, ec2, template):
    """EventBridge hears of launches, in the words of EC2 Fleet and of the Spot request behind it."""
    sqs, events = cloud.client("sqs", account=account), cloud.client("events", account=account)
    queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    kinds = ["EC2 Fleet Instance Change", "EC2 Spot Instance Request Fulfillment"]
    events.put_rule(Name="fleets", EventPattern=json.dumps({"detail-type": kinds}))
    events.put_targets(Rule="fleets", Targets=[{"Id": "1", "Arn": arn}])
    made = created(ec2, template, total=1, market="spot", Type="instant")
    (identifier,) = made["Instances"][0]["InstanceIds"]
    heard: dict[str, dict] = {}

    def listen() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ()):
            event = json.loads(message["Body"])
            heard[event["detail-type"]] = event
        return set(heard) == set(kinds)

    until(listen)
    assert heard[kinds[0]]["source"] == "aws.ec2fleet" and heard[kinds[0]]["detail"]["sub-type"] == "launched"
    assert heard[kinds[0]]["resources"][0].endswith(f":fleet/{made['FleetId']}")
    assert heard[kinds[1]]["detail"]["instance-id"] == identifier


def spot_fleet(ec2, *, target: int = 2, specifications=None, **options) -> str:
    config = {"IamFleetRole": ROLE, "TargetCapacity": target, **options}
    config["LaunchSpecifications"] = specifications or [{"ImageId": image(ec2), "InstanceType": "t3.micro"}]
    return ec2.request_spot_fleet(SpotFleetRequestConfig=config)["SpotFleetRequestId"]


def test_spot_fleet_lives_and_dies(ec2):
    """The older API: requested, filled with Spot and On-Demand Instances, modified, cancelled with its instances."""
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]
    specification = {"ImageId": image(ec2), "InstanceType": "t3.micro", "TagSpecifications": tags}
    identifier = spot_fleet(ec2, target=3, specifications=[specification], OnDemandTargetCapacity=1)
    assert identifier.startswith("sfr-")

    def shown_now() -> dict:
        return ec2.describe_spot_fleet_requests(SpotFleetRequestIds=[identifier])["SpotFleetRequestConfigs"][0]

    def has(units: float) -> dict:
        return until(
            lambda: (
                (row := shown_now())["SpotFleetRequestConfig"]["FulfilledCapacity"] == units
                and row["ActivityStatus"] == "fulfilled"
                and row
            )
        )

    row = has(3.0)
    assert row["SpotFleetRequestState"] == "active"
    assert row["SpotFleetRequestConfig"]["OnDemandFulfilledCapacity"] == 1.0
    active = ec2.describe_spot_fleet_instances(SpotFleetRequestId=identifier)["ActiveInstances"]
    assert len(active) == 3 and sum("SpotInstanceRequestId" in one for one in active) == 2
    found = {tag["Key"]: tag["Value"] for tag in instance(ec2, active[0]["InstanceId"])["Tags"]}
    assert found == {"a": "b", "aws:ec2spot:fleet-request-id": identifier}
    ec2.modify_spot_fleet_request(SpotFleetRequestId=identifier, TargetCapacity=1, OnDemandTargetCapacity=0)
    has(1.0)
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    records = ec2.describe_spot_fleet_request_history(SpotFleetRequestId=identifier, StartTime=start)["HistoryRecords"]
    assert {"fleetRequestChange", "instanceChange"} == {record["EventType"] for record in records}
    told = ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[identifier], TerminateInstances=True)
    assert told["SuccessfulFleetRequests"][0]["CurrentSpotFleetRequestState"] == "cancelled_terminating"
    until(lambda: shown_now()["SpotFleetRequestState"] == "cancelled")
    again = ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[identifier], TerminateInstances=True)
    assert again["UnsuccessfulFleetRequests"][0]["Error"]["Code"] == "fleetRequestNotInCancellableState"


def test_expired_spot_fleet_ends_its_instances(ec2):
    """TerminateInstancesWithExpiration is the default of this API."""
    until_then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    identifier = spot_fleet(ec2, target=1, ValidUntil=until_then)
    until(
        lambda: (
            ec2.describe_spot_fleet_requests(SpotFleetRequestIds=[identifier])["SpotFleetRequestConfigs"][0][
                "SpotFleetRequestState"
            ]
            == "cancelled"
        )
    )
    assert ec2.describe_spot_fleet_instances(SpotFleetRequestId=identifier)["ActiveInstances"] == []
