"""Spot requests: what they launch, how they follow their instances, how they end."""

from __future__ import annotations

import datetime
import gzip
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import image, instance, launched, pretending, reached, until
from tests.running import RunningCloud


def refused(call, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return code_of(error)


def requested(ec2, specification=None, **options) -> dict:
    asked = {"ImageId": image(ec2), "InstanceType": "t3.micro", **(specification or {})}
    return ec2.request_spot_instances(LaunchSpecification=asked, **options)["SpotInstanceRequests"][0]


def shown(ec2, identifier: str) -> dict:
    return ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[identifier])["SpotInstanceRequests"][0]


def came_to(ec2, identifier: str, code: str) -> dict:
    """The request, once its status is `code`."""
    return until(lambda: (found := shown(ec2, identifier))["Status"]["Code"] == code and found)


def test_request_is_fulfilled_by_a_real_instance(ec2):
    """Open, then active with an instance that says where it came from; closed when the instance goes."""
    tags = [{"ResourceType": "spot-instances-request", "Tags": [{"Key": "a", "Value": "b"}]}]
    made = requested(ec2, TagSpecifications=tags)
    assert (made["State"], made["Status"]["Code"], made["Type"]) == ("open", "pending-evaluation", "one-time")
    identifier = made["SpotInstanceRequestId"]
    assert identifier.startswith("sir-") and len(identifier) == 12 and made["Tags"] == tags[0]["Tags"]
    row = came_to(ec2, identifier, "fulfilled")
    assert row["State"] == "active" and row["Status"]["Message"] == "Your spot request is fulfilled."
    one = reached(ec2, row["InstanceId"], "running")
    assert (one["InstanceLifecycle"], one["SpotInstanceRequestId"]) == ("spot", identifier)
    assert row["LaunchedAvailabilityZone"] == one["Placement"]["AvailabilityZone"]
    assert row["LaunchSpecification"]["InstanceType"] == "t3.micro"
    assert refused(ec2.stop_instances, InstanceIds=[row["InstanceId"]])[0] == "UnsupportedOperation"
    ec2.terminate_instances(InstanceIds=[row["InstanceId"]])
    assert came_to(ec2, identifier, "instance-terminated-by-user")["State"] == "closed"


def test_waiter_and_filters(ec2):
    """boto3's own waiter is content; filters look into the launch specification."""
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    made = requested(ec2, {"SecurityGroupIds": [group]}, InstanceCount=2)
    identifier = made["SpotInstanceRequestId"]
    ec2.get_waiter("spot_instance_request_fulfilled").wait(
        SpotInstanceRequestIds=[identifier], WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )

    def found(name: str, value: str) -> int:
        asked = [{"Name": name, "Values": [value]}]
        return len(ec2.describe_spot_instance_requests(Filters=asked)["SpotInstanceRequests"])

    assert found("launch.group-id", group) == 2 and found("launch.group-name", "web") == 2
    assert found("launch.instance-type", "t3.*") == 2 and found("state", "cancelled") == 0
    assert found("spot-instance-request-id", identifier) == 1


def test_persistent_request_launches_again(ec2):
    """While it isn't cancelled; stopping its instance disables it, starting enables it again."""
    identifier = requested(ec2, Type="persistent")["SpotInstanceRequestId"]
    first = came_to(ec2, identifier, "fulfilled")["InstanceId"]
    reached(ec2, first, "running")
    ec2.stop_instances(InstanceIds=[first])
    assert came_to(ec2, identifier, "instance-stopped-by-user")["State"] == "disabled"
    reached(ec2, first, "stopped")
    ec2.start_instances(InstanceIds=[first])
    assert came_to(ec2, identifier, "fulfilled")["State"] == "active"
    ec2.terminate_instances(InstanceIds=[first])
    second = until(lambda: (now := shown(ec2, identifier)).get("InstanceId") not in (None, first) and now)
    assert second["State"] == "active"
    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[identifier])
    ec2.terminate_instances(InstanceIds=[second["InstanceId"]])
    assert came_to(ec2, identifier, "instance-terminated-by-user")["State"] == "cancelled"


def test_cancelling_leaves_the_instance(ec2):
    """As the status says; one that wasn't fulfilled yet never is."""
    identifier = requested(ec2)["SpotInstanceRequestId"]
    row = came_to(ec2, identifier, "fulfilled")
    told = ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[identifier])["CancelledSpotInstanceRequests"]
    assert told == [{"SpotInstanceRequestId": identifier, "State": "cancelled"}]
    assert shown(ec2, identifier)["Status"]["Code"] == "request-canceled-and-instance-running"
    assert instance(ec2, row["InstanceId"])["State"]["Name"] in ("pending", "running")
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    waiting = requested(ec2, ValidFrom=later)["SpotInstanceRequestId"]
    came_to(ec2, waiting, "not-scheduled-yet")
    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[waiting])
    assert shown(ec2, waiting)["Status"]["Code"] == "canceled-before-fulfillment"
    assert refused(ec2.cancel_spot_instance_requests, SpotInstanceRequestIds=["sir-0000aaaa"])[0] == (
        "InvalidSpotInstanceRequestID.NotFound"
    )


