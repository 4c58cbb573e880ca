"""WebSocket APIs with a real client: handshake and guards, messages to routes and back, @connections, the end."""

from __future__ import annotations

import base64
import json
import os
import socket as raw
import urllib.request

import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.api.apigatewayv2.making import Api, SocketApi, event_of, function, send, until

HANDLER = """
import json
def handler(event, context):
    if event.get("type") == "REQUEST":
        if event["queryStringParameters"].get("token") == "unauthorized":
            raise Exception("Unauthorized")
        effect = "Allow" if event["queryStringParameters"].get("token") == "allow" else "Deny"
        return {"principalId": "me", "context": {"tier": "gold", "n": 3}, "policyDocument": {
            "Version": "2012-10-17", "Statement": [
                {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}]}}
    kind = event["requestContext"]["eventType"]
    if kind == "CONNECT":
        query = event.get("queryStringParameters") or {}
        if query.get("status") == "raise":
            raise ValueError("x")
        return {"statusCode": int(query.get("status", "200")), "headers": {"Sec-WebSocket-Protocol": "chosen"}
                if "chosen" in event["headers"].get("Sec-WebSocket-Protocol", "") else {}}
    if kind == "MESSAGE" and "fail" in event["body"]:
        raise ValueError("x")
    if kind == "DISCONNECT":
        print("gone", event["requestContext"]["disconnectStatusCode"])
    return {"statusCode": 200, "body": json.dumps(event)}
"""


@pytest.fixture(scope="module")
def arn(client) -> str:
    return function(client, "socket-api-tests", HANDLER)


@pytest.fixture(scope="module")
def api(cloud, client, arn) -> SocketApi:
    found = SocketApi(cloud, client("apigatewayv2"))
    echo = found.integration(arn)
    for key in ("$connect", "$disconnect"):
        found.route(key, echo)
    for key in ("$default", "told"):
        found.route(key, echo, answers=True)
    found.route("quiet", echo)
    return found


def test_messages_find_their_routes(api: SocketApi) -> None:
    """By the action in the body; what names none, and what names a route of the connection's own, is $default's."""
    with api.connect() as socket:
        event = event_of(socket, word="hi")
        context = event["requestContext"]
        assert (context["routeKey"], context["eventType"], context["stage"]) == ("told", "MESSAGE", "dev")
        assert json.loads(event["body"]) == {"action": "told", "word": "hi"}
        assert event["isBase64Encoded"] is False
        assert context["messageId"]
        assert context["apiId"] == api.id
        assert context["connectedAt"] <= context["requestTimeEpoch"]
        assert "headers" not in event
        assert event_of(socket, "unknown")["requestContext"]["routeKey"] == "$default"
        assert event_of(socket, "$disconnect")["requestContext"]["routeKey"] == "$default"
        socket.send("no json")
        assert json.loads(socket.recv(timeout=10))["body"] == "no json"
        socket.send(json.dumps({"action": "quiet"}))
        assert event_of(socket)["requestContext"]["connectionId"] == context["connectionId"]


def test_many_messages_at_once(api: SocketApi) -> None:
    """More than may be under way: the rest waits, and none is lost."""
    with api.connect() as socket:
        for number in range(100):
            socket.send(json.dumps({"action": "told", "number": number}))
        told = [json.loads(json.loads(socket.recv(timeout=20))["body"])["number"] for _ in range(100)]
    assert sorted(told) == list(range(100))


def test_functions_that_fail(api: SocketApi) -> None:
    """The client is told so, with its connection's id, and stays connected."""
    with api.connect() as socket:
        identity = event_of(socket)["requestContext"]["connectionId"]
        failed = event_of(socket, fail=True)
        assert failed["message"] == "Internal server error"
        assert failed["connectionId"] == identity
        assert failed["requestId"]
        assert event_of(socket)["requestContext"]["connectionId"] == identity


def test_connect_decides(api: SocketApi) -> None:
    """A status that is no success is the handshake's answer; a function that fails is a bad gateway."""
    for status, answered in (("403", 403), ("500", 500), ("raise", 502)):
        with pytest.raises(InvalidStatus) as refused, api.connect(f"?status={status}"):
            pass
        assert refused.value.response.status_code == answered
    with api.connect(subprotocols=["chosen", "other"]) as socket:
        assert socket.subprotocol == "chosen"
    with pytest.raises(InvalidStatus) as missing, api.connect(stage="nope"):
        pass
    assert missing.value.response.status_code == 403


