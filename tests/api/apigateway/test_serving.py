"""Deployed REST APIs answer over HTTP: routing, MOCK, Lambda, guards, limits."""

from __future__ import annotations

import io
import json
import sys
import urllib.request
import zipfile

import pytest

from tests.api.apigateway.making import Api, mock, proxy, send, uri_of

HANDLER = """
import json
import sys
def handler(event, context):
    if event.get("type") in ("TOKEN", "REQUEST"):
        token = event.get("authorizationToken") or event["headers"].get("Token")
        if token == "unauthorized":
            raise Exception("Unauthorized")
        effect = "Allow" if token == "allow" else "Deny"
        return {"principalId": "user-1", "usageIdentifierKey": "k" * 20,
                "context": {"tier": "gold", "n": 3, "yes": True},
                "policyDocument": {"Version": "2012-10-17", "Statement": [
                    {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}]}}
    if not event.get("requestContext"):
        if event.get("fail"):
            raise Exception("no such pet: " + event["fail"])
        return {"got": event}
    kind = (event.get("queryStringParameters") or {}).get("kind")
    if kind == "sleep":
        import time
        time.sleep(1)
    if kind == "malformed":
        return {"oops": 1}
    if kind == "raise":
        raise ValueError("x")
    if kind == "binary":
        return {"statusCode": 200, "isBase64Encoded": True, "body": "AAEC/w==",
                "headers": {"Content-Type": "image/png"}}
    if kind == "headers":
        return {"statusCode": 201, "headers": {"X-One": "1"}, "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]}}
    return {"statusCode": 200, "body": json.dumps(event)}
"""


@pytest.fixture(scope="module")
def function(client) -> str:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", HANDLER)
    made = client("lambda").create_function(
        FunctionName="gateway-tests",
        Runtime=f"python3.{sys.version_info.minor}",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="app.handler",
        Code={"ZipFile": data.getvalue()},
        Timeout=10,
    )
    return made["FunctionArn"]


@pytest.fixture(scope="module")
def api(cloud, client, function) -> Api:
    paths = {
        "/": {"get": mock(template='{"root": true}')},
        "/pets": {"get": mock(template='[{"id": 1}]'), "x-amazon-apigateway-any-method": proxy(function)},
        "/pets/{id}": {"get": proxy(function)},
        "/pets/special": {"get": mock(template='{"special": true}')},
        "/files/{proxy+}": {"x-amazon-apigateway-any-method": proxy(function)},
    }
    return Api(cloud, client("apigateway"), paths)


def test_literal_before_variable_before_greedy(api: Api) -> None:
    """A path goes to the closest resource; what no resource fits is a missing token, as AWS words it."""
    assert api.call("/").json() == {"root": True}
    assert api.call("/pets/special").json() == {"special": True}
    assert api.call("/pets/7").json()["pathParameters"] == {"id": "7"}
    assert api.call("/files/a/b%20c").json()["pathParameters"] == {"proxy": "a/b c"}
    for path, method in (("/nope", "GET"), ("/files", "GET"), ("/", "POST")):
        missing = api.call(path, method)
        assert (missing.status, missing.json()) == (403, {"message": "Missing Authentication Token"})
        assert missing.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


def test_unknown_apis_and_stages_are_forbidden(api: Api, cloud) -> None:
    """Neither tells whether it ever was."""
    assert (api.call("/", stage="nope").status, api.call("/", stage="nope").json()) == (403, {"message": "Forbidden"})
    request = urllib.request.Request(f"{cloud.url}/dev", headers={"Host": "nope.execute-api.localhost"})
    assert (send(request).status, send(request).json()) == (403, {"message": "Forbidden"})


def test_an_api_answers_by_path_too(api: Api, cloud) -> None:
    """Where no name resolves, its id in the path does: LocalStack's habit, and ours."""
    for path in (f"/restapis/{api.id}/dev/_user_request_/pets", f"/_aws/execute-api/{api.id}/dev/pets"):
        assert send(urllib.request.Request(cloud.url + path)).json() == [{"id": 1}]


