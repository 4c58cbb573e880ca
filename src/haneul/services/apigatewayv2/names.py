"""ARNs: API Gateway's rights are HTTP verbs on paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from haneul.service import Call

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "ANY")


def resource(call: Call, request: Mapping[str, Any]) -> str:
    """The ARN that a decision is about: the request's own path, without the API's version."""
    path = unquote(call.http.path).removeprefix("/v2") if call.http is not None else "/*"
    return path.removeprefix("/tags/") if path.startswith("/tags/arn:") else arn(call.region, path)


def arn(region: str, path: str) -> str:
    return f"arn:aws:apigateway:{region}::{path}"
