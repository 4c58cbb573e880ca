"""HTTP APIs over HTTP: which route answers, what functions are told, what their answers mean, guards and limits."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError

from haneul.auth import jwt
from tests.api.apigatewayv2.making import Api, function, send

HANDLER = """
import json
def handler(event, context):
    if event.get("type") == "REQUEST":
        token = event["headers"].get("token") or event["headers"].get("Token")
        if "methodArn" in event:
            return {"principalId": "me", "context": {"n": "1"}, "policyDocument": {
                "Version": "2012-10-17", "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow" if token == "allow" else "Deny",
                 "Resource": event["methodArn"]}]}}
        handler.asked = getattr(handler, "asked", 0) + 1
        return {"isAuthorized": token == "allow", "context": {"tier": "gold", "asked": handler.asked}}
    query = event.get("queryStringParameters") or {}
    kind = query.get("kind")
    if kind == "raise":
        raise ValueError("x")
    if kind == "sleep":
        import time
        time.sleep(1)
    if kind == "plain":
        return "just text"
    if kind == "object":
        return {"just": "an object"}
    if kind == "malformed":
        return {"statusCode": "many"}
    if kind == "binary":
        return {"statusCode": 200, "isBase64Encoded": True, "body": "AAEC/w==",
                "headers": {"content-type": "image/png"}}
    if kind == "cookies":
        return {"statusCode": 201, "cookies": ["a=1", "b=2"], "headers": {"X-One": "1",
                "Access-Control-Allow-Origin": "backend"}, "body": "made"}
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
"""


@pytest.fixture(scope="module")
def arn(client) -> str:
    return function(client, "http-api-tests", HANDLER)


@pytest.fixture(scope="module")
def api(cloud, client, arn) -> Api:
    found = Api(cloud, client("apigatewayv2"))
    echo = found.integration(arn)
    for key in ("GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "POST /pets"):
        found.route(key, echo)
    found.route("GET /old/{proxy+}", found.integration(arn, PayloadFormatVersion="1.0"))
    return found


class Backend(BaseHTTPRequestHandler):
    """Tells what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        told = {"method": self.command, "path": self.path, "headers": dict(self.headers),
                "body": self.rfile.read(size).decode()}  # fmt: skip
        data = json.dumps(told).encode()
        self.send_response(404 if self.path.startswith("/missing") else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Backend", "yes")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_PUT = do_GET

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def backend():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_most_specific_route_answers(api: Api) -> None:
    """AWS's own example of its order: literal, variable, greedy; another method steps back to what takes it."""
    for path, method, key in (
        ("/pets/dog/1", "GET", "GET /pets/dog/1"),
        ("/pets/dog/2", "GET", "GET /pets/dog/{id}"),
        ("/pets/cat/1", "GET", "GET /pets/{proxy+}"),
        ("/pets/dog/1", "POST", "ANY /{proxy+}"),
        ("/pets", "POST", "POST /pets"),
    ):
        assert api.call(path, method, b"" if method == "POST" else None).json()["routeKey"] == key
    missing = api.call("/")
    assert (missing.status, missing.json()) == (404, {"message": "Not Found"})
    assert missing.headers["apigw-requestid"]
    assert missing.headers["content-type"] == "application/json"


def test_the_default_route_takes_what_is_left(cloud, client, arn) -> None:
    """And an API without one answers 404; a route without an integration is the API's fault."""
    api = Api(cloud, client("apigatewayv2"))
    assert api.call("/any").status == 404
    api.route("$default", api.integration(arn))
    assert api.call("/any/thing", "DELETE").json()["routeKey"] == "$default"
    api.gateway.create_route(ApiId=api.id, RouteKey="GET /bare")
    bare = api.call("/bare")
    assert (bare.status, bare.json()) == (500, {"message": "Internal Server Error"})


def test_format_two(api: Api) -> None:
    """Every member that frameworks read, and none that isn't there."""
    event = api.call(
        "/pets/dog/a%20b?x=1&x=2&y=", headers={"Cookie": "a=1; b=2", "User-Agent": "tests", "X-Own": "yes"}
    ).json()
    assert event["version"] == "2.0"
    assert event["rawPath"] == "/pets/dog/a b"
    assert event["rawQueryString"] == "x=1&x=2&y="
    assert event["queryStringParameters"] == {"x": "1,2", "y": ""}
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["headers"]["x-own"] == "yes"
    assert "cookie" not in event["headers"]
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert event["pathParameters"] == {"id": "a b"}
    assert event["isBase64Encoded"] is False
    assert "body" not in event
    assert "stageVariables" not in event
    context = event["requestContext"]
    assert context["http"] == {"method": "GET", "path": "/pets/dog/a b", "protocol": "HTTP/1.1",
                               "sourceIp": "127.0.0.1", "userAgent": "tests"}  # fmt: skip
    assert (context["apiId"], context["stage"], context["accountId"]) == (api.id, "$default", "000000000000")
    assert context["domainPrefix"] == api.id
    assert "authorizer" not in context


def test_bodies_are_text_or_base64(api: Api) -> None:
    """JSON goes as text; forms and images go as base64, as AWS sends them."""
    for kind, body, told, encoded in (
        ("application/json", b'{"a": 1}', '{"a": 1}', False),
        ("text/plain; charset=utf-8", b"hi", "hi", False),
        ("application/x-www-form-urlencoded", b"a=1", "YT0x", True),
        ("image/png", b"\x00\xff", "AP8=", True),
    ):
        event = api.call("/pets", "POST", body, {"Content-Type": kind}).json()
        assert (event["body"], event["isBase64Encoded"]) == (told, encoded)


def test_format_one(api: Api) -> None:
    """The format of REST APIs, with HTTP APIs' own ideas of nothing."""
    event = api.call("/old/a/b?x=1&x=2", headers={"X-Own": "yes"}).json()
    assert event["version"] == "1.0"
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/old/{proxy+}", "/old/a/b", "GET")
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert event["queryStringParameters"] == {"x": "2"}
    assert event["pathParameters"] == {"proxy": "a/b"}
    assert event["headers"]["X-Own"] == "yes"
    assert event["multiValueHeaders"]["X-Forwarded-Proto"] == ["http"]
    assert (event["body"], event["stageVariables"], event["isBase64Encoded"]) == (None, None, False)
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["resourcePath"] == "/old/{proxy+}"
    refused = api.call("/old/a?kind=plain")
    assert (refused.status, refused.json()) == (500, {"message": "Internal Server Error"})


def test_what_a_function_may_answer(api: Api) -> None:
    """Format 2.0 infers a success from whatever has no status code."""
    text = api.call("/pets/x?kind=plain")
    assert (text.status, text.body, text.headers["content-type"]) == (200, b"just text", "application/json")
    assert api.call("/pets/x?kind=object").json() == {"just": "an object"}
    assert api.call("/pets/x?kind=binary").body == b"\x00\x01\x02\xff"
    made = api.call("/pets/x?kind=cookies")
    assert (made.status, made.headers.get_all("Set-Cookie"), made.headers["X-One"]) == (201, ["a=1", "b=2"], "1")
    assert made.headers["content-type"] == "text/plain; charset=utf-8"
    for kind in ("raise", "malformed"):
        failed = api.call(f"/pets/x?kind={kind}")
        assert (failed.status, failed.json()) == (500, {"message": "Internal Server Error"})


def test_an_integration_that_takes_too_long(cloud, client, arn) -> None:
    """Its own timeout, not the function's."""
    api = Api(cloud, client("apigatewayv2"))
    api.route("GET /", api.integration(arn, TimeoutInMillis=200))
    slow = api.call("/?kind=sleep")
    assert (slow.status, slow.json()) == (503, {"message": "Service Unavailable"})


def test_stages_by_name_and_their_variables(cloud, client, arn) -> None:
    """A named stage is the first part of the path, and stays in what the function is told."""
    api = Api(cloud, client("apigatewayv2"), stage="dev")
    name = arn.rpartition(":")[2]
    api.gateway.update_stage(ApiId=api.id, StageName="dev", StageVariables={"fn": name})
    by_variable = f"{arn[: -len(name)]}${{stageVariables.fn}}"
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{by_variable}/invocations"
    api.route("GET /x", api.integration(uri))
    event = api.call("/dev/x").json()
    assert (event["rawPath"], event["requestContext"]["stage"]) == ("/dev/x", "dev")
    assert event["stageVariables"] == {"fn": name}
    assert api.call("/x").status == 404
    by_path = send(urllib.request.Request(f"{cloud.url}/_aws/execute-api/{api.id}/dev/x"))
    assert by_path.json()["routeKey"] == "GET /x"
    by_habit = send(urllib.request.Request(f"{cloud.url}/restapis/{api.id}/dev/_user_request_/x"))
    assert by_habit.json()["rawPath"] == "/dev/x"
    api.gateway.create_stage(ApiId=api.id, StageName="$default", AutoDeploy=True, StageVariables={"fn": name})
    assert api.call("/x").json()["rawPath"] == "/x"
    assert send(urllib.request.Request(f"{cloud.url}/_aws/execute-api/{api.id}/$default/x")).json()["rawPath"] == "/x"


def test_deployments_are_frozen(cloud, client, arn) -> None:
    """A stage without auto-deploy shows what was deployed, whatever the API is now."""
    gateway = client("apigatewayv2")
    api = Api(cloud, gateway)
    integration = api.integration(arn)
    api.route("GET /one", integration)
    first = gateway.create_deployment(ApiId=api.id)["DeploymentId"]
    gateway.create_stage(ApiId=api.id, StageName="kept", DeploymentId=first)
    api.route("GET /two", integration)
    assert api.call("/kept/one").status == 200
    assert api.call("/kept/two").status == 404
    assert api.call("/two").status == 200
    gateway.create_deployment(ApiId=api.id, StageName="kept")
    assert api.call("/kept/two").status == 200
    gateway.delete_deployment(ApiId=api.id, DeploymentId=first)


def test_http_endpoints(cloud, client, backend) -> None:
    """Path, query, headers and body arrive; what the mapping changes is changed, on the way there and back."""
    api = Api(cloud, client("apigatewayv2"))
    api.route("ANY /all/{proxy+}", api.integration(backend + "/{proxy}"))
    told = api.call("/all/a%20b/c?x=1&x=2", "POST", b"body", {"X-Own": "yes"})
    assert told.headers["X-Backend"] == "yes"
    told = told.json()
    assert (told["method"], told["path"], told["body"]) == ("POST", "/a%20b/c?x=1&x=2", "body")
    assert told["headers"]["X-Own"] == "yes"
    assert told["headers"]["Via"] == "HTTP/1.1 AmazonAPIGateway"
    assert f"host={api.id}.execute-api" in told["headers"]["Forwarded"]
    assert api.call("/all/missing").status == 404
    mapped = api.integration(
        backend + "/fixed",
        RequestParameters={
            "append:header.h1": "$context.stage",
            "overwrite:header.x-own": "${request.header.x-own}-${request.path.id}",
            "remove:header.gone": "''",
            "append:querystring.q": "$request.body.name",
            "overwrite:path": "/changed/${request.path.id}",
        },
        ResponseParameters={
            "200": {"overwrite:statuscode": "202", "append:header.from": "$response.header.x-backend",
                    "remove:header.x-backend": "''", "append:header.path": "$response.body.path"},
        },
    )  # fmt: skip
    api.route("POST /mapped/{id}", mapped)
    found = api.call("/mapped/7?a=b", "POST", b'{"name": "rex"}', {"X-Own": "1", "Gone": "1"})
    assert (found.status, found.headers["from"], found.headers["X-Backend"]) == (202, "yes", None)
    told = found.json()
    assert told["path"] == found.headers["path"] == "/changed/7?a=b&q=rex"
    assert (told["headers"]["h1"], told["headers"]["x-own"]) == ("$default", "1-7")
    assert "Gone" not in told["headers"]


def test_an_endpoint_that_is_not_there(cloud, client) -> None:
    """Nobody listens on port 9."""
    api = Api(cloud, client("apigatewayv2"))
    api.route("GET /", api.integration("http://127.0.0.1:9/"))
    assert (api.call("/").status, api.call("/").json()) == (503, {"message": "Service Unavailable"})


def test_queues_and_buses_behind_routes(cloud, client, unique) -> None:
    """A message in the queue for a request, without any function."""
    sqs = client("sqs")
    queue = sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    api = Api(cloud, client("apigatewayv2"))
    role = "arn:aws:iam::000000000000:role/any"
    send_message = api.integration(
        "",
        IntegrationSubtype="SQS-SendMessage",
        PayloadFormatVersion="1.0",
        CredentialsArn=role,
        RequestParameters={"QueueUrl": queue, "MessageBody": "$request.body.text"},
    )
    api.route("POST /messages", send_message)
    answer = api.call("/messages", "POST", b'{"text": "hello"}', {"Content-Type": "application/json"})
    assert answer.status == 200
    assert b"<MessageId>" in answer.body
    assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "hello"
    put_events = api.integration(
        "",
        IntegrationSubtype="EventBridge-PutEvents",
        PayloadFormatVersion="1.0",
        CredentialsArn=role,
        RequestParameters={"Source": "tests", "DetailType": "made", "Detail": "$request.body"},
    )
    api.route("POST /events", put_events)
    assert api.call("/events", "POST", b'{"a": 1}').json()["FailedEntryCount"] == 0
    record = api.integration(
        "",
        IntegrationSubtype="AppConfig-GetConfiguration",
        PayloadFormatVersion="1.0",
        CredentialsArn=role,
        RequestParameters={"Application": "a", "Environment": "b", "Configuration": "c", "ClientId": "d"},
    )
    api.route("GET /configuration", record)
    assert api.call("/configuration").status == 501


CORS = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET", "PUT"], "AllowHeaders": ["x-one"],
        "ExposeHeaders": ["x-two"], "MaxAge": 60, "AllowCredentials": True}  # fmt: skip