def test_the_proxy_event(api: Api) -> None:
    """Frameworks read every member of it."""
    answer = api.call("/pets/9?a=1&a=2&b=", headers={"X-Own": "yes", "User-Agent": "tests"})
    event = answer.json()
    assert event["resource"] == "/pets/{id}"
    assert event["path"] == "/pets/9"
    assert event["httpMethod"] == "GET"
    assert event["headers"]["X-Own"] == "yes"
    assert event["multiValueHeaders"]["X-Own"] == ["yes"]
    assert event["headers"]["X-Amzn-Trace-Id"].startswith("Root=1-")
    assert event["queryStringParameters"] == {"a": "2", "b": ""}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": [""]}
    assert event["stageVariables"] is None
    assert (event["body"], event["isBase64Encoded"]) == (None, False)
    context = event["requestContext"]
    assert context["path"] == "/dev/pets/9"
    assert (context["stage"], context["apiId"], context["httpMethod"]) == ("dev", api.id, "GET")
    assert context["resourcePath"] == "/pets/{id}"
    assert context["domainPrefix"] == api.id
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["identity"]["userAgent"] == "tests"
    assert context["accountId"] == "000000000000"
    assert context["protocol"] == "HTTP/1.1"
    assert "authorizer" not in context
    assert answer.headers["x-amzn-RequestId"] == context["requestId"]
    assert answer.headers["x-amz-apigw-id"] == context["extendedRequestId"]
    posted = api.call("/pets", "POST", b'{"x": 1}', {"Content-Type": "application/json"}).json()
    assert (posted["body"], posted["resource"], posted["pathParameters"]) == ('{"x": 1}', "/pets", None)


def test_what_a_function_may_answer(api: Api) -> None:
    """A malformed answer is a bad gateway, not a success."""
    for kind in ("malformed", "raise"):
        answer = api.call(f"/pets/1?kind={kind}")
        assert (answer.status, answer.json()) == (502, {"message": "Internal server error"})
        assert answer.headers["x-amzn-ErrorType"] == "InternalServerErrorException"
    answer = api.call("/pets/1?kind=headers")
    assert answer.status == 201
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert (answer.headers["X-One"], answer.headers["Content-Type"]) == ("1", "application/json")


def test_binary_media_types(cloud, client, function) -> None:
    """What the API takes for binary crosses as base64 and arrives as bytes."""
    api = Api(
        cloud,
        client("apigateway"),
        {"/": {"x-amazon-apigateway-any-method": proxy(function)}},
        **{"x-amazon-apigateway-binary-media-types": ["image/*"]},
    )
    assert api.call("/?kind=binary", headers={"Accept": "image/png"}).body == b"\x00\x01\x02\xff"
    assert api.call("/?kind=binary", headers={"Accept": "text/plain"}).body == b"AAEC/w=="
    event = api.call("/", "POST", b"\xff\x00", {"Content-Type": "image/png"}).json()
    assert (event["body"], event["isBase64Encoded"]) == ("/wA=", True)


def test_templates_parameters_and_patterns(cloud, client, function) -> None:
    """A function behind templates: the request is made from the caller's, the error's words choose the status."""
    integration = {
        "type": "aws",
        "httpMethod": "POST",
        "uri": uri_of(function),
        "requestTemplates": {
            "application/json": '#set($p = $input.path("$"))\n{"name": "$p.name.toUpperCase()",'
            ' "id": "$input.params(\'id\')",'
            ' "all": $input.json("$.tags"), "stage": "$context.stage", "fail": "$!p.fail",'
            ' "esc": "$util.escapeJavaScript($p.quote)", "v": "$stageVariables.color"}'
        },
        "responses": {
            "default": {
                "statusCode": "200",
                "responseTemplates": {
                    "application/json": '#set($context.responseOverride.header.X-Set = "s")$input.json("$.got")'
                },
                "responseParameters": {
                    "method.response.header.X-Static": "'fixed'",
                    "method.response.header.X-Name": "integration.response.body.got.name",
                },
            },
            "no such pet.*": {
                "statusCode": "404",
                "responseTemplates": {"application/json": '{"error": "$input.path(\'$.errorMessage\')"}'},
            },
        },
    }
    paths = {"/pets/{id}": {"post": {"responses": {}, "x-amazon-apigateway-integration": integration}}}
    api = Api(cloud, client("apigateway"), paths)
    api.patch(("replace", "/variables/color", "blue"))
    body = {"name": "rex", "tags": ["a", {"b": 1}], "quote": 'so "x"'}
    answer = api.call("/pets/3", "POST", json.dumps(body).encode(), {"Content-Type": "application/json"})
    assert answer.json() == {
        "name": "REX",
        "id": "3",
        "all": ["a", {"b": 1}],
        "stage": "dev",
        "fail": "",
        "esc": 'so "x"',
        "v": "blue",
    }
    assert (answer.headers["X-Static"], answer.headers["X-Name"], answer.headers["X-Set"]) == ("fixed", "REX", "s")
    failed = api.call("/pets/3", "POST", b'{"name": "x", "fail": "rex"}', {"Content-Type": "application/json"})
    assert (failed.status, failed.json()) == (404, {"error": "no such pet: rex"})


