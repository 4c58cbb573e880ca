"""What the suites here begin with: a function that tells what it was given, an API from a few words, requests to it."""

from __future__ import annotations

import io
import json
import sys
import urllib.error
import urllib.request
import zipfile
from typing import Any, NamedTuple


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