def test_cors(cloud, client, arn) -> None:
    """Preflights need no route; the API's headers win over the backend's; other origins are told nothing."""
    api = Api(cloud, client("apigatewayv2"), CorsConfiguration=CORS)
    api.route("GET /x", api.integration(arn))
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
    preflight = api.call("/anything", "OPTIONS", headers=asked)
    assert (preflight.status, preflight.body) == (204, b"")
    assert preflight.headers["access-control-allow-origin"] == "https://a.example"
    assert preflight.headers["access-control-allow-methods"] == "GET,PUT"
    assert preflight.headers["access-control-allow-headers"] == "x-one"
    assert preflight.headers["access-control-max-age"] == "60"
    assert preflight.headers["access-control-allow-credentials"] == "true"
    foreign = api.call("/anything", "OPTIONS", headers={**asked, "Origin": "https://b.example"})
    assert (foreign.status, foreign.headers["access-control-allow-origin"]) == (204, None)
    answer = api.call("/x?kind=cookies", headers={"Origin": "https://a.example"})
    assert answer.headers.get_all("access-control-allow-origin") == ["https://a.example"]
    assert answer.headers["access-control-expose-headers"] == "x-two"
    assert api.call("/x?kind=cookies").headers["access-control-allow-origin"] is None
    api.gateway.delete_cors_configuration(ApiId=api.id)
    assert api.call("/x?kind=cookies").headers["access-control-allow-origin"] == "backend"


