"""Where policies count: functions say who may call them, connections who may write to them, roles what is behind."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import InvalidStatus

from tests.api.apigatewayv2.making import Api, SocketApi, event_of, function

HANDLER = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'yes'}\n"


def _user(cloud, name: str, *statements: dict) -> dict[str, str]:
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def test_policies_decide(fresh_cloud) -> None:
    """A function without a permission isn't called; a role sends messages; verbs on paths are rights."""
    cloud = fresh_cloud("--enforce-iam")
    gateway, iam = cloud.client("apigatewayv2"), cloud.client("iam")
    services = {"Service": ["apigateway.amazonaws.com", "lambda.amazonaws.com"]}
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": services}],
    }
    iam.create_role(RoleName="any", AssumeRolePolicyDocument=json.dumps(trust))
    arn = function(cloud.client, "guarded", HANDLER)
    api = Api(cloud, gateway)
    api.route("GET /x/{id}", api.integration(arn))
    assert api.call("/x/1").status == 500
    cloud.client("lambda").add_permission(
        FunctionName="guarded",
        StatementId="gateway",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{api.id}/*/*/x/{{id}}",
    )
    assert api.call("/x/1").body == b"yes"
    url = cloud.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    for name, status in (("may", 200), ("may-not", 403)):
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        if status == 200:
            allow = [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]
            document = json.dumps({"Version": "2012-10-17", "Statement": allow})
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
        integration = api.integration(
            "", IntegrationSubtype="SQS-SendMessage", PayloadFormatVersion="1.0", CredentialsArn=role,
            RequestParameters={"QueueUrl": url, "MessageBody": "hi"},
        )  # fmt: skip
        api.route(f"POST /{name}", integration)
        assert api.call(f"/{name}", "POST", b"").status == status
    denied = boto3.client("apigatewayv2", endpoint_url=cloud.url, region_name="us-east-1",
                          **_user(cloud, "nobody", {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}))  # fmt: skip
    with pytest.raises(ClientError) as refused:
        denied.get_api(ApiId=api.id)
    assert "apigateway:GET" in refused.value.response["Error"]["Message"]


def test_connections_are_guarded(fresh_cloud) -> None:
    """execute-api:ManageConnections on the connection's own ARN; execute-api:Invoke on $connect."""
    cloud = fresh_cloud("--enforce-iam")
    api = SocketApi(cloud, cloud.client("apigatewayv2"))
    answer = api.mock('{"requestContext": {"connectionId": "$context.connectionId"}}')
    route = api.route("$connect", api.mock())
    api.route("$default", answer, answers=True)
    resource = f"arn:aws:execute-api:us-east-1:000000000000:{api.id}/dev/POST/@connections/*"
    allowed = {"Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": resource}
    may = _user(cloud, "may", allowed)
    other = _user(cloud, "other", {**allowed, "Resource": resource.replace("/dev/", "/prod/")})
    with api.connect() as socket:
        identity = event_of(socket)["requestContext"]["connectionId"]
        for keys, status in ((may, 200), (other, 403)):
            url = f"{cloud.url}/_aws/execute-api/{api.id}/dev"
            writer = boto3.client("apigatewaymanagementapi", endpoint_url=url, region_name="us-east-1", **keys)
            if status == 200:
                writer.post_to_connection(ConnectionId=identity, Data=b"hello")
                assert socket.recv(timeout=10) == "hello"
            else:
                with pytest.raises(ClientError) as refused:
                    writer.post_to_connection(ConnectionId=identity, Data=b"hello")
                assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    api.gateway.update_route(ApiId=api.id, RouteId=route, AuthorizationType="AWS_IAM")
    with pytest.raises(InvalidStatus) as unsigned, api.connect():
        pass
    assert unsigned.value.response.status_code == 403