def test_validation(cloud, client) -> None:
    """Parameters that must be there, bodies that must fit their model."""
    operation = mock(
        parameters=[
            {"name": "page", "in": "query", "required": True},
            {"name": "X-Who", "in": "header", "required": True},
        ],
        requestBody={"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
    )
    operation["x-amazon-apigateway-request-validator"] = "all"
    api = Api(
        cloud,
        client("apigateway"),
        {"/pets": {"post": operation}},
        components={
            "schemas": {
                "Pet": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}, "tag": {"$ref": "#/components/schemas/Tag"}},
                },
                "Tag": {"type": "string", "enum": ["cat", "dog"]},
            }
        },
        **{
            "x-amazon-apigateway-request-validators": {
                "all": {"validateRequestBody": True, "validateRequestParameters": True}
            },
            "x-amazon-apigateway-gateway-responses": {
                "BAD_REQUEST_BODY": {
                    "statusCode": "422",
                    "responseParameters": {"gatewayresponse.header.X-Why": "'model'"},
                    "responseTemplates": {
                        "application/json": '{"why": "$context.error.validationErrorString",'
                        ' "m": $context.error.messageString}'
                    },
                }
            },
        },
    )
    headers = {"Content-Type": "application/json", "X-Who": "me"}
    assert api.call("/pets?page=1", "POST", b'{"name": "rex", "tag": "cat"}', headers).status == 200
    missing = api.call("/pets", "POST", b'{"name": "rex"}', {"Content-Type": "application/json"})
    assert missing.status == 400
    assert missing.json() == {"message": "Missing required request parameters: [page, X-Who]"}
    for body in (b"{}", b'{"name": 1}', b'{"name": "x", "tag": "cow"}', b"{", b""):
        wrong = api.call("/pets?page=1", "POST", body, headers)
        assert (wrong.status, wrong.headers["X-Why"]) == (422, "model")
        assert b'"m": "Invalid request body"' in wrong.body


def test_media_types_without_a_template(cloud, client) -> None:
    """NEVER means 415."""
    operation = mock()
    operation["x-amazon-apigateway-integration"]["passthroughBehavior"] = "never"
    api = Api(cloud, client("apigateway"), {"/": {"post": operation}})
    answer = api.call("/", "POST", b"<a/>", {"Content-Type": "application/xml"})
    assert (answer.status, answer.json()) == (415, {"message": "Unsupported Media Type"})


@pytest.mark.parametrize("kind", ["token", "request"])
def test_lambda_authorizers(cloud, client, function, kind: str) -> None:
    """Allowed, denied, missing, refused by the function itself; what it says reaches the integration."""
    name = "Authorization" if kind == "token" else "token"
    scheme = {
        "type": "apiKey",
        "name": name,
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {
            "type": kind,
            "authorizerUri": uri_of(function),
            "identitySource": f"method.request.header.{name}",
            "authorizerResultTtlInSeconds": 60,
        },
    }
    api = Api(
        cloud,
        client("apigateway"),
        {"/": {"get": proxy(function, security=[{"guard": []}])}},
        components={"securitySchemes": {"guard": scheme}},
    )
    allowed = api.call("/", headers={name: "allow"}).json()["requestContext"]["authorizer"]
    assert allowed == {"principalId": "user-1", "tier": "gold", "n": "3", "yes": "true"}
    missing = api.call("/")
    assert (missing.status, missing.json()) == (401, {"message": "Unauthorized"})
    assert api.call("/", headers={name: "unauthorized"}).status == 401
    denied = api.call("/", headers={name: "deny"})
    assert denied.status == 403
    assert denied.json() == {"Message": "User is not authorized to access this resource with an explicit deny"}


