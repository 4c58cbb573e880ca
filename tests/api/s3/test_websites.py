"""Static websites: configurations told back and refused as S3 does, and the website endpoint as a browser sees it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.api.s3.conftest import refused

Visit = Callable[..., requests.Response]
INDEX = {"IndexDocument": {"Suffix": "index.html"}}


@pytest.fixture
def visit(cloud: Any) -> Visit:
    """visit("bucket", "/path"): what the bucket's website answers, redirects not followed."""

    def send(bucket: str, path: str = "/", method: str = "GET", host: str = "", **headers: str) -> requests.Response:
        host = host or f"{bucket}.s3-website-us-east-1.localhost:{cloud.port}"
        return requests.request(
            method, cloud.url + path, headers={"Host": host, **headers}, timeout=30, allow_redirects=False
        )

    return send


def public(s3: Any, bucket: str, *actions: str) -> None:
    """Let everybody read."""
    s3.delete_public_access_block(Bucket=bucket)
    statements = [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    ]
    if "list" in actions:
        statements.append(
            {"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}
        )
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))


def host_it(s3: Any, bucket: str, **configuration: Any) -> None:
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=configuration or INDEX)


def test_round_trip_and_refusals(s3: Any, bucket: str) -> None:
    """What was put is told back; what S3 refuses is refused in its words."""
    assert refused(s3.get_bucket_website, Bucket=bucket).code == "NoSuchWebsiteConfiguration"
    whole = {
        **INDEX,
        "ErrorDocument": {"Key": "error.html"},
        "RoutingRules": [
            {
                "Condition": {"KeyPrefixEquals": "docs/", "HttpErrorCodeReturnedEquals": "404"},
                "Redirect": {"ReplaceKeyPrefixWith": "documents/", "Protocol": "https", "HttpRedirectCode": "302"},
            }
        ],
    }
    host_it(s3, bucket, **whole)
    told = s3.get_bucket_website(Bucket=bucket)
    told.pop("ResponseMetadata")
    assert told == whole
    host_it(s3, bucket, RedirectAllRequestsTo={"HostName": "example.com"})
    assert s3.get_bucket_website(Bucket=bucket)["RedirectAllRequestsTo"] == {"HostName": "example.com"}
    to = {"Redirect": {"ReplaceKeyWith": "x"}}
    for code, wrong in (
        ("InvalidArgument", {"ErrorDocument": {"Key": "e"}}),
        ("InvalidArgument", {"IndexDocument": {"Suffix": "a/b"}}),
        ("InvalidRequest", {**INDEX, "RedirectAllRequestsTo": {"HostName": "a"}}),
        ("InvalidRequest", {**INDEX, "RoutingRules": [{"Condition": {}, **to}]}),
        ("InvalidRequest", {**INDEX, "RoutingRules": [to] * 51}),
        ("InvalidRequest", {**INDEX, "RoutingRules": [{"Redirect": {"HttpRedirectCode": "300"}}]}),
        ("InvalidRequest", {**INDEX, "RoutingRules": [{"Redirect": {"Protocol": "ftp"}}]}),
        (
            "InvalidRequest",
            {**INDEX, "RoutingRules": [{"Redirect": {"ReplaceKeyWith": "a", "ReplaceKeyPrefixWith": ""}}]},
        ),
        ("InvalidRequest", {**INDEX, "RoutingRules": [{"Condition": {"HttpErrorCodeReturnedEquals": "200"}, **to}]}),
    ):
        answer = refused(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration=wrong)
        assert (answer.code, answer.status) == (code, 400), wrong
    s3.delete_bucket_website(Bucket=bucket)
    s3.delete_bucket_website(Bucket=bucket)
    assert refused(s3.get_bucket_website, Bucket=bucket).code == "NoSuchWebsiteConfiguration"


def test_index_documents(s3: Any, bucket: str, visit: Visit) -> None:
    """/ and /folder/ are their index pages, /folder goes to /folder/, and conditional and ranged reads work."""
    public(s3, bucket)
    host_it(s3, bucket)
    s3.put_object(Bucket=bucket, Key="index.html", Body=b"home", ContentType="text/html", CacheControl="no-cache")
    s3.put_object(Bucket=bucket, Key="a b/index.html", Body=b"below")
    home = visit(bucket, "/?x=1")
    assert (home.status_code, home.content, home.headers["Content-Type"]) == (200, b"home", "text/html")
    assert home.headers["Cache-Control"] == "no-cache"
    assert visit(bucket, "/a%20b/").content == b"below"
    moved = visit(bucket, "/a%20b")
    assert (moved.status_code, moved.headers["Location"]) == (302, "/a%20b/")
    head = visit(bucket, "/", "HEAD")
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "4")
    assert visit(bucket, "/", **{"If-None-Match": home.headers["ETag"]}).status_code == 304
    part = visit(bucket, "/", Range="bytes=1-2")
    assert (part.status_code, part.content) == (206, b"om")
    for host in ("s3-website.us-east-1.localhost", "s3-website.localhost.localstack.cloud", "s3-website.localhost"):
        assert visit(bucket, host=f"{bucket}.{host}").content == b"home", host