def test_what_is_no_handshake(api: SocketApi, cloud) -> None:
    """A plain request to a WebSocket API, and an upgrade elsewhere, get plain answers."""
    host = {"Host": f"{api.id}.execute-api.localhost:{cloud.port}"}
    plain = send(urllib.request.Request(f"{cloud.url}/dev", headers=host))
    assert (plain.status, plain.json()) == (403, {"message": "Forbidden"})
    with pytest.raises(InvalidStatus), connect(f"ws://127.0.0.1:{cloud.port}/bucket/key", proxy=None, open_timeout=10):
        pass


def test_other_upgrades_are_passed_over(cloud) -> None:
    """Java's client offers h2c with every request: it is answered as if it had not, and the connection goes on."""
    head = "Host: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n\r\n"
    with raw.create_connection(("127.0.0.1", cloud.port), timeout=10) as line:
        for _ in range(2):
            line.sendall(f"GET /_haneul/health HTTP/1.1\r\n{head}".encode())
            assert line.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_a_handshake_behind_another_request(api: SocketApi, cloud, client, arn) -> None:
    """Answers leave in order: first the request's, then the handshake's, then the message's that came along."""
    key = base64.b64encode(os.urandom(16)).decode()
    slow = Api(cloud, client("apigatewayv2"))
    slow.route("$default", slow.integration(arn))
    first = f"GET /_aws/execute-api/{slow.id}/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
    handshake = (
        f"GET /dev HTTP/1.1\r\nHost: {api.id}.execute-api.localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    for before in ("GET /_haneul/health HTTP/1.1\r\nHost: localhost\r\n\r\n", first):
        with raw.create_connection(("127.0.0.1", cloud.port), timeout=10) as line:
            line.sendall((before + handshake).encode() + b"\x81\x82\0\0\0\0hi")
            said = b""
            while b'"body":"hi"' not in said.replace(b" ", b"").replace(b"\\", b""):
                piece = line.recv(65536)
                assert piece, said
                said += piece
            assert said.startswith(b"HTTP/1.1 ")
            assert not said.startswith(b"HTTP/1.1 101")
            assert b"HTTP/1.1 101 Switching Protocols" in said


def test_an_api_without_routes_of_its_own(cloud, client) -> None:
    """Without $connect everybody may; without $default what fits nothing is forbidden."""
    api = SocketApi(cloud, client("apigatewayv2"))
    api.route("ping", api.mock('{"pong": "$context.connectionId"}'), answers=True)
    with api.connect() as socket:
        pong = event_of(socket, "ping")
        refused = event_of(socket, "nope")
        assert (refused["message"], refused["connectionId"]) == ("Forbidden", pong["pong"])


def test_function_authorizers(cloud, client, arn) -> None:
    """Asked once, at $connect; what they say goes with every event."""
    api = SocketApi(cloud, client("apigatewayv2"))
    guard = api.gateway.create_authorizer(
        ApiId=api.id, Name="guard", AuthorizerType="REQUEST", AuthorizerUri=arn,
        IdentitySource=["route.request.querystring.token"],
    )["AuthorizerId"]  # fmt: skip
    echo = api.integration(arn)
    api.route("$connect", echo, AuthorizationType="CUSTOM", AuthorizerId=guard)
    api.route("$default", echo, answers=True)
    with api.connect("?token=allow") as socket:
        said = event_of(socket)["requestContext"]["authorizer"]
        assert (said["principalId"], said["tier"], said["n"]) == ("me", "gold", "3")
    for query, status in (("", 401), ("?token=unauthorized", 401), ("?token=deny", 403)):
        with pytest.raises(InvalidStatus) as refused, api.connect(query):
            pass
        assert refused.value.response.status_code == status


def test_the_end_is_told(api: SocketApi, client) -> None:
    """$disconnect's function runs, with the code that the client closed with."""
    with api.connect() as socket:
        event_of(socket)
        socket.close(1000, "bye")

    def gone() -> bool:
        try:
            found = client("logs").filter_log_events(
                logGroupName="/aws/lambda/socket-api-tests", filterPattern='"gone 1000"'
            )
        except ClientError:
            return False
        return bool(found["events"])

    until(gone)


def test_large_messages(api: SocketApi) -> None:
    """Frames of 32 KB, messages of 128 KB: what is larger closes the connection with 1009."""
    piece = "x" * 30_000
    with api.connect() as socket:
        socket.send(iter([piece, piece, piece]))
        assert len(json.loads(socket.recv(timeout=10))["body"]) == 90_000
    for parts in (["x" * 33_000], [piece] * 5):
        with api.connect() as socket:
            with pytest.raises(ConnectionClosed) as closed:
                socket.send(iter(parts))
                socket.recv(timeout=10)
            assert closed.value.rcvd.code == 1009


def test_api_keys(cloud, client, unique) -> None:
    """A key of the account, enabled, opens a connection that asks for one."""
    keys = client("apigateway")
    key = keys.create_api_key(name=unique("key"), enabled=True, value=unique("k" * 20))
    api = SocketApi(cloud, client("apigatewayv2"))
    api.route("$connect", api.mock(), ApiKeyRequired=True)
    with api.connect(additional_headers={"x-api-key": key["value"]}):
        pass
    for headers in ({}, {"x-api-key": "other"}):
        with pytest.raises(InvalidStatus) as refused, api.connect(additional_headers=headers):
            pass
        assert refused.value.response.status_code == 403
    keys.delete_api_key(apiKey=key["id"])


def test_required_parameters(cloud, client) -> None:
    """A handshake without what $connect asks for is no handshake."""
    api = SocketApi(cloud, client("apigatewayv2"))
    wanted = {"route.request.querystring.room": {"Required": True}}
    api.route("$connect", api.mock(), RequestParameters=wanted)
    with api.connect("?room=1"):
        pass
    with pytest.raises(InvalidStatus) as refused, api.connect():
        pass
    assert refused.value.response.status_code == 400


def test_models_hold_messages(cloud, client) -> None:
    """A message that doesn't fit its route's model never reaches the integration."""
    api = SocketApi(cloud, client("apigatewayv2"))
    schema = json.dumps({"type": "object", "required": ["name"]})
    api.gateway.create_model(ApiId=api.id, Name="Pet", Schema=schema, ContentType="application/json")
    held = {"ModelSelectionExpression": "$default", "RequestModels": {"$default": "Pet"}}
    api.route("put", api.mock('{"ok": true}'), answers=True, **held)
    with api.connect() as socket:
        assert event_of(socket, "put", name="rex") == {"ok": True}
        assert event_of(socket, "put")["message"] == "Invalid request body"


def test_services_behind_routes(cloud, client, unique) -> None:
    """A queue gets the message through a template; the route says nothing."""
    sqs = client("sqs")
    name = unique("queue")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    api = SocketApi(cloud, client("apigatewayv2"))
    integration = api.integration(
        f"arn:aws:apigateway:us-east-1:sqs:path/000000000000/{name}",
        IntegrationType="AWS",
        IntegrationMethod="POST",
        CredentialsArn="arn:aws:iam::000000000000:role/any",
        RequestParameters={"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
        RequestTemplates={"$default": 'Action=SendMessage&MessageBody=$util.urlEncode($input.json("$.text"))'},
        TemplateSelectionExpression="\\$default",
    )
    api.route("queue", integration)
    with api.connect() as socket:
        socket.send(json.dumps({"action": "queue", "text": "hello"}))
        found = until(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))
    assert found[0]["Body"] == '"hello"'


def test_what_is_deleted_lets_its_clients_go(cloud, client) -> None:
    """An API that is gone holds no connections."""
    api = SocketApi(cloud, client("apigatewayv2"))
    api.route("ping", api.mock('{"pong": true}'), answers=True)
    with api.connect() as socket:
        assert event_of(socket, "ping") == {"pong": True}
        api.gateway.delete_api(ApiId=api.id)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd.code == 1001


def test_a_stopping_cloud_says_goodbye(fresh_cloud) -> None:
    """Drain closes open connections with 1001 instead of waiting for them."""
    cloud = fresh_cloud()
    api = SocketApi(cloud, cloud.client("apigatewayv2"))
    api.route("ping", api.mock('{"pong": true}'), answers=True)
    with api.connect() as socket:
        assert event_of(socket, "ping") == {"pong": True}
        cloud.stop()
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd.code == 1001
