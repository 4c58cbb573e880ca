"""Condition keys of a call: each says what AWS documents, and nothing when there is nothing to say."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from haneul.auth.context import CallKeys, Given
from haneul.auth.principals import ANONYMOUS, Principal
from haneul.service import Call, Scope
from haneul.wire.message import Request
from tests.unit.auth.signing import NOW, USER, root

SESSION = Principal(
    account=USER.account,
    arn=f"arn:aws:sts::{USER.account}:assumed-role/reader/s1",
    kind="role",
    role_arn=f"arn:aws:iam::{USER.account}:role/reader",
    user_id="AROAX:s1",
    session={
        "aws:PrincipalTag/Team": "blue",
        "aws:MultiFactorAuthPresent": "true",
        "aws:MultiFactorAuthIssued": str(NOW - 60),
        "aws:TokenIssueTime": "2026-03-04T05:05:07Z",
    },
)
SERVICE = Principal(account=USER.account, arn="sns.amazonaws.com", kind="service")


def keys(principal: Principal = USER, http: Request | None = None, **request: Any) -> CallKeys:
    cloud: Any = SimpleNamespace(clock=SimpleNamespace(now=lambda: NOW + 0.5))
    call = Call(cloud, "s3", "GetObject", Scope(principal.account or "1", "eu-west-1"), principal, "id", http)
    return CallKeys(call, request, lambda call, request: {"s3:Prefix": "given", "x:Number": 3, "x:None": None})


def http(query: str = "", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", "/b/k", query, named, client="192.0.2.7", secure=True)


@pytest.mark.parametrize(
    ("principal", "key", "value"),
    [
        (USER, "aws:username", "bob"),
        (USER, "aws:userid", "AIDABOB"),
        (USER, "aws:principaltype", "User"),
        (USER, "aws:principalarn", USER.arn),
        (USER, "aws:principalaccount", USER.account),
        (USER, "aws:principalisawsservice", "false"),
        (USER, "aws:multifactorauthpresent", None),
        (USER, "aws:tokenissuetime", None),
        (SESSION, "aws:username", None),
        (SESSION, "aws:principaltype", "AssumedRole"),
        (SESSION, "aws:principalarn", SESSION.role_arn),
        (SESSION, "aws:userid", "AROAX:s1"),
        (SESSION, "aws:principaltag/team", "blue"),
        (SESSION, "aws:multifactorauthpresent", "true"),
        (SESSION, "aws:multifactorauthage", "60"),
        (SESSION, "aws:tokenissuetime", "2026-03-04T05:05:07Z"),
        (root("999999999999"), "aws:principaltype", "Account"),
        (root("999999999999"), "aws:username", None),
        (ANONYMOUS, "aws:principaltype", "Anonymous"),
        (ANONYMOUS, "aws:userid", "anonymous"),
        (ANONYMOUS, "aws:principalaccount", None),
        (SERVICE, "aws:principalisawsservice", "true"),
        (SERVICE, "aws:principalservicename", "sns.amazonaws.com"),
        (SERVICE, "aws:viaawsservice", "true"),
        (SERVICE, "aws:principalarn", None),
    ],
)
def test_who_calls(principal: Principal, key: str, value: str | None) -> None:
    """Keys of the caller and its session."""
    assert keys(principal).get(key) == value


def test_the_request() -> None:
    """Keys of the network, the time and the headers."""
    asked = keys(http=http(user_agent="cli", referer="http://x/", x_amz_acl="private"))
    expected = {
        "aws:sourceip": "192.0.2.7",
        "aws:securetransport": "true",
        "aws:useragent": "cli",
        "aws:referer": "http://x/",
        "aws:currenttime": "2026-03-04T05:06:07Z",
        "aws:epochtime": str(NOW),
        "aws:requestedregion": "eu-west-1",
        "aws:resourceaccount": USER.account,
        "s3:x-amz-acl": "private",
        "s3:resourceaccount": USER.account,
        "s3:prefix": "given",
        "x:number": "3",
        "x:none": None,
        "x:other": None,
    }
    assert {name: asked.get(name) for name in expected} == expected
    inside = keys()
    assert inside.get("aws:sourceip") is None and inside.get("aws:securetransport") is None


V4 = "AWS4-HMAC-SHA256"
TWO = [{"Key": "team", "Value": "a"}, {"Key": "Cost", "Value": "1"}]


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("", {"authorization": "AWS4-...", "x_amz_date": "20260304T050507Z"}, ("REST-HEADER", V4, "60500")),
        ("X-Amz-Date=20260304T050507Z&X-Amz-Signature=x", {}, ("REST-QUERY-STRING", V4, "60500")),
        ("AWSAccessKeyId=x&Signature=y&Expires=1", {}, ("REST-QUERY-STRING", "AWS", None)),
        ("", {}, (None, None, None)),
    ],
)
def test_how_it_was_signed(query: str, headers: dict[str, str], expected: tuple[str | None, ...]) -> None:
    """S3's keys on authentication, by which old or long-lived URLs are denied."""
    asked = keys(http=http(query, **headers))
    assert tuple(asked.get(f"s3:{name}") for name in ("authtype", "signatureversion", "signatureage")) == expected


