"""What surrounds functions: policies, concurrency, tags, destinations, listings, and Node.js beside Python."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.lambda_.test_functions import archive, create, invoke, until


def refused(function: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        function(**given)
    return str(caught.value.response["Error"]["Code"])


def test_permissions_are_a_policy(client: Any, unique: Any) -> None:
    """Statements are added and removed one by one."""
    mine, aws = unique("permit"), client("lambda")
    arn = create(client, mine)["FunctionArn"]
    assert refused(aws.get_policy, FunctionName=mine) == "ResourceNotFoundException"
    given = {"FunctionName": mine, "StatementId": "s3", "Action": "lambda:InvokeFunction"}
    made = aws.add_permission(**given, Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::b")
    assert json.loads(made["Statement"])["Condition"] == {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}}
    assert refused(aws.add_permission, **given, Principal="s3.amazonaws.com") == "ResourceConflictException"
    assert json.loads(aws.get_policy(FunctionName=mine)["Policy"])["Statement"][0]["Resource"] == arn
    aws.remove_permission(FunctionName=mine, StatementId="s3")
    assert refused(aws.get_policy, FunctionName=mine) == "ResourceNotFoundException"


def test_settings_are_kept(client: Any, unique: Any) -> None:
    """Concurrency, recursion, runtime management, tags, asynchronous settings."""
    mine, aws = unique("kept"), client("lambda")
    arn = create(client, mine, Tags={"a": "1"}, Publish=True)["FunctionArn"].removesuffix(":1")
    aws.put_function_concurrency(FunctionName=mine, ReservedConcurrentExecutions=3)
    assert aws.get_function_concurrency(FunctionName=mine)["ReservedConcurrentExecutions"] == 3
    assert aws.get_function(FunctionName=mine)["Concurrency"] == {"ReservedConcurrentExecutions": 3}
    aws.delete_function_concurrency(FunctionName=mine)
    assert "ReservedConcurrentExecutions" not in aws.get_function_concurrency(FunctionName=mine)
    assert aws.get_function_recursion_config(FunctionName=mine)["RecursiveLoop"] == "Terminate"
    aws.put_function_recursion_config(FunctionName=mine, RecursiveLoop="Allow")
    assert aws.get_function_recursion_config(FunctionName=mine)["RecursiveLoop"] == "Allow"
    assert aws.get_runtime_management_config(FunctionName=mine)["UpdateRuntimeOn"] == "Auto"
    aws.tag_resource(Resource=arn, Tags={"b": "2"})
    aws.untag_resource(Resource=arn, TagKeys=["a"])
    assert aws.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    aws.put_function_event_invoke_config(FunctionName=mine, MaximumRetryAttempts=0)
    assert aws.get_function_event_invoke_config(FunctionName=mine)["MaximumRetryAttempts"] == 0
    aws.delete_function_event_invoke_config(FunctionName=mine)
    assert refused(aws.get_function_event_invoke_config, FunctionName=mine) == "ResourceNotFoundException"
    told = aws.put_provisioned_concurrency_config(FunctionName=mine, Qualifier="1", ProvisionedConcurrentExecutions=1)
    assert told["Status"] == "IN_PROGRESS"
    told = aws.get_provisioned_concurrency_config(FunctionName=mine, Qualifier="1")
    assert told["AvailableProvisionedConcurrentExecutions"] == 1
    aws.delete_provisioned_concurrency_config(FunctionName=mine, Qualifier="1")
    aws.delete_function(FunctionName=mine)
    assert refused(aws.get_function, FunctionName=mine) == "ResourceNotFoundException"


def test_code_signing_is_data(client: Any, unique: Any) -> None:
    """Configurations are kept, and not deleted while a function has them."""
    mine, aws = unique("signed"), client("lambda")
    create(client, mine)
    publishers = {"SigningProfileVersionArns": ["arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/aaaaaaaaaa"]}
    arn = aws.create_code_signing_config(AllowedPublishers=publishers)["CodeSigningConfig"]["CodeSigningConfigArn"]
    aws.put_function_code_signing_config(FunctionName=mine, CodeSigningConfigArn=arn)
    assert len(aws.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"]) == 1
    assert refused(aws.delete_code_signing_config, CodeSigningConfigArn=arn) == "ResourceConflictException"
    aws.delete_function_code_signing_config(FunctionName=mine)
    aws.delete_code_signing_config(CodeSigningConfigArn=arn)


def test_layers_have_policies(client: Any, unique: Any) -> None:
    """Sharing a layer with another account."""
    mine, aws = unique("layer"), client("lambda")
    aws.publish_layer_version(LayerName=mine, Content={"ZipFile": archive("", "python/a.py")})
    given = {"LayerName": mine, "VersionNumber": 1}
    aws.add_layer_version_permission(
        **given, StatementId="x", Action="lambda:GetLayerVersion", Principal="111111111111"
    )
    assert "111111111111" in aws.get_layer_version_policy(**given)["Policy"]
    aws.remove_layer_version_permission(**given, StatementId="x")
    assert refused(aws.get_layer_version_policy, **given) == "ResourceNotFoundException"
    assert aws.list_layer_versions(LayerName=mine)["LayerVersions"][0]["Version"] == 1
    aws.delete_layer_version(**given)
    assert refused(aws.get_layer_version, **given) == "ResourceNotFoundException"


def test_destinations_are_told(client: Any, unique: Any) -> None:
    """What becomes of an event arrives in a queue."""
    mine, aws = unique("told"), client("lambda")
    create(client, mine)
    url = client("sqs").create_queue(QueueName=mine)["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["QueueArn"]
    both = {"OnSuccess": {"Destination": arn}, "OnFailure": {"Destination": arn}}
    aws.put_function_event_invoke_config(FunctionName=mine, MaximumRetryAttempts=0, DestinationConfig=both)
    for event, condition in (({"do": "echo"}, "Success"), ({"do": "raise"}, "RetriesExhausted")):
        invoke(client, mine, event, InvocationType="Event")
        found = until(lambda: client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"))
        record = json.loads(found[0]["Body"])
        assert record["requestContext"]["condition"] == condition
        assert record["requestPayload"] == event
        client("sqs").delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])


def test_listings_have_pages(client: Any, unique: Any) -> None:
    """Markers lead through every version."""
    mine, aws = unique("pages"), client("lambda")
    create(client, mine, Publish=True)
    first = aws.list_versions_by_function(FunctionName=mine, MaxItems=1)
    second = aws.list_versions_by_function(FunctionName=mine, MaxItems=1, Marker=first["NextMarker"])
    assert [first["Versions"][0]["Version"], second["Versions"][0]["Version"]] == ["$LATEST", "1"]
    assert mine in [
        one["FunctionName"] for one in aws.get_paginator("list_functions").paginate().build_full_result()["Functions"]
    ]
    aws.update_function_configuration(FunctionName=mine, Timeout=9, Environment={"Variables": {"WORD": "said"}})
    aws.get_waiter("function_updated_v2").wait(FunctionName=mine)
    assert invoke(client, mine, {"do": "environment"})[0]["WORD"] == "said"


def test_responses_are_streamed(client: Any, unique: Any) -> None:
    """InvokeWithResponseStream tells the pieces and the end."""
    mine = unique("pieces")
    create(client, mine)
    answer = client("lambda").invoke_with_response_stream(FunctionName=mine, Payload=b'{"do": "echo"}')
    events = list(answer["EventStream"])
    assert json.loads(events[0]["PayloadChunk"]["Payload"]) == {"do": "echo"}
    assert "InvokeComplete" in events[-1]


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not on this machine")
def test_node_runs_too(client: Any, unique: Any) -> None:
    """The second runtime out of the box."""
    mine = unique("node")
    text = "exports.handler = async (event) => ({ got: event, version: process.version });\n"
    try:
        create(client, mine, Runtime="nodejs20.x", Code={"ZipFile": archive(text, "index.js")})
    except ClientError:
        pytest.skip("another version of Node.js is on this machine")
    assert invoke(client, mine, {"a": 1})[0]["got"] == {"a": 1}


def test_a_bootstrap_of_ones_own(client: Any, unique: Any) -> None:
    """provided.al2023 runs what the archive brings, in any language that speaks the Runtime API."""
    mine = unique("own")
    text = (
        "#!/bin/sh\nwhile true; do\n"
        'H=$(mktemp)\nE=$(curl -sS -D "$H" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")\n'
        "I=$(grep -i lambda-runtime-aws-request-id \"$H\" | tr -d '[:space:]' | cut -d: -f2)\n"
        'curl -sS -X POST "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$I/response" -d "$E"\ndone\n'
    )
    if shutil.which("curl") is None:
        pytest.skip("curl is not on this machine")
    create(client, mine, Runtime="provided.al2023", Code={"ZipFile": executable(text)})
    assert invoke(client, mine, {"a": 1})[0] == {"a": 1}


def executable(text: str) -> bytes:
    import io
    import zipfile

    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0o100755 << 16
        made.writestr(info, text)
    return data.getvalue()
