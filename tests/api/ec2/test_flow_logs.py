"""Flow logs: of which resources, where to, in which format."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of

ROLE = "arn:aws:iam::510000000000:role/flows"


@pytest.fixture
def default(ec2):
    return ec2.describe_vpcs()["Vpcs"][0]["VpcId"]


def created(ec2, *resources, **options):
    asked = {"ResourceType": "VPC", "TrafficType": "ALL", "ResourceIds": list(resources)}
    return ec2.create_flow_logs(**asked | options)


def test_a_flow_log_lives_and_dies(ec2, account, default):
    """What AWS fills in: destination, default format, ten minutes; a second one like it is refused."""
    to = {"LogGroupName": "flows", "DeliverLogsPermissionArn": ROLE}
    (identifier,) = created(ec2, default, **to)["FlowLogIds"]
    (shown,) = ec2.describe_flow_logs(Filter=[{"Name": "resource-id", "Values": [default]}])["FlowLogs"]
    assert shown["LogDestination"] == f"arn:aws:logs:us-east-1:{account}:log-group:flows"
    assert (shown["MaxAggregationInterval"], shown["FlowLogStatus"], shown["DeliverLogsStatus"]) == (
        600,
        "ACTIVE",
        "SUCCESS",
    )
    assert shown["LogFormat"].startswith("${version} ${account-id} ${interface-id}")
    with pytest.raises(ClientError) as error:
        created(ec2, default, **to)
    assert code_of(error)[0] == "FlowLogAlreadyExists"
    assert ec2.delete_flow_logs(FlowLogIds=[identifier])["Unsuccessful"] == []
    with pytest.raises(ClientError) as error:
        ec2.delete_flow_logs(FlowLogIds=[identifier])
    assert code_of(error)[0] == "InvalidFlowLogId.NotFound"


def test_some_resources_may_not_be_there(cloud, account, ec2, default):
    """Those that are get theirs; the others are told apart. Nobody gets one that leads to no bucket."""
    bucket = f"flows-{account}"
    to = {"LogDestinationType": "s3", "LogDestination": f"arn:aws:s3:::{bucket}/logs"}
    (lost,) = created(ec2, default, **to)["Unsuccessful"]
    assert lost["Error"] == {"Code": "400", "Message": f"LogDestination: {bucket} does not exist."}
    cloud.client("s3", account=account).create_bucket(Bucket=bucket)
    answer = created(ec2, default, "vpc-0123456789abcdef0", **to)
    assert len(answer["FlowLogIds"]) == 1
    assert answer["Unsuccessful"][0]["Error"]["Code"] == "InvalidVpcID.NotFound"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"LogGroupName": "a"}, "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs."),
        ({"DeliverLogsPermissionArn": ROLE}, "LogDestination can't be empty if LogGroupName is not provided."),
        (
            {"LogDestinationType": "s3", "LogGroupName": "a"},
            "LogDestination type must be cloud-watch-logs if LogGroupName is provided.",
        ),
        (
            {"LogGroupName": "a", "DeliverLogsPermissionArn": ROLE, "MaxAggregationInterval": 30},
            "Invalid Flow Log Max Aggregation Interval",
        ),
        (
            {"LogGroupName": "a", "DeliverLogsPermissionArn": ROLE, "LogFormat": "${srcaddr} ${colour}"},
            "Unknown field: ${colour}",
        ),
    ],
)
def test_what_cannot_be_is_refused(ec2, default, options, message):
    """Before anything is made, in AWS's words."""
    with pytest.raises(ClientError) as error:
        created(ec2, default, **options)
    assert code_of(error) == ("InvalidParameter", message)