@pytest.mark.parametrize(
    "request_",
    [
        {"Tags": TWO},
        {"tags": [{"key": "team", "value": "a"}, {"key": "Cost", "value": "1"}]},
        {"Tags": {"team": "a", "Cost": "1"}},
        {"Tags": [{"TagKey": "team", "TagValue": "a"}, {"TagKey": "Cost", "TagValue": "1"}]},
        {"TagSpecifications": [{"ResourceType": "instance", "Tags": TWO}]},
        {"Tagging": {"TagSet": TWO}},
    ],
)
def test_tags_in_any_of_awss_shapes(request_: dict[str, Any]) -> None:
    """aws:RequestTag and aws:TagKeys, wherever the service's model keeps tags."""
    asked = keys(**request_)
    assert asked.get("aws:requesttag/team") == "a" and asked.get("aws:requesttag/cost") == "1"
    assert asked.get("aws:requesttag/other") is None
    assert asked.get("aws:tagkeys") == ["team", "Cost"]
    assert keys(TagKeys=["a", "b"]).get("aws:tagkeys") == ["a", "b"]
    assert keys().get("aws:tagkeys") is None


def test_organizations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the caller's account stands, looked up only when a policy asks."""
    from haneul.auth import organizations as own

    organization = SimpleNamespace(id="o-x", management="1", root="r-x")
    member = SimpleNamespace(parent="ou-2")
    units = {"ou-2": SimpleNamespace(parent="ou-1"), "ou-1": SimpleNamespace(parent="r-x")}
    monkeypatch.setattr(own, "find", lambda tx, account: organization if account == USER.account else None)
    monkeypatch.setattr(own, "MEMBERS", SimpleNamespace(get=lambda tx, scope, account: member))
    monkeypatch.setattr(own, "UNITS", SimpleNamespace(get=lambda tx, scope, name: units[name]))

    @contextmanager
    def read() -> Any:
        yield SimpleNamespace(ticket=0)

    asked = keys()
    asked.call.cloud.store = SimpleNamespace(read=read)  # type: ignore[assignment]
    assert asked.get("aws:principalorgid") == "o-x"
    assert asked.get("aws:principalorgpaths") == ["o-x/r-x/ou-1/ou-2/"]
    assert asked.get("aws:principalorgmasteraccount") == "1"
    assert asked.get("aws:resourceorgid") == "o-x"
    assert keys(ANONYMOUS).get("aws:principalorgid") is None


def test_given_keys_have_any_case() -> None:
    """The simulator's keys come as people write them."""
    assert Given({"AWS:UserName": "bob"}).get("aws:username") == "bob"