def test_iam_and_resource_policies(cloud, client) -> None:
    """AWS_IAM wants a signature; a policy's deny holds for everybody."""
    import boto3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    paths = {"/": {"get": mock(**{"x-amazon-apigateway-auth": {"type": "AWS_IAM"}})}}
    api = Api(cloud, client("apigateway"), paths)
    unsigned = api.call("/")
    assert (unsigned.status, unsigned.json()) == (403, {"message": "Missing Authentication Token"})
    host = f"{api.id}.execute-api.localhost:{cloud.port}"
    request = AWSRequest("GET", f"http://{host}/dev/", headers={"Host": host})
    credentials = boto3.Session("000000000000", "test").get_credentials()
    SigV4Auth(credentials, "execute-api", "us-east-1").add_auth(request)
    assert api.call("/", headers=dict(request.headers)).status == 200
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"},
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "execute-api:Invoke",
                "Resource": "execute-api:/*/GET/secret",
            },
        ],
    }
    api = Api(
        cloud,
        client("apigateway"),
        {"/": {"get": mock()}, "/secret": {"get": mock()}},
        **{"x-amazon-apigateway-policy": policy},
    )
    assert api.call("/").status == 200
    denied = api.call("/secret")
    assert denied.status == 403
    assert "not authorized to perform: execute-api:Invoke" in denied.json()["Message"]