def test_error_pages(s3: Any, bucket: str, visit: Visit) -> None:
    """403 where nobody may list, 404 where everybody may; S3's page, the error document, or a word about its lack."""
    assert visit(bucket).status_code == 404
    assert "<li>Code: NoSuchWebsiteConfiguration</li>" in visit(bucket).text
    missing = visit("no-such-bucket-here")
    assert (missing.status_code, missing.headers["x-amz-error-code"]) == (404, "NoSuchBucket")
    host_it(s3, bucket)
    assert visit(bucket).status_code == 403
    public(s3, bucket)
    assert visit(bucket, "/nothing").headers["x-amz-error-code"] == "AccessDenied"
    public(s3, bucket, "list")
    page = visit(bucket, "/no<b>thing")
    assert page.status_code == 404
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.text.startswith(
        "<html>\n<head><title>404 Not Found</title></head>\n<body>\n<h1>404 Not Found</h1>\n<ul>\n"
    )
    assert "<li>Key: no&lt;b&gt;thing</li>" in page.text
    host_it(s3, bucket, **INDEX, ErrorDocument={"Key": "oops.html"})
    assert "An Error Occurred While Attempting to Retrieve a Custom Error Document" in visit(bucket, "/nothing").text
    s3.put_object(Bucket=bucket, Key="oops.html", Body=b"oops", ContentType="text/html")
    oops = visit(bucket, "/nothing", **{"If-None-Match": "*"})
    assert (oops.status_code, oops.content, oops.headers["Content-Type"]) == (404, b"oops", "text/html")
    refusal = visit(bucket, "/x", "PUT")
    assert (refusal.status_code, refusal.headers["x-amz-error-code"]) == (405, "MethodNotAllowed")
    assert visit(bucket, "/nothing", "HEAD").status_code == 404


def test_redirects(s3: Any, bucket: str, visit: Visit, cloud: Any) -> None:
    """Rules by prefix and by error, an object's own redirect, and a bucket that sends everybody elsewhere."""
    public(s3, bucket, "list")
    host_it(
        s3,
        bucket,
        **INDEX,
        RoutingRules=[
            {"Condition": {"KeyPrefixEquals": "docs/"}, "Redirect": {"ReplaceKeyPrefixWith": "documents/"}},
            {
                "Condition": {"HttpErrorCodeReturnedEquals": "404", "KeyPrefixEquals": "img/"},
                "Redirect": {
                    "HostName": "api.example.com", "Protocol": "https", "HttpRedirectCode": "307",
                    "ReplaceKeyPrefixWith": "make?key=",
                },
            },
        ],
    )  # fmt: skip
    here = f"http://{bucket}.s3-website-us-east-1.localhost:{cloud.port}"
    moved = visit(bucket, "/docs/a%20b")
    assert (moved.status_code, moved.headers["Location"]) == (301, f"{here}/documents/a%20b")
    made = visit(bucket, "/img/100x100/a.png")
    assert (made.status_code, made.headers["Location"]) == (307, "https://api.example.com/make?key=100x100/a.png")
    s3.put_object(Bucket=bucket, Key="img/100x100/a.png", Body=b"png")
    assert visit(bucket, "/img/100x100/a.png").content == b"png"
    s3.put_object(Bucket=bucket, Key="old", WebsiteRedirectLocation="/new")
    assert visit(bucket, "/old").headers["Location"] == "/new"
    assert visit(bucket, "/old").status_code == 301
    assert s3.get_object(Bucket=bucket, Key="old")["WebsiteRedirectLocation"] == "/new"
    host_it(s3, bucket, RedirectAllRequestsTo={"HostName": "example.com", "Protocol": "https"})
    assert visit(bucket, "/a/b?c=d").headers["Location"] == "https://example.com/a/b?c=d"
    split = visit(bucket, "/a%0d%0aX-Evil:1")
    assert "X-Evil" not in split.headers


def test_a_bucket_answers_the_host_it_is_named_like(s3: Any, unique: Callable[[str], str], visit: Visit) -> None:
    """A domain that points at the endpoint (CNAME) is served from the bucket of its name, and only if it is a site."""
    name = unique("www") + ".example.com"
    s3.create_bucket(Bucket=name)
    public(s3, name)
    s3.put_object(Bucket=name, Key="index.html", Body=b"mine")
    assert visit(name, host=name).status_code == 403
    host_it(s3, name)
    assert visit(name, host=name).content == b"mine"


def test_requester_pays_and_cors(s3: Any, bucket: str, visit: Visit) -> None:
    """A bucket whose requesters pay has no website; a site's CORS rules hold on its endpoint too."""
    public(s3, bucket)
    host_it(s3, bucket)
    s3.put_object(Bucket=bucket, Key="index.html", Body=b"home")
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://a.example"], "AllowedHeaders": ["*"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    assert visit(bucket, Origin="https://a.example").headers["Access-Control-Allow-Origin"] == "https://a.example"
    asked = visit(
        bucket, "/index.html", "OPTIONS", **{"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    )
    assert asked.status_code == 200
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    assert visit(bucket).status_code == 403
