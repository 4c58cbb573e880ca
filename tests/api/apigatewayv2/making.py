"""What the suites here begin with: a function that tells what it was given, an API from a few words, requests to it."""

from __future__ import annotations

import io
import json
import sys
import time
import urllib.error
import urllib.request
import zipfile
from typing import Any, NamedTuple

import boto3
from websockets.sync.client import connect

SELECTION = "$request.body.action"


class Answer(NamedTuple):
    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def function(client: Any, name: str, code: str) -> str:
    """The ARN of a new Python function whose handler is app.handler."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", code)
    made = client("lambda").create_function(
        FunctionName=name,
        Runtime=f"python3.{sys.version_info.minor}",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="app.handler",
        Code={"ZipFile": data.getvalue()},
        Timeout=10,
    )
    return made["FunctionArn"]


class Api:
    """An HTTP API with a `$default` stage that deploys by itself."""

    def __init__(self, cloud: Any, gateway: Any, stage: str = "$default", **held: Any) -> None:
        self.cloud = cloud
        self.gateway = gateway
        self.id = gateway.create_api(Name="test", ProtocolType="HTTP", **held)["ApiId"]
        self.stage = gateway.create_stage(ApiId=self.id, StageName=stage, AutoDeploy=True)["StageName"]

    def integration(self, uri: str, **held: Any) -> str:
        if uri.startswith("http"):
            held = {"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "ANY", **held}
        else:
            held = {"IntegrationType": "AWS_PROXY", "PayloadFormatVersion": "2.0", **held}
        if uri:
            held["IntegrationUri"] = uri
        return self.gateway.create_integration(ApiId=self.id, **held)["IntegrationId"]

    def route(self, key: str, integration: str, **held: Any) -> str:
        target = f"integrations/{integration}"
        return self.gateway.create_route(ApiId=self.id, RouteKey=key, Target=target, **held)["RouteId"]

    def call(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        host = f"{self.id}.execute-api.localhost:{self.cloud.port}"
        url = f"{self.cloud.url}{path}"
        return send(urllib.request.Request(url, data=body, method=method, headers={"Host": host, **(headers or {})}))


def send(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=20) as found:
            return Answer(found.status, found.headers, found.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


class SocketApi:
    """A WebSocket API with a stage `dev` that deploys by itself."""

    def __init__(self, cloud, gateway, **held) -> None:
        self.cloud = cloud
        self.gateway = gateway
        held = {"RouteSelectionExpression": SELECTION, **held}
        self.id = gateway.create_api(Name="test", ProtocolType="WEBSOCKET", **held)["ApiId"]
        gateway.create_stage(ApiId=self.id, StageName="dev", AutoDeploy=True)

    def integration(self, uri: str = "", **held) -> str:
        if uri:
            held = {"IntegrationType": "AWS_PROXY", "IntegrationUri": uri, **held}
        return self.gateway.create_integration(ApiId=self.id, **held)["IntegrationId"]

    def mock(self, template: str | None = None, request: str = '{"statusCode": 200}') -> str:
        found = self.integration(IntegrationType="MOCK", RequestTemplates={"$default": request})
        if template is not None:
            self.gateway.create_integration_response(
                ApiId=self.id, IntegrationId=found, IntegrationResponseKey="$default",
                ResponseTemplates={"$default": template},
            )  # fmt: skip
        return found

    def route(self, key: str, integration: str, answers: bool = False, **held) -> str:
        target = f"integrations/{integration}"
        if answers:
            held["RouteResponseSelectionExpression"] = "$default"
        route = self.gateway.create_route(ApiId=self.id, RouteKey=key, Target=target, **held)["RouteId"]
        if answers:
            self.gateway.create_route_response(ApiId=self.id, RouteId=route, RouteResponseKey="$default")
        return route

    def connect(self, query: str = "", stage: str = "dev", **options):
        url = f"ws://{self.id}.execute-api.localhost:{self.cloud.port}/{stage}{query}"
        return connect(url, address=("127.0.0.1", self.cloud.port), proxy=None, open_timeout=10, **options)

    def connections(self):
        return boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=f"{self.cloud.url}/_aws/execute-api/{self.id}/dev",
            region_name="us-east-1",
            aws_access_key_id="000000000000",
            aws_secret_access_key="test",
        )


def event_of(socket, action: str = "told", **held) -> dict:
    socket.send(json.dumps({"action": action, **held}))
    return json.loads(socket.recv(timeout=10))


def until(condition, limit: float = 15.0):
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it never happened")
