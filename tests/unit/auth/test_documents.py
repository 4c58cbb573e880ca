"""Resource policies are refused with S3's own words, and what S3 takes is taken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haneul.auth.documents import validate_resource
from haneul.wire.errors import AwsError

BUCKET = "arn:aws:s3:::bucket"
BASE: dict[str, Any] = {
    "Sid": "a",
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": f"{BUCKET}/*",
}


def refused(document: Any) -> AwsError:
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(AwsError) as caught:
        validate_resource(text, "s3", BUCKET)
    assert (caught.value.code, caught.value.status) == ("MalformedPolicy", 400)
    return caught.value


def of(*drop: str, **change: Any) -> dict[str, Any]:
    statement = {name: value for name, value in (BASE | change).items() if name not in drop}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "Policies must be valid JSON and the first byte must be '{'"),
        ("[]", "Policies must be valid JSON and the first byte must be '{'"),
        ({"Version": "2012-10-17"}, "Missing required field Statement"),
        ({"Version": "2020-01-01", "Statement": [BASE]}, "The policy must contain a valid version string"),
        ({"Version": "2012-10-17", "Statement": []}, "Could not parse the policy: Statement is empty!"),
        ({"Statement": [BASE], "Extra": 1}, "Unknown field Extra"),
        ({"Statement": [BASE, BASE]}, "Duplicate Statement IDs (Sid) in policy"),
        (of(Extra=1), "Unknown field Extra"),
        (of("Effect"), "Missing required field Effect"),
        (of("Principal"), "Missing required field Principal"),
        (of("Action"), "Missing required field Action"),
        (of("Resource"), "Missing required field Resource"),
        (of(Effect="allow"), "Invalid effect: allow"),
        (of(Principal={"AWS": "arn:aws:iam::bob"}), "Invalid principal in policy"),
        (of(Principal={"AWS": "bob"}), "Invalid principal in policy"),
        (of(Principal={"AWS": "arn:aws:iam::123456789012:user/*"}), "Invalid principal in policy"),
        (of(Principal={"Other": "*"}), "Invalid principal in policy"),
        (of(Principal={"Service": "bob"}), "Invalid principal in policy"),
        (of(Principal={"CanonicalUser": "abc"}), "Invalid principal in policy"),
        (of(Principal="bob"), "Invalid principal in policy"),
        (of(Action="GetObject"), "Policy has invalid action"),
        (of(Action="sqs:SendMessage"), "Policy has invalid action"),
        (of(Action="s3:NoSuchThing"), "Policy has invalid action"),
        (of(Action=[]), "Policy Member must not be empty."),
        (of(Resource="arn:aws:s3:::other/*"), "Policy has invalid resource"),
        (of(Resource="bucket/*"), "Policy has invalid resource"),
        (of(Resource=BUCKET), "Action does not apply to any resource(s) in statement"),
        (of(Action="s3:ListBucket"), "Action does not apply to any resource(s) in statement"),
        (of(Condition={"NoSuch": {"aws:SourceIp": "1.2.3.4"}}), "Invalid Condition type : NoSuch"),
        (of(Condition={"StringEquals": {"nokey": "x"}}), "Policy has an invalid condition key"),
    ],
)
def test_what_s3_refuses(document: Any, message: str) -> None:
    """The first thing wrong is named as S3 names it."""
    assert refused(document).message == message


@pytest.mark.parametrize(
    "document",
    [
        of(),
        {"Statement": BASE, "Id": "x"},
        of("Sid", Action="s3:*", Resource=[BUCKET, f"{BUCKET}/*"]),
        of(Action=["s3:Get*", "s3:ListBucket"], Resource=[BUCKET, f"{BUCKET}/a/*"]),
        of(Resource="arn:aws:s3:::bucket*"),
        of(Resource="arn:aws:s3:::bucket/${aws:username}/*"),
        of(Principal={"AWS": ["123456789012", "arn:aws:iam::123456789012:root"]}),
        of(Principal={"AWS": "arn:aws:sts::123456789012:assumed-role/r/s"}),
        of(Principal={"Service": ["logging.s3.amazonaws.com"]}),
        of("Principal", Effect="Deny", NotPrincipal={"AWS": "arn:aws:iam::123456789012:user/bob"}),
        of("Action", Effect="Deny", NotAction="s3:GetObject"),
        of(Condition={"IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}, "Bool": {"aws:SecureTransport": False}}),
        of(Condition={"ForAnyValue:StringLikeIfExists": {"s3:RequestObjectTagKeys": ["a*"]}}),
    ],
)
def test_what_s3_takes(document: dict[str, Any]) -> None:
    """Ordinary policies pass."""
    assert validate_resource(json.dumps(document), "s3", BUCKET) == document


def test_other_services_words() -> None:
    """The same grammar with another service's code and resources."""
    queue = "arn:aws:sqs:us-east-1:123456789012:q"
    good = {"Statement": [BASE | {"Action": "SQS:SendMessage", "Resource": queue}]}
    validate_resource(json.dumps(good), "sqs", queue)
    validate_resource(json.dumps({"Statement": [BASE | {"Action": "*", "Resource": "*"}]}), "sqs", queue)
    with pytest.raises(AwsError) as caught:
        validate_resource("{", "sqs", queue, code="InvalidAttributeValue")
    assert caught.value.code == "InvalidAttributeValue"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["Statement", *BASE, "Condition", "AWS", "StringEquals"]), inner, max_size=4), max_leaves=12))  # fmt: skip  # noqa: E501
def test_any_json(document: Any) -> None:
    """Whatever JSON comes, it passes or is refused by name."""
    try:
        validate_resource(json.dumps(document), "s3", BUCKET)
    except AwsError as error:
        assert error.code == "MalformedPolicy" and error.message