def test_keys_quotas_and_throttles(cloud, client, unique) -> None:
    """No key, no answer; a plan's quota and rate are kept."""
    gateway = client("apigateway")
    scheme = {"key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}
    api = Api(cloud, gateway, {"/": {"get": mock(security=[{"key": []}])}}, components={"securitySchemes": scheme})
    assert (api.call("/").status, api.call("/").json()) == (403, {"message": "Forbidden"})
    key = gateway.create_api_key(name=unique("key"), enabled=True)
    assert api.call("/", headers={"x-api-key": key["value"]}).status == 403
    stages = [{"apiId": api.id, "stage": "dev"}]
    plan = gateway.create_usage_plan(name=unique("plan"), apiStages=stages, quota={"limit": 3, "period": "MONTH"})
    gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    for _ in range(3):
        assert api.call("/", headers={"x-api-key": key["value"]}).status == 200
    over = api.call("/", headers={"x-api-key": key["value"]})
    assert (over.status, over.json()) == (429, {"message": "Limit Exceeded"})
    day = gateway.update_usage(
        usagePlanId=plan["id"], keyId=key["id"], patchOperations=[{"op": "replace", "path": "/remaining", "value": "5"}]
    )
    assert day["items"][key["id"]][0][1] == 5
    gateway.update_usage_plan(
        usagePlanId=plan["id"],
        patchOperations=[
            {"op": "add", "path": "/throttle/rateLimit", "value": "0.01"},
            {"op": "add", "path": "/throttle/burstLimit", "value": "1"},
        ],
    )
    assert api.call("/", headers={"x-api-key": key["value"]}).status == 200
    over = api.call("/", headers={"x-api-key": key["value"]})
    assert (over.status, over.json()) == (429, {"message": "Too Many Requests"})


def test_a_stages_limits_and_cache(cloud, client) -> None:
    """Tokens run out; a cached answer is told again until it is flushed."""
    template = '{"at": "$context.requestId"}'
    api = Api(cloud, client("apigateway"), {"/a": {"get": mock(template=template)}, "/b": {"get": mock()}})
    api.patch(("replace", "/b/GET/throttling/rateLimit", "0.01"), ("replace", "/b/GET/throttling/burstLimit", "1"))
    assert [api.call("/b").status for _ in range(2)] == [200, 429]
    assert api.call("/a").body != api.call("/a").body
    api.patch(("replace", "/cacheClusterEnabled", "true"), ("replace", "/*/*/caching/enabled", "true"))
    first = api.call("/a").body
    assert api.call("/a").body == first
    client("apigateway").flush_stage_cache(restApiId=api.id, stageName="dev")
    assert api.call("/a").body != first


def test_a_deployment_is_frozen_and_a_canary_sees_some(cloud, client) -> None:
    """Changes show only when deployed; a canary of 100 percent takes all."""
    gateway = client("apigateway")
    api = Api(cloud, gateway, {"/": {"get": mock(template="old")}})
    whole = {
        "openapi": "3.0.1",
        "info": {"title": "t", "version": "2"},
        "paths": {"/": {"get": mock(template="new $stageVariables.v")}},
    }
    gateway.put_rest_api(restApiId=api.id, mode="overwrite", body=json.dumps(whole).encode())
    assert api.call("/").body == b"old"
    api.deploy(canarySettings={"percentTraffic": 100.0, "stageVariableOverrides": {"v": "x"}})
    assert api.call("/").body == b"new x"
    api.patch(("replace", "/canarySettings/percentTraffic", "0"))
    assert api.call("/").body == b"old"


def test_aws_services_behind_a_method(cloud, client, unique) -> None:
    """SQS by form, DynamoDB and EventBridge by action, SNS by query: the message is there afterwards."""
    sqs, name = client("sqs"), unique("queue")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    table = unique("table")
    client("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    parameter = unique("parameter")
    client("ssm").put_parameter(Name=parameter, Value="seven", Type="String")
    topic = client("sns").create_topic(Name=unique("topic"))["TopicArn"]

    def aws(uri: str, template: str, answer: str = "$input.body", **held):
        integration = {
            "type": "aws",
            "httpMethod": "POST",
            "uri": f"arn:aws:apigateway:us-east-1:{uri}",
            "credentials": "arn:aws:iam::000000000000:role/x",
            "requestTemplates": {"application/json": template},
            "responses": {
                "default": {"statusCode": "200", "responseTemplates": {"application/json": answer}},
                "4\\d\\d": {"statusCode": "400", "responseTemplates": {"application/json": answer}},
            },
            **held,
        }
        return {"post": {"responses": {}, "x-amazon-apigateway-integration": integration}}

    form = {"requestParameters": {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}}
    item = json.dumps({"TableName": table, "Item": {"id": {"S": "MARK"}}}).replace("MARK", "$input.path('$.id')")
    get = json.dumps({"TableName": table, "Key": {"id": {"S": "MARK"}}}).replace("MARK", "$input.path('$.id')")
    query = {
        "requestParameters": {
            "integration.request.querystring.TopicArn": f"'{topic}'",
            "integration.request.querystring.Message": "method.request.body",
        }
    }
    entries = json.dumps({"Entries": [{"Source": "a", "DetailType": "b", "Detail": "{}"}]})
    paths = {
        "/queue": aws(
            f"sqs:path/000000000000/{name}", "Action=SendMessage&MessageBody=$util.urlEncode($input.body)", **form
        ),
        "/json": aws(
            "sqs:action/SendMessage", f"Action=SendMessage&QueueUrl=$util.urlEncode('{url}')&MessageBody=two", **form
        ),
        "/parameter": aws("ssm:action/GetParameter", f"Action=GetParameter&Name={parameter}", **form),
        "/put": aws("dynamodb:action/PutItem", item),
        "/get": aws("dynamodb:action/GetItem", get, "$input.path('$.Item.id.S')"),
        "/topic": aws("sns:action/Publish", "", **query),
        "/events": aws("events:action/PutEvents", entries, "$input.path('$.FailedEntryCount')"),
        "/wrong": aws("dynamodb:action/PutItem", '{"TableName": "no-such-table", "Item": {"id": {"S": "1"}}}'),
    }
    api = Api(cloud, client("apigateway"), paths)
    kind = {"Content-Type": "application/json"}
    sent = api.call("/queue", "POST", b'{"hello": 1}', kind)
    assert sent.status == 200, sent.body
    assert sent.json()["SendMessageResponse"]["SendMessageResult"]["MessageId"]
    assert api.call("/json", "POST", b"{}", kind).status == 200
    got = [sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] for _ in range(2)]
    assert sorted(got) == ["two", '{"hello": 1}']
    found = api.call("/parameter", "POST", b"{}", kind).json()["GetParameterResponse"]["GetParameterResult"]
    assert found["Parameter"]["Value"] == "seven"
    assert api.call("/put", "POST", b'{"id": "a1"}', kind).status == 200
    assert api.call("/get", "POST", b'{"id": "a1"}', kind).body == b"a1"
    published = api.call("/topic", "POST", b"hi", kind)
    assert published.json()["PublishResponse"]["PublishResult"]["MessageId"]
    assert api.call("/events", "POST", b"{}", kind).body == b"0"
    wrong = api.call("/wrong", "POST", b"{}", kind)
    assert wrong.status == 400
    assert "ResourceNotFoundException" in wrong.json()["__type"]


def test_http_behind_a_method(cloud, client) -> None:
    """HTTP_PROXY hands everything on; HTTP maps; an endpoint that isn't there is a 504."""
    target = f"{cloud.url}/_haneul/health"
    plain = {
        "responses": {},
        "x-amazon-apigateway-integration": {"type": "http_proxy", "httpMethod": "GET", "uri": target},
    }
    mapped = {
        "responses": {},
        "x-amazon-apigateway-integration": {
            "type": "http",
            "httpMethod": "GET",
            "uri": target,
            "responses": {
                "default": {"statusCode": "200", "responseTemplates": {"application/json": "$input.path('$.status')"}}
            },
        },
    }
    away = {
        "responses": {},
        "x-amazon-apigateway-integration": {"type": "http_proxy", "httpMethod": "GET", "uri": "http://127.0.0.1:9/"},
    }
    api = Api(
        cloud, client("apigateway"), {"/plain": {"get": plain}, "/mapped": {"get": mapped}, "/away": {"get": away}}
    )
    plain_ = api.call("/plain")
    assert plain_.json()["status"] == "ready"
    assert plain_.headers["x-amzn-Remapped-Content-Length"] == str(len(plain_.body))
    assert api.call("/mapped").body == b"ready"
    gone = api.call("/away")
    assert (gone.status, gone.json()) == (504, {"message": "Network error communicating with endpoint"})


def test_cors_by_mock(cloud, client) -> None:
    """OPTIONS as people make it: a MOCK with headers; a page of another origin reaches it."""
    options = mock(template="")
    options["x-amazon-apigateway-integration"]["responses"]["default"]["responseParameters"] = {
        "method.response.header.Access-Control-Allow-Origin": "'*'",
        "method.response.header.Access-Control-Allow-Methods": "'GET,OPTIONS'",
    }
    options["x-amazon-apigateway-integration"]["requestTemplates"] = {"application/json": "{ statusCode: 200 }"}
    api = Api(cloud, client("apigateway"), {"/": {"options": options, "get": mock()}})
    answer = api.call("/", "OPTIONS", headers={"Origin": "https://example.com", "Access-Control-Request-Method": "GET"})
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET,OPTIONS"


def test_access_logs(cloud, client, unique) -> None:
    """One line a request, in the stage's own format."""
    import time

    logs, group = client("logs"), unique("access")
    logs.create_log_group(logGroupName=group)
    api = Api(cloud, client("apigateway"), {"/pets": {"get": mock()}})
    api.patch(
        ("replace", "/accessLogSettings/destinationArn", f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"),
        (
            "replace",
            "/accessLogSettings/format",
            "$context.requestId $context.httpMethod $context.resourcePath $context.status $context.authorizer.x",
        ),
    )
    request_id = api.call("/pets").headers["x-amzn-RequestId"]
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = logs.filter_log_events(logGroupName=group)["events"]
        if found:
            break
        time.sleep(0.02)
    assert [one["message"] for one in found] == [f"{request_id} GET /pets 200 -"]


def test_slow_endpoints_and_large_bodies(cloud, client, function) -> None:
    """An integration has its own time; ten megabytes are enough."""
    operation = proxy(function)
    operation["x-amazon-apigateway-integration"]["timeoutInMillis"] = 200
    api = Api(cloud, client("apigateway"), {"/": {"x-amazon-apigateway-any-method": operation}})
    assert api.call("/").status == 200
    slow = api.call("/?kind=sleep")
    assert (slow.status, slow.json()) == (504, {"message": "Endpoint request timed out"})
    large = api.call("/", "POST", b"x" * (10485760 + 1), {"Content-Type": "text/plain"})
    assert (large.status, large.headers["x-amzn-ErrorType"]) == (413, "RequestTooLargeException")


def test_execution_logs(cloud, client) -> None:
    """At INFO each request tells its way."""
    import time

    api = Api(cloud, client("apigateway"), {"/pets": {"get": mock()}})
    api.patch(("replace", "/*/*/logging/loglevel", "INFO"))
    assert api.call("/pets").status == 200
    deadline = time.monotonic() + 5
    messages: list[str] = []
    while time.monotonic() < deadline and not messages:
        try:
            found = client("logs").filter_log_events(logGroupName=f"API-Gateway-Execution-Logs_{api.id}/dev")
            messages = [one["message"] for one in found["events"]]
        except client("logs").exceptions.ResourceNotFoundException:
            time.sleep(0.02)
    assert any("Method completed with status: 200" in one for one in messages)


def test_a_bucket_behind_a_path(cloud, client, unique) -> None:
    """S3 by path: objects are put, read and missed by the API's own verbs."""
    bucket = unique("bucket")
    client("s3").create_bucket(Bucket=bucket)
    method = {
        "parameters": [{"name": "key", "in": "path", "required": True}],
        "responses": {},
        "x-amazon-apigateway-integration": {
            "type": "aws",
            "httpMethod": "ANY",
            "uri": f"arn:aws:apigateway:us-east-1:s3:path/{bucket}/{{key}}",
            "credentials": "arn:aws:iam::000000000000:role/x",
            "requestParameters": {
                "integration.request.path.key": "method.request.path.key",
                "integration.request.header.Content-Type": "'text/plain'",
            },
            "responses": {
                "default": {
                    "statusCode": "200",
                    "responseParameters": {
                        "method.response.header.Content-Type": "integration.response.header.Content-Type"
                    },
                },
                "404": {"statusCode": "404"},
            },
        },
    }
    api = Api(cloud, client("apigateway"), {"/{key}": {"x-amazon-apigateway-any-method": method}})
    assert api.call("/a.txt").status == 404
    assert api.call("/a.txt", "PUT", b"hello", {"Content-Type": "text/plain"}).status == 200
    got = api.call("/a.txt")
    assert (got.status, got.body, got.headers["Content-Type"]) == (200, b"hello", "text/plain")
    assert client("s3").get_object(Bucket=bucket, Key="a.txt")["Body"].read() == b"hello"
    assert api.call("/a.txt", "DELETE").status == 200
    assert api.call("/a.txt").status == 404


def test_canaries_need_a_stage(client, cloud) -> None:
    """A canary release stands beside what is there."""
    gateway = client("apigateway")
    api = Api(cloud, gateway, {"/": {"get": mock()}})
    for words, held in (
        ("Provided value is null", {}),
        ("Stage nope must already be created", {"stageName": "nope"}),
    ):
        with pytest.raises(gateway.exceptions.BadRequestException, match=words):
            gateway.create_deployment(restApiId=api.id, canarySettings={"percentTraffic": 5.0}, **held)


def test_metrics(cloud, client, unique) -> None:
    """Requests and errors are counted by API and stage."""
    import datetime
    import time

    gateway, watch, name = client("apigateway"), client("cloudwatch"), unique("metered")
    api = Api(cloud, gateway, {"/": {"get": mock()}})
    gateway.update_rest_api(restApiId=api.id, patchOperations=[{"op": "replace", "path": "/name", "value": name}])
    assert [api.call(path).status for path in ("/", "/", "/nope")] == [200, 200, 403]
    now = datetime.datetime.now(datetime.UTC)
    dimensions = [{"Name": "ApiName", "Value": name}, {"Name": "Stage", "Value": "dev"}]

    def total(metric: str) -> float:
        found = watch.get_metric_statistics(
            Namespace="AWS/ApiGateway",
            MetricName=metric,
            Dimensions=dimensions,
            StartTime=now - datetime.timedelta(minutes=5),
            EndTime=now + datetime.timedelta(minutes=5),
            Period=60,
            Statistics=["Sum"],
        )
        return sum(one["Sum"] for one in found["Datapoints"])

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and total("Count") < 3:
        time.sleep(0.1)
    assert (total("Count"), total("4XXError"), total("5XXError")) == (3.0, 1.0, 0.0)
    assert total("Latency") > 0


def test_calls_are_billed_to_the_apis_owner(fresh_cloud) -> None:
    """Requests through the gateway are usage of the API's account, whoever sends them."""
    import datetime
    import time

    cloud = fresh_cloud()
    api = Api(cloud, cloud.client("apigateway"), {"/": {"get": mock()}})
    for _ in range(4):
        assert api.call("/").status == 200
    explorer, now = cloud.client("ce"), datetime.datetime.now(datetime.UTC).date()
    period = {"Start": str(now - datetime.timedelta(days=1)), "End": str(now + datetime.timedelta(days=2))}

    def counted() -> float:
        found = explorer.get_cost_and_usage(
            TimePeriod=period,
            Granularity="DAILY",
            Metrics=["UsageQuantity"],
            GroupBy=[{"Type": "DIMENSION", "Key": "USAGE_TYPE"}],
        )
        groups = [group for day in found["ResultsByTime"] for group in day["Groups"]]
        return sum(
            float(group["Metrics"]["UsageQuantity"]["Amount"])
            for group in groups
            if group["Keys"][0].endswith("ApiGatewayRequest")
        )

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and counted() < 4:
        time.sleep(0.1)
    assert counted() == 4


def test_trying_an_authorizer(cloud, client, function) -> None:
    """TestInvokeAuthorizer tells the policy, the context, and the status that a caller would get."""
    gateway = client("apigateway")
    api = Api(cloud, gateway, {"/": {"get": mock()}})
    guard = gateway.create_authorizer(restApiId=api.id, name="g", type="TOKEN", authorizerUri=uri_of(function))["id"]
    tried = gateway.test_invoke_authorizer(restApiId=api.id, authorizerId=guard, headers={"Authorization": "allow"})
    assert (tried["clientStatus"], tried["principalId"]) == (0, "user-1")
    assert json.loads(tried["policy"])["Statement"][0]["Effect"] == "Allow"
    assert tried["authorization"]["tier"] == ["gold"]
    refused = gateway.test_invoke_authorizer(
        restApiId=api.id, authorizerId=guard, headers={"Authorization": "unauthorized"}
    )
    assert refused["clientStatus"] == 401


def test_keys_from_an_authorizer(cloud, client, function, unique) -> None:
    """The key may come from what the authorizer says instead of a header."""
    gateway = client("apigateway")
    schemes = {
        "guard": {
            "type": "apiKey",
            "name": "Authorization",
            "in": "header",
            "x-amazon-apigateway-authtype": "custom",
            "x-amazon-apigateway-authorizer": {"type": "token", "authorizerUri": uri_of(function)},
        },
        "key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
    }
    paths = {"/": {"get": proxy(function, security=[{"guard": [], "key": []}])}}
    document = {"components": {"securitySchemes": schemes}, "x-amazon-apigateway-api-key-source": "AUTHORIZER"}
    api = Api(cloud, gateway, paths, **document)
    assert api.call("/", headers={"Authorization": "allow"}).status == 403
    key = gateway.create_api_key(name=unique("key"), value="k" * 20, enabled=True)["id"]
    plan = gateway.create_usage_plan(name=unique("plan"), apiStages=[{"apiId": api.id, "stage": "dev"}])["id"]
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    event = api.call("/", headers={"Authorization": "allow"}).json()
    assert event["requestContext"]["identity"]["apiKeyId"] == key
    assert event["requestContext"]["authorizer"]["principalId"] == "user-1"
    gateway.delete_api_key(apiKey=key)


def test_pools_that_cannot_be_reached_let_nobody_pass(cloud, client) -> None:
    """No token is 401; one whose issuer's keys are out of reach is an error, never a pass."""
    import base64

    arn = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_none"
    scheme = {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "cognito_user_pools",
        "x-amazon-apigateway-authorizer": {"type": "cognito_user_pools", "providerARNs": [arn]},
    }
    paths = {"/": {"get": mock(security=[{"pool": []}])}}
    api = Api(cloud, client("apigateway"), paths, components={"securitySchemes": {"pool": scheme}})
    assert api.call("/").status == 401
    assert api.call("/", headers={"Authorization": "nonsense"}).status == 401
    claims = {"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_none", "exp": 1 << 40, "token_use": "id"}
    parts = [json.dumps({"alg": "none"}).encode(), json.dumps(claims).encode(), b"x"]
    token = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    assert api.call("/", headers={"Authorization": token}).status in (401, 500)


def test_default_responses_carry_cors(cloud, client) -> None:
    """DEFAULT_4XX rewords every refusal of its family that has no wording of its own."""
    custom = {"responseParameters": {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}}
    document = {"x-amazon-apigateway-gateway-responses": {"DEFAULT_4XX": custom}}
    api = Api(cloud, client("apigateway"), {"/": {"get": mock()}}, **document)
    missing = api.call("/nope")
    assert (missing.status, missing.json()) == (403, {"message": "Missing Authentication Token"})
    assert missing.headers["Access-Control-Allow-Origin"] == "*"
