"""What the suites here begin with: an API from a few words, its deployment, and requests to it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, NamedTuple


class Answer(NamedTuple):
    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def mock(status: str = "200", template: str | None = None, **held: Any) -> dict[str, Any]:
    """An OpenAPI operation that answers by itself."""
    integration = {
        "type": "mock",
        "requestTemplates": {"application/json": json.dumps({"statusCode": int(status)})},
        "responses": {
            "default": {
                "statusCode": status,
                "responseTemplates": {"application/json": template if template is not None else '{"ok": true}'},
            }
        },
    }
    return {"responses": {status: {"description": "x"}}, "x-amazon-apigateway-integration": integration, **held}


def proxy(arn: str, **held: Any) -> dict[str, Any]:
    """An OpenAPI operation that a Lambda function answers."""
    return {
        "responses": {},
        "x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST", "uri": uri_of(arn)},
        **held,
    }


def uri_of(arn: str) -> str:
    return f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"


class Api:
    """An API made from OpenAPI paths, deployed to the stage `dev`."""

    def __init__(self, cloud: Any, gateway: Any, paths: dict[str, Any], stage: str = "dev", **document: Any) -> None:
        self.cloud = cloud
        self.gateway = gateway
        self.stage = stage
        whole = {"openapi": "3.0.1", "info": {"title": "test", "version": "1"}, "paths": paths, **document}
        self.id = gateway.import_rest_api(body=json.dumps(whole).encode())["id"]
        self.deploy()

    def deploy(self, **held: Any) -> str:
        return self.gateway.create_deployment(restApiId=self.id, stageName=self.stage, **held)["id"]

    def patch(self, *operations: tuple[str, str, str]) -> Any:
        return self.gateway.update_stage(
            restApiId=self.id,
            stageName=self.stage,
            patchOperations=[{"op": op, "path": path, "value": value} for op, path, value in operations],
        )

    def call(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        stage: str | None = None,
    ) -> Answer:
        url = f"{self.cloud.url}/{stage or self.stage}{path}"
        host = f"{self.id}.execute-api.localhost:{self.cloud.port}"
        request = urllib.request.Request(url, data=body, method=method, headers={"Host": host, **(headers or {})})
        return send(request)


def send(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=20) as found:
            return Answer(found.status, found.headers, found.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())
