"""Host labels that several rooms claim: who is asked, in which order, and which paths stand for a name."""

from __future__ import annotations

import pytest

from haneul.gateway.hosts import Hosts
from haneul.gateway.route import Routes
from haneul.wire.message import Request

ROUTES = Routes(
    Hosts(),
    frozenset({"apigateway", "apigatewayv2", "s3"}),
    {"execute-api": ("apigateway", "apigatewayv2")},
    "us-east-1",
)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("abc123.execute-api.localhost:4566", "/prod/pets"),
        ("abc123.execute-api.eu-west-1.amazonaws.com", "/"),
        ("localhost:4566", "/restapis/abc123/prod/_user_request_/pets"),
        ("127.0.0.1:4566", "/_aws/execute-api/abc123/prod/pets"),
    ],
)
def test_every_claimant_is_asked_in_order(host: str, path: str) -> None:
    """REST and HTTP APIs share a name: neither may swallow the other's requests, whatever headers they carry."""
    target = ROUTES.resolve(Request("GET", path, "", {"host": host, "x-amz-target": "DynamoDB_20120810.GetItem"}))
    assert target.raw == ("apigateway", "apigatewayv2")
    assert target.operation == ""


def test_a_bucket_may_have_any_name() -> None:
    """Paths that stand for an API's name don't hide buckets."""
    target = ROUTES.resolve(Request("GET", "/restapis/photo.jpg", "", {"host": "localhost:4566"}))
    assert (target.service, target.operation) == ("s3", "GetObject")


def test_custom_domains_are_asked_for_last() -> None:
    """A name that is nobody's is refused, unless a room has it as a custom domain; AWS's own names are never theirs."""
    routes = Routes(Hosts(), frozenset({"apigateway"}), {}, "us-east-1")
    asked: list[str] = []

    def named(name: str) -> tuple[str, ...]:
        asked.append(name)
        return ("apigateway",) if name == "api.example.com" else ()

    routes.named = named
    found = routes.resolve(Request("GET", "/v1", "", {"host": "api.example.com:4566"}))
    assert (found.raw, found.host.known) == (("apigateway",), True)
    assert not routes.resolve(Request("GET", "/v1", "", {"host": "evil.example.com"})).host.known
    for host in ("localhost:4566", "photos.s3.localhost", "sqs.us-east-1.amazonaws.com"):
        routes.resolve(Request("GET", "/", "", {"host": host}))
    assert asked == ["api.example.com", "evil.example.com"]


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("my.site.s3-website-eu-west-1.amazonaws.com", "eu-west-1"),
        ("my.site.s3-website.eu-west-1.localhost:4566", "eu-west-1"),
        ("my.site.s3-website.localhost.localstack.cloud:4566", "us-east-1"),
    ],
)
def test_websites_are_asked_for_by_bucket_in_all_spellings(host: str, region: str) -> None:
    """The label holds the region in some and not in others; the bucket is what stands before it."""
    routes = Routes(Hosts(), frozenset({"s3"}), {"s3-website": ("s3",)}, "us-east-1")
    target = routes.resolve(Request("GET", "/index.html", "", {"host": host}))
    assert target.raw == ("s3",)
    assert target.labels == {"Bucket": "my.site"}
    assert target.region == region
