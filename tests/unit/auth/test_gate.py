"""The gate: who passes without policies, who doesn't, and how each service says no."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from haneul.auth.gate import Gate
from haneul.auth.principals import ANONYMOUS, Policies, Principal
from haneul.service import Call, Guard, Operation, Scope
from haneul.wire.errors import AwsError
from haneul.wire.message import Request
from tests.unit.auth.signing import USER, Names, root

ACCOUNT = USER.account
ROOT = root(ACCOUNT)
OTHER = root("999999999999")
RESOURCES = {"s3": "arn:aws:s3:::{Bucket}/{Key}", "sqs": "arn:aws:sqs:{region}:{account}:{QueueName}"}


def call(principal: Principal = USER, service: str = "s3", operation: str = "GetObject", **http: Any) -> Call:
    clock = SimpleNamespace(now=lambda: 1_800_000_000.0)
    request = Request("GET", "/", "", http.pop("headers", {}), **http)
    cloud: Any = SimpleNamespace(clock=clock)
    return Call(cloud, service, operation, Scope(principal.account or ACCOUNT, "us-east-1"), principal, "id", request)


def op(resource: Any = "", **more: Any) -> Operation:
    given = {"action": None, "conditions": None, "anonymous": False, "codec": None} | more
    return Operation(function=lambda: None, resource=resource or RESOURCES["s3"], **given)


REQUEST = {"Bucket": "b", "Key": "k"}


def gate(enforced: bool, *identity: str, **more: Any) -> Gate:
    policies = Policies(identity=tuple((f"p{n}", text) for n, text in enumerate(identity)), **more)
    return Gate(Names(policies=policies), enforced)


def policy(effect: str = "Allow", action: str = "s3:*", resource: str = "*", **more: Any) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}]}
    )


def refused(
    by: Gate, one: Call, guard: Guard | None = None, operation: Operation | None = None, **request: Any
) -> AwsError:
    with pytest.raises(AwsError) as caught:
        authorise(by, one, guard, operation, **request)
    return caught.value


def authorise(
    by: Gate, one: Call, guard: Guard | None = None, operation: Operation | None = None, **request: Any
) -> None:
    by.authorise(one, operation or op(), REQUEST | request, (lambda call, request: guard), one.service)


def test_dev_lets_signed_callers_pass() -> None:
    """Without enforcement every signed caller is its account's root."""
    for principal in (USER, ROOT):
        authorise(gate(False), call(principal))
        authorise(gate(False), call(principal), Guard(ACCOUNT, policy(Principal={"AWS": "999999999999"})))


def test_dev_still_asks_the_resource() -> None:
    """An explicit deny holds, and so does another account's silence."""
    deny = policy("Deny", Principal="*")
    assert refused(gate(False), call(), Guard(ACCOUNT, deny)).code == "AccessDenied"
    assert refused(gate(False), call(OTHER), Guard(ACCOUNT)).message == "Access Denied"
    authorise(gate(False), call(OTHER), Guard(ACCOUNT, policy(Principal={"AWS": "999999999999"})))
    authorise(gate(False), call(OTHER), Guard(ACCOUNT, acl=True))


def test_root_can_always_mend_its_bucket_policy() -> None:
    """AWS keeps root from locking itself out."""
    deny = policy("Deny", Principal="*")
    for name in ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"):
        for enforced in (False, True):
            authorise(gate(enforced), call(ROOT, operation=name), Guard(ACCOUNT, deny))
            assert refused(gate(enforced), call(USER, operation=name), Guard(ACCOUNT, deny)).code == "AccessDenied"


@pytest.mark.parametrize("enforced", [False, True])
def test_anonymous_callers(enforced: bool) -> None:
    """They have what is public, in either mode."""
    by = gate(enforced)
    authorise(by, call(ANONYMOUS), Guard(ACCOUNT, policy(Principal="*")))
    authorise(by, call(ANONYMOUS), Guard(ACCOUNT, acl=True))
    authorise(by, call(ANONYMOUS, "sts"), None, op("*", anonymous=True))
    assert refused(by, call(ANONYMOUS), Guard(ACCOUNT, policy(Principal="*"), closed=True)).message == "Access Denied"
    assert refused(by, call(ANONYMOUS), Guard(ACCOUNT)).status == 403
    assert refused(by, call(ANONYMOUS, operation="ListBuckets")).code == "AccessDenied"
    error = refused(by, call(ANONYMOUS, "sts", "GetCallerIdentity"), None, op("*"))
    assert (error.code, error.status) == ("MissingAuthenticationToken", 403)


UNTOLD = "because no identity-based policy allows the s3:GetObject action"
DENY_ALL = policy("Deny", Principal="*")
SQS = policy(action="sqs:*")