def test_throttles(cloud, client, arn) -> None:
    """A route's own limit over the stage's."""
    api = Api(cloud, client("apigatewayv2"))
    integration = api.integration(arn)
    api.route("GET /one", integration)
    api.route("GET /two", integration)
    limits = {"GET /one": {"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 0.001}}
    api.gateway.update_stage(ApiId=api.id, StageName="$default", RouteSettings=limits)
    assert api.call("/one").status == 200
    refused = api.call("/one")
    assert (refused.status, refused.json()) == (429, {"message": "Too Many Requests"})
    assert api.call("/two").status == 200


def test_function_authorizers(cloud, client, arn) -> None:
    """Simple verdicts are kept for as long as the authorizer says; policies decide in format 1.0."""
    api = Api(cloud, client("apigatewayv2"))
    echo = api.integration(arn)
    simple = api.gateway.create_authorizer(
        ApiId=api.id, Name="simple", AuthorizerType="REQUEST", AuthorizerUri=arn, AuthorizerPayloadFormatVersion="2.0",
        EnableSimpleResponses=True, IdentitySource=["$request.header.token"], AuthorizerResultTtlInSeconds=60,
    )["AuthorizerId"]  # fmt: skip
    api.route("GET /simple", echo, AuthorizationType="CUSTOM", AuthorizerId=simple)
    first = api.call("/simple", headers={"token": "allow"}).json()["requestContext"]["authorizer"]["lambda"]
    assert first["tier"] == "gold"
    again = api.call("/simple", headers={"token": "allow"}).json()["requestContext"]["authorizer"]["lambda"]
    assert again == first
    denied = api.call("/simple", headers={"token": "other"})
    assert (denied.status, denied.json()) == (403, {"message": "Forbidden"})
    nobody = api.call("/simple")
    assert (nobody.status, nobody.json()) == (401, {"message": "Unauthorized"})
    policy = api.gateway.create_authorizer(
        ApiId=api.id, Name="policy", AuthorizerType="REQUEST", AuthorizerUri=arn, AuthorizerPayloadFormatVersion="1.0",
        IdentitySource=["$request.header.token"], AuthorizerResultTtlInSeconds=0,
    )["AuthorizerId"]  # fmt: skip
    api.route("GET /policy", echo, AuthorizationType="CUSTOM", AuthorizerId=policy)
    told = api.call("/policy", headers={"token": "allow"}).json()["requestContext"]["authorizer"]["lambda"]
    assert told == {"principalId": "me", "n": "1"}
    assert api.call("/policy", headers={"token": "no"}).status == 403


def test_signed_requests_only(cloud, client, arn) -> None:
    """AWS_IAM tells who called; whoever doesn't sign is forbidden."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    api = Api(cloud, client("apigatewayv2"))
    api.route("GET /x", api.integration(arn), AuthorizationType="AWS_IAM")
    assert (api.call("/x").status, api.call("/x").json()) == (403, {"message": "Forbidden"})
    request = AWSRequest("GET", f"http://{api.id}.execute-api.localhost:{cloud.port}/x")
    SigV4Auth(Credentials("000000000000", "test"), "execute-api", "us-east-1").add_auth(request)
    told = api.call("/x", headers=dict(request.headers)).json()["requestContext"]["authorizer"]["iam"]
    assert told["accountId"] == "000000000000"
    assert told["userArn"] == "arn:aws:iam::000000000000:root"


class Issuer:
    """An OpenID issuer on loopback, and tokens of its own making."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa

        self.key = rsa.generate_private_key(65537, 2048)
        self.fetched = 0
        issuer = self

        class Pages(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetched += 1
                if self.path == "/.well-known/openid-configuration":
                    told = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
                else:
                    told = {"keys": [jwt.public("RS256", "k1", issuer.key)]}
                data = json.dumps(told).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, **claims: object) -> str:
        now = int(time.time())
        told = {"iss": self.url, "aud": "app", "sub": "me", "exp": now + 60, "iat": now, **claims}
        return jwt.sign("RS256", "k1", self.key, told)


@pytest.fixture(scope="module")
def issuer():
    found = Issuer()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_tokens(cloud, client, arn, issuer) -> None:
    """Checked against the issuer's keys, fetched once; scopes decide per route."""
    api = Api(cloud, client("apigatewayv2"))
    echo = api.integration(arn)
    guard = api.gateway.create_authorizer(
        ApiId=api.id, Name="tokens", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Issuer": issuer.url, "Audience": ["app"]},
    )["AuthorizerId"]  # fmt: skip
    api.route("GET /x", echo, AuthorizationType="JWT", AuthorizerId=guard)
    api.route("GET /admin", echo, AuthorizationType="JWT", AuthorizerId=guard, AuthorizationScopes=["admin"])

    def call(path: str, **claims: object):
        return api.call(path, headers={"Authorization": f"Bearer {issuer.token(**claims)}"})

    told = call("/x", roles=["a", "b"], n=3).json()["requestContext"]["authorizer"]["jwt"]
    assert told["claims"]["sub"] == "me"
    assert (told["claims"]["roles"], told["claims"]["n"], told["scopes"]) == ("[a b]", "3", None)
    assert call("/x").status == 200
    assert issuer.fetched == 2
    assert call("/x", aud="other", client_id="app").status == 401
    assert call("/x", exp=1).status == 401
    assert call("/x", iss="http://127.0.0.1:9").status == 401
    nobody = api.call("/x")
    assert (nobody.status, nobody.headers["www-authenticate"]) == (401, "Bearer")
    forged = issuer.token().rpartition(".")[0] + ".AAAA"
    refused = api.call("/x", headers={"Authorization": forged})
    assert (refused.status, refused.json()) == (401, {"message": "Unauthorized"})
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    without = call("/admin")
    assert (without.status, without.json()) == (403, {"message": "Forbidden"})
    assert call("/admin", scope="read admin").json()["requestContext"]["authorizer"]["jwt"]["scopes"] == [
        "read",
        "admin",
    ]


def test_tokens_of_this_clouds_own_accounts(cloud, client, arn) -> None:
    """An account is an issuer too: what STS says of a caller, an API of the same cloud believes."""
    account = "666666666666"
    issuer = client("iam", account=account).enable_outbound_web_identity_federation()["IssuerIdentifier"]
    api = Api(cloud, client("apigatewayv2"))
    guard = api.gateway.create_authorizer(
        ApiId=api.id, Name="accounts", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Issuer": issuer, "Audience": ["app"]},
    )["AuthorizerId"]  # fmt: skip
    api.route("GET /", api.integration(arn), AuthorizationType="JWT", AuthorizerId=guard)
    sts = client("sts", account=account)
    token = sts.get_web_identity_token(Audience=["app"], SigningAlgorithm="RS256")["WebIdentityToken"]
    told = api.call("/", headers={"Authorization": f"Bearer {token}"}).json()["requestContext"]["authorizer"]
    assert told["jwt"]["claims"]["sub"] == f"arn:aws:iam::{account}:root"


def until(condition, limit: float = 15.0):
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it never happened")


def test_access_logs_and_metrics(cloud, client, arn, unique) -> None:
    """A line in the group for a request, in the stage's own words; counts in CloudWatch."""
    import datetime

    logs = client("logs")
    group = unique("/gateway")
    logs.create_log_group(logGroupName=group)
    api = Api(cloud, client("apigatewayv2"))
    api.route("GET /x", api.integration(arn))
    form = "$context.requestId $context.routeKey $context.status $context.integrationStatus $context.authorizer.error"
    destination = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    api.gateway.update_stage(
        ApiId=api.id, StageName="$default", AccessLogSettings={"DestinationArn": destination, "Format": form}
    )
    answer = api.call("/x")
    events = until(lambda: logs.filter_log_events(logGroupName=group)["events"])
    assert events[0]["message"] == f"{answer.headers['apigw-requestid']} GET /x 200 200 -"
    now = datetime.datetime.now(datetime.UTC)
    hour = datetime.timedelta(hours=1)
    counted = until(
        lambda: client("cloudwatch").get_metric_statistics(
            Namespace="AWS/ApiGateway", MetricName="Count", Dimensions=[{"Name": "ApiId", "Value": api.id}],
            StartTime=now - hour, EndTime=now + hour, Period=60, Statistics=["Sum"],
        )["Datapoints"]
    )  # fmt: skip
    assert counted[0]["Sum"] == 1


def test_custom_domains(cloud, client, arn, unique) -> None:
    """The longest mapping key that fits; a key may have several parts. Format 2.0 tells the path without it."""
    gateway = client("apigatewayv2")
    api = Api(cloud, gateway)
    api.route("GET /{proxy+}", api.integration(arn))
    api.route("GET /old/{proxy+}", api.integration(arn, PayloadFormatVersion="1.0"))
    name = f"{unique('api')}.example.com"
    certificate = "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000"
    gateway.create_domain_name(DomainName=name, DomainNameConfigurations=[{"CertificateArn": certificate}])
    gateway.create_api_mapping(DomainName=name, ApiId=api.id, Stage="$default", ApiMappingKey="v1/pets")
    answer = send(urllib.request.Request(f"{cloud.url}/v1/pets/rex", headers={"Host": name}))
    event = answer.json()
    assert (event["rawPath"], event["pathParameters"]) == ("/rex", {"proxy": "rex"})
    assert event["requestContext"]["domainName"] == name
    old = send(urllib.request.Request(f"{cloud.url}/v1/pets/old/rex", headers={"Host": name})).json()
    assert old["path"] == "/v1/pets/old/rex"
    other = send(urllib.request.Request(f"{cloud.url}/v2", headers={"Host": name}))
    assert (other.status, other.json()) == (403, {"message": "Forbidden"})
    gateway.update_api(ApiId=api.id, DisableExecuteApiEndpoint=True)
    assert api.call("/rex").status == 404
    assert send(urllib.request.Request(f"{cloud.url}/v1/pets/rex", headers={"Host": name})).status == 200


def test_domains_lead_to_rest_apis_too(cloud, client, unique) -> None:
    """One domain for APIs of both kinds, as people move from one to the other."""
    from tests.api.apigateway.making import Api as RestApi
    from tests.api.apigateway.making import mock

    gateway = client("apigatewayv2")
    rest = RestApi(cloud, client("apigateway"), {"/pets/{id}": {"get": mock(template='{"path": "$context.path"}')}})
    name = f"{unique('both')}.example.com"
    certificate = "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000"
    gateway.create_domain_name(DomainName=name, DomainNameConfigurations=[{"CertificateArn": certificate}])
    for wrong in ({"ApiId": "nope", "Stage": "dev"}, {"ApiId": rest.id, "Stage": "nope"}):
        with pytest.raises(ClientError) as refused:
            gateway.create_api_mapping(DomainName=name, **wrong)
        assert refused.value.response["Error"]["Code"] == "BadRequestException"
    mapping = gateway.create_api_mapping(DomainName=name, ApiId=rest.id, Stage="dev", ApiMappingKey="v1/old")
    answer = send(urllib.request.Request(f"{cloud.url}/v1/old/pets/3", headers={"Host": name}))
    assert answer.json() == {"path": "/v1/old/pets/3"}
    gateway.update_api_mapping(
        DomainName=name, ApiId=rest.id, ApiMappingId=mapping["ApiMappingId"], ApiMappingKey="v2", Stage="dev"
    )
    assert send(urllib.request.Request(f"{cloud.url}/v2/pets/3", headers={"Host": name})).status == 200
    assert send(urllib.request.Request(f"{cloud.url}/v1/old/pets/3", headers={"Host": name})).status == 403


def test_quick_create(cloud, client, arn) -> None:
    """One call makes an API that answers."""
    gateway = client("apigatewayv2")
    made = gateway.create_api(Name="quick", ProtocolType="HTTP", Target=arn)
    answer = send(urllib.request.Request(f"{cloud.url}/_aws/execute-api/{made['ApiId']}/hello"))
    assert answer.json()["routeKey"] == "$default"
    assert gateway.get_stages(ApiId=made["ApiId"])["Items"][0]["ApiGatewayManaged"] is True