def test_run_instances_makes_requests(ec2):
    """InstanceMarketOptions: a request for each instance, fulfilled at once, with its own tags."""
    market = {"MarketType": "spot", "SpotOptions": {"MaxPrice": "1.5", "SpotInstanceType": "persistent"}}
    tags = [{"ResourceType": "spot-instances-request", "Tags": [{"Key": "a", "Value": "b"}]}]
    made = launched(ec2, MinCount=2, MaxCount=2, InstanceMarketOptions=market, TagSpecifications=tags)
    requests = {one["SpotInstanceRequestId"]: one["InstanceId"] for one in made}
    rows = ec2.describe_spot_instance_requests(SpotInstanceRequestIds=list(requests))["SpotInstanceRequests"]
    assert {row["SpotInstanceRequestId"]: row["InstanceId"] for row in rows} == requests
    assert {(row["State"], row["Type"], row["SpotPrice"]) for row in rows} == {("active", "persistent", "1.500000")}
    assert rows[0]["Tags"] == tags[0]["Tags"]


def test_what_is_refused(ec2):
    """Before anything is written down; a token asks once."""
    assert refused(requested, ec2=ec2, specification={"ImageId": "ami-0123456789abcdef0"})[0] == (
        "InvalidAMIID.NotFound"
    )
    assert refused(requested, ec2=ec2, SpotPrice="cheap")[0] == "InvalidParameterValue"
    assert refused(requested, ec2=ec2, InstanceCount=0)[0] == "InvalidParameterValue"
    assert refused(requested, ec2=ec2, InstanceInterruptionBehavior="stop")[0] == "InvalidParameterCombination"
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    assert refused(requested, ec2=ec2, ValidUntil=past)[0] == "InvalidParameterValue"
    assert refused(ec2.describe_spot_instance_requests, SpotInstanceRequestIds=["sir-0000aaaa"]) == (
        "InvalidSpotInstanceRequestID.NotFound",
        "The spot instance request ID 'sir-0000aaaa' does not exist",
    )
    assert ec2.describe_spot_instance_requests()["SpotInstanceRequests"] == []
    token = str(uuid.uuid4())
    first = requested(ec2, ClientToken=token)["SpotInstanceRequestId"]
    assert requested(ec2, ClientToken=token)["SpotInstanceRequestId"] == first


@pytest.fixture
def hourly():
    """A cloud whose hours are seconds."""
    cloud = pretending(RunningCloud("--log-level", "warning", "--clock-rate", "1800")).start()
    yield cloud
    cloud.close()


def test_data_feed_is_a_file_each_hour(hourly):
    """In the bucket that was named, with a line for each Spot Instance that ran."""
    ec2, s3 = hourly.client("ec2"), hourly.client("s3")
    assert refused(ec2.describe_spot_datafeed_subscription)[0] == "InvalidSpotDatafeed.NotFound"
    assert refused(ec2.create_spot_datafeed_subscription, Bucket="absent")[0] == "InaccessibleStorageLocation"
    s3.create_bucket(Bucket="feed")
    made = ec2.create_spot_datafeed_subscription(Bucket="feed", Prefix="spot")["SpotDatafeedSubscription"]
    assert (made["State"], made["OwnerId"]) == ("Active", "000000000000")
    (one,) = launched(ec2, InstanceMarketOptions={"MarketType": "spot"})
    keys = until(lambda: [held["Key"] for held in s3.list_objects_v2(Bucket="feed").get("Contents", ())])
    assert keys[0].startswith("spot/000000000000.") and keys[0].endswith(".gz")
    lines = gzip.decompress(s3.get_object(Bucket="feed", Key=keys[0])["Body"].read()).decode().splitlines()
    assert lines[1].startswith("#Fields: Timestamp UsageType")
    fields = lines[2].split("\t")
    assert fields[1] == "SpotUsage:t3.micro" and fields[3:5] == [one["InstanceId"], one["SpotInstanceRequestId"]]
    ec2.delete_spot_datafeed_subscription()
    assert refused(ec2.describe_spot_datafeed_subscription)[0] == "InvalidSpotDatafeed.NotFound"