@pytest.mark.parametrize(
    ("service", "operation", "code", "status", "message"),
    [
        ("s3", "GetObject", "AccessDenied", 403, f'perform: s3:GetObject on resource: "arn:aws:s3:::b/k" {UNTOLD}'),
        ("s3", "ListObjectsV2", "AccessDenied", 403, "s3:ListBucket"),
        ("dynamodb", "GetItem", "AccessDeniedException", 400, "dynamodb:GetItem on resource: arn:aws:s3:::b/k"),
        ("lambda", "Invoke", "AccessDeniedException", 403, "lambda:InvokeFunction"),
        ("iam", "ListUsers", "AccessDenied", 403, "iam:ListUsers"),
        ("ec2", "RunInstances", "UnauthorizedOperation", 403, "You are not authorized to perform this operation."),
    ],
)  # fmt: skip
def test_how_each_service_says_no(service: str, operation: str, code: str, status: int, message: str) -> None:
    """Code, status and sentence are the service's own."""
    one = call(USER, service, operation, headers={"x-amz-target": "X.Y"})
    one.cloud.directory = SimpleNamespace(sealed=SimpleNamespace(seal=lambda data, context: data))  # type: ignore[assignment]
    error = refused(gate(True), one)
    assert (error.code, error.status) == (code, status)
    assert message in error.message and USER.arn in error.message


@pytest.mark.parametrize(
    ("by", "guard", "ending"),
    [
        (gate(True, policy(), policy("Deny")), None, "with an explicit deny in an identity-based policy"),
        (gate(True, policy()), Guard(ACCOUNT, DENY_ALL), "with an explicit deny in a resource-based policy"),
        (gate(True, policy(), boundary=SQS), None, "because no permissions boundary allows the s3:GetObject action"),
        (
            gate(True, policy(), organization=((SQS,),)),
            None,
            "no service control policy allows the s3:GetObject action",
        ),
        (gate(True, organization=((policy("Deny"),),)), None, "with an explicit deny in a service control policy"),
    ],
)
def test_denials_say_by_what(by: Gate, guard: Guard | None, ending: str) -> None:
    """The kind of policy that decided ends the message."""
    assert refused(by, call(), guard).message.endswith(ending)


def test_a_revoked_right_is_gone_by_the_next_call() -> None:
    """What was sorted out is forgotten when IAM's version rises."""
    by = gate(True, policy())
    authorise(by, call())
    names: Any = by._directory
    names.bound = Policies()
    names.version += 1
    refused(by, call())


def test_conditions_see_the_request() -> None:
    """Keys of the house, of S3's headers and of the operation."""
    rules = {
        "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
        "StringEquals": {"s3:x-amz-acl": "private", "aws:RequestTag/team": "a", "s3:prefix": "p/"},
        "Bool": {"aws:SecureTransport": "true"},
        "DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
        "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/bob"},
    }
    by = gate(True, policy(Condition=rules))
    shape = op(conditions=lambda call, request: {"s3:prefix": "p/"})
    tags = [{"Key": "team", "Value": "a"}]
    headers = {"x-amz-acl": "private"}
    authorise(by, call(client="10.1.1.1", secure=True, headers=headers), None, shape, Tags=tags)
    refused(by, call(client="11.1.1.1", secure=True, headers=headers), None, shape, Tags=tags)
    refused(by, call(client="10.1.1.1", headers=headers), None, shape, Tags=tags)
    refused(by, call(client="10.1.1.1", secure=True), None, shape, Tags=tags)
    refused(by, call(client="10.1.1.1", secure=True, headers=headers), None, shape)


def test_several_actions_and_resources() -> None:
    """Every action is needed on every resource."""
    one = call(service="dynamodb", operation="TransactWriteItems")
    shape = op(lambda call, request: ["arn:aws:dynamodb:r:1:table/a", "arn:aws:dynamodb:r:1:table/b"])
    request = {"TransactItems": [{"Put": {}}, {"Delete": {}}]}
    put, delete = (policy(action=f"dynamodb:{name}") for name in ("PutItem", "DeleteItem"))
    authorise(gate(True, put, delete), one, None, shape, **request)
    refused(gate(True, put), one, None, shape, **request)


def test_services_act_within_their_own_role() -> None:
    """A service invoked in process passes, unless the resource denies it by name."""
    service = Principal(account=ACCOUNT, arn="sns.amazonaws.com", kind="service")
    authorise(gate(True), call(service, "sqs", "SendMessage"), None, op(RESOURCES["sqs"]), QueueName="q")
    authorise(gate(True), call(service, "sqs"), Guard(ACCOUNT, policy(action="*", Principal={"AWS": ACCOUNT})), op("*"))
    deny = policy("Deny", "*", Principal={"Service": "sns.amazonaws.com"})
    refused(gate(False), call(service, "sqs", "SendMessage"), Guard(ACCOUNT, deny), op("*"))


def test_what_needs_no_right() -> None:
    """GetCallerIdentity answers everybody who signed."""
    authorise(gate(True), call(USER, "sts", "GetCallerIdentity"), None, op("*"))


def test_rooms_may_ask_further() -> None:
    """check raises and allows answers, for rights that an operation needs besides its own."""
    by = gate(True, policy(action="s3:DeleteObject", resource="arn:aws:s3:::b/mine/*"))
    assert by.allows(call(), "s3:DeleteObject", "arn:aws:s3:::b/mine/x", Guard(ACCOUNT))
    assert not by.allows(call(), "s3:DeleteObject", "arn:aws:s3:::b/yours/x", Guard(ACCOUNT))
    by.check(call(), "s3:DeleteObject", "arn:aws:s3:::b/mine/x")
    with pytest.raises(AwsError):
        by.check(call(), "s3:DeleteObject", "arn:aws:s3:::b/x")
