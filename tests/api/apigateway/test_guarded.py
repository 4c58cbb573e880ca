"""Where policies count: verbs on paths for the control plane, signatures and roles for what is behind an API."""

from __future__ import annotations

import io
import json
import sys
import zipfile

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from tests.api.apigateway.making import Api, mock, proxy


def _user(cloud, name: str, *statements: dict) -> tuple[str, str]:
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _signed(api: Api, path: str, keys: tuple[str, str]):
    host = f"{api.id}.execute-api.localhost:{api.cloud.port}"
    request = AWSRequest("GET", f"http://{host}/dev{path}", headers={"Host": host})
    SigV4Auth(boto3.Session(*keys).get_credentials(), "execute-api", "us-east-1").add_auth(request)
    return api.call(path, headers=dict(request.headers))


def test_policies_decide(fresh_cloud) -> None:
    """GET on /restapis is a right of its own; Invoke is decided path by path; an integration has its role's rights."""
    cloud = fresh_cloud("--enforce-iam")
    iam, gateway = cloud.client("iam"), cloud.client("apigateway")
    url = cloud.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "apigateway.amazonaws.com"}}
        ],
    }
    roles = {}
    for name in ("may", "may-not"):
        roles[name] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}
    iam.put_role_policy(RoleName="may", PolicyName="p", PolicyDocument=json.dumps(allow))

    def send(role: str) -> dict:
        integration = {
            "type": "aws",
            "httpMethod": "POST",
            "credentials": role,
            "uri": "arn:aws:apigateway:us-east-1:sqs:path/000000000000/q",
            "requestParameters": {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
            "requestTemplates": {"application/json": "Action=SendMessage&MessageBody=hi"},
            "responses": {"default": {"statusCode": "200"}, "403": {"statusCode": "403"}},
        }
        return {"get": {"responses": {}, "x-amazon-apigateway-integration": integration}}

    guarded = mock(**{"x-amazon-apigateway-auth": {"type": "AWS_IAM"}})
    api = Api(
        cloud,
        gateway,
        {
            "/a": {"get": guarded},
            "/b": {"get": guarded},
            "/may": send(roles["may"]),
            "/may-not": send(roles["may-not"]),
            "/none": send("arn:aws:iam::000000000000:role/none"),
        },
    )
    assert api.call("/may").status == 200
    assert api.call("/may-not").status == 403
    assert api.call("/none").status == 500
    assert len(cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 1
    arn = f"arn:aws:execute-api:us-east-1:000000000000:{api.id}/dev/GET"
    keys = _user(
        cloud,
        "u",
        {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{arn}/a"},
        {"Effect": "Allow", "Action": "apigateway:GET", "Resource": "arn:aws:apigateway:*::/restapis*"},
    )
    assert _signed(api, "/a", keys).status == 200
    denied = _signed(api, "/b", keys)
    assert denied.status == 403
    assert (
        "is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:" in denied.json()["Message"]
    )
    forged = _signed(api, "/a", (keys[0], "wrong"))
    assert (forged.status, forged.headers["x-amzn-ErrorType"]) == (403, "InvalidSignatureException")
    theirs = boto3.client(
        "apigateway", "us-east-1", endpoint_url=cloud.url, aws_access_key_id=keys[0], aws_secret_access_key=keys[1]
    )
    assert theirs.get_rest_api(restApiId=api.id)["id"] == api.id
    for operation, request in (("delete_rest_api", {"restApiId": api.id}), ("get_api_keys", {})):
        with pytest.raises(ClientError) as caught:
            getattr(theirs, operation)(**request)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_what_was_made_survives_a_kill(fresh_cloud) -> None:
    """APIs, deployments and keys are there after kill -9, and answer."""
    cloud = fresh_cloud()
    gateway = cloud.client("apigateway")
    api = Api(cloud, gateway, {"/a": {"get": mock(template="kept")}})
    key = gateway.create_api_key(name="k")["id"]
    cloud.kill()
    cloud.start()
    assert api.call("/a").body == b"kept"
    assert cloud.client("apigateway").get_api_key(apiKey=key)["name"] == "k"


def test_a_function_says_who_may_call_it(fresh_cloud) -> None:
    """Without a permission for this API the answer is AWS's 500; with one for another method too."""
    cloud = fresh_cloud("--enforce-iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
             "Principal": {"Service": "lambda.amazonaws.com"}}]}  # fmt: skip
    role = cloud.client("iam").create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return {'statusCode': 200, 'body': 'in'}\n")
    functions = cloud.client("lambda")
    arn = functions.create_function(
        FunctionName="f", Runtime=f"python3.{sys.version_info.minor}", Role=role, Handler="app.handler",
        Code={"ZipFile": data.getvalue()},
    )["FunctionArn"]  # fmt: skip
    api = Api(cloud, cloud.client("apigateway"), {"/pets/{id}": {"get": proxy(arn)}})
    assert api.call("/pets/1").status == 500
    for verb, status in (("POST", 500), ("GET", 200)):
        functions.add_permission(
            FunctionName="f",
            StatementId=verb,
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{api.id}/*/{verb}/pets/*",
        )
        assert api.call("/pets/1").status == status
