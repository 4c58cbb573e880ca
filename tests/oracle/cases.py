"""Random questions to a policy evaluator, drawn from small pools so that statements meet requests often."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from haneul.auth.principals import ANONYMOUS, Policies, Principal

ACCOUNT, OTHER = "111111111111", "222222222222"
USER = Principal(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/bob", kind="user", user_name="bob", user_id="AIDAB")
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/reader"
SESSION_ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/s1"
SESSION = Principal(account=ACCOUNT, arn=SESSION_ARN, kind="role", role_arn=ROLE_ARN, user_id="AROAX:s1")
ROOT = Principal(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:root", kind="root", user_id=ACCOUNT)

OBJECTS = ["arn:aws:s3:::b/k", "arn:aws:s3:::b/bob/k", "arn:aws:s3:::bucket/k", "arn:aws:s3:::b/a/b"]
BUCKETS = ["arn:aws:s3:::b", "arn:aws:s3:::bucket"]
REQUESTS = [
    *(("s3:GetObject", one) for one in OBJECTS),
    *(("s3:PutObject", one) for one in OBJECTS),
    *(("s3:ListBucket", one) for one in BUCKETS),
    ("sqs:SendMessage", f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"),
    ("dynamodb:GetItem", f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/t"),
]
ACTIONS = [
    "s3:*",
    "*",
    "s3:Get*",
    "S3:getobject",
    "s3:GetObject",
    "s3:?etObject",
    "s3:PutObject",
    "s3:ListBucket",
    "sqs:*",
]
RESOURCES = [
    *("*", "arn:aws:s3:::b/*", "arn:aws:s3:::b", "arn:aws:s3:::b*", "arn:aws:s3:::*/k", "arn:aws:s3:::b/?"),
    *("arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/${aws:PrincipalTag/team, 'a'}/*", "arn:aws:sqs:*:*:q"),
    *("arn:aws:s3:::bucket/k", "arn:aws:dynamodb:*:111111111111:table/*", "arn:aws:s3:::b/${*}"),
]
KEYS: dict[str, list[Any]] = {
    "aws:SourceIp": ["10.1.2.3", "192.0.2.1"],
    "aws:UserAgent": ["cli", "browser"],
    "aws:SecureTransport": ["true", "false"],
    "aws:CurrentTime": ["2024-06-01T00:00:00Z", "2020-06-01T00:00:00Z"],
    "aws:MultiFactorAuthAge": ["100", "5000"],
    "aws:SourceArn": ["arn:aws:sns:us-east-1:111111111111:t", "arn:aws:sns:eu-west-1:222222222222:x"],
    "aws:PrincipalTag/team": ["a", "x"],
    "aws:TagKeys": [["team"], ["team", "cost"], ["other"]],
}
TESTS: list[tuple[str, str, Any]] = [
    ("IpAddress", "aws:SourceIp", "10.0.0.0/8"),
    ("NotIpAddress", "aws:SourceIp", ["10.0.0.0/8", "172.16.0.0/12"]),
    ("StringEquals", "aws:UserAgent", ["cli", "other"]),
    ("StringNotEquals", "aws:UserAgent", "cli"),
    ("StringEqualsIgnoreCase", "aws:UserAgent", "CLI"),
    ("StringNotEqualsIgnoreCase", "aws:UserAgent", "CLI"),
    ("StringLike", "aws:UserAgent", "c?i*"),
    ("StringNotLike", "aws:UserAgent", "c*"),
    ("Bool", "aws:SecureTransport", "true"),
    ("Bool", "aws:SecureTransport", "false"),
    ("DateGreaterThan", "aws:CurrentTime", "2023-01-01T00:00:00Z"),
    ("DateLessThanEquals", "aws:CurrentTime", "2023-01-01T00:00:00Z"),
    ("DateEquals", "aws:CurrentTime", "2024-06-01T00:00:00Z"),
    ("DateNotEquals", "aws:CurrentTime", "2024-06-01T00:00:00Z"),
    ("NumericLessThan", "aws:MultiFactorAuthAge", "3600"),
    ("NumericGreaterThanEquals", "aws:MultiFactorAuthAge", "100"),
    ("NumericEquals", "aws:MultiFactorAuthAge", "100"),
    ("NumericNotEquals", "aws:MultiFactorAuthAge", "100"),
    ("ArnLike", "aws:SourceArn", "arn:aws:sns:*:111111111111:*"),
    ("ArnEquals", "aws:SourceArn", "arn:aws:sns:us-east-1:111111111111:t"),
    ("ArnNotLike", "aws:SourceArn", "arn:aws:sns:*:111111111111:*"),
    ("ArnNotEquals", "aws:SourceArn", "arn:aws:sns:us-east-1:111111111111:t"),
    ("Null", "aws:SourceArn", "true"),
    ("Null", "aws:UserAgent", "false"),
    ("StringEquals", "aws:PrincipalTag/team", "a"),
    ("StringEquals", "aws:UserAgent", "${aws:PrincipalTag/team}"),
    ("StringLike", "aws:UserAgent", "${aws:PrincipalTag/team, 'cli'}*"),
    ("ForAllValues:StringEquals", "aws:TagKeys", ["team", "cost"]),
    ("ForAnyValue:StringEquals", "aws:TagKeys", ["team"]),
    ("ForAllValues:StringNotEquals", "aws:TagKeys", ["cost"]),
    ("ForAnyValue:StringNotEquals", "aws:TagKeys", ["team"]),
    ("ForAnyValue:StringLike", "aws:TagKeys", ["t*"]),
]
# Null can't; and the oracle takes ForAnyValue with IfExists for false without the key, against IfExists' definition.
WITHOUT_IF_EXISTS = ("Null", "ForAnyValue")


@dataclass
class Case:
    """One question with everything that binds it."""

    principal: Principal
    action: str
    resource: str
    owner: str
    keys: dict[str, Any]
    identity: list[Any] = field(default_factory=list)
    boundary: Any = None
    session: Any = None
    organization: list[list[Any]] = field(default_factory=list)
    resource_policy: Any = None

    def policies(self, text: Any) -> Policies:
        return Policies(
            identity=tuple((f"p{n}", text(one)) for n, one in enumerate(self.identity)),
            boundary=None if self.boundary is None else text(self.boundary),
            organization=tuple(tuple(text(one) for one in level) for level in self.organization),
        )


def draw(random: Random) -> Case:
    """A random case."""
    principal = random.choices([USER, SESSION, ROOT, ANONYMOUS], [6, 6, 1, 1])[0]
    action, resource = random.choice(REQUESTS)
    owner = random.choices([ACCOUNT, OTHER], [3, 1])[0]
    keys = {name: random.choice(values) for name, values in KEYS.items() if random.random() < 0.6}
    if principal is USER:
        keys["aws:username"] = "bob"
    if principal is ANONYMOUS:
        keys.pop("aws:PrincipalTag/team", None)
    case = Case(principal, action, resource, owner, keys)
    if random.random() < 0.6:
        case.resource_policy = _policy(random, True)
    if principal is ANONYMOUS:
        return case
    if random.random() < 0.3:
        case.organization = [[_broad(random) for _ in range(random.randint(1, 2))] for _ in range(random.randint(1, 3))]
    if principal is ROOT:
        return case
    case.identity = [_policy(random, False) for _ in range(random.randint(0, 3))]
    if random.random() < 0.35:
        case.boundary = _broad(random)
    # Documented: what a resource policy grants to a session's own ARN or to "*" isn't limited by session policies. The
    # oracle lets them.
    if principal is SESSION and random.random() < 0.35 and not _grants_directly(case.resource_policy):
        case.session = _broad(random)
    return case


def _grants_directly(policy: Any) -> bool:
    statements = [] if policy is None else policy["Statement"]
    names = json.dumps([one.get("Principal") for one in statements if one["Effect"] == "Allow"])
    return SESSION_ARN in names or '"*"' in names


def _broad(random: Random) -> Any:
    """A policy that often allows everything: limits that never allow make dull cases."""
    if random.random() < 0.5:
        return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    return _policy(random, False)


def _policy(random: Random, of_resource: bool) -> Any:
    statements = [_statement(random, of_resource) for _ in range(random.randint(1, 3))]
    # Variables need the version of 2012; the oracle fills them in before, too.
    is_old = random.random() < 0.1 and "${" not in json.dumps(statements)
    return {"Version": "2008-10-17" if is_old else "2012-10-17", "Statement": statements}


def _statement(random: Random, of_resource: bool) -> Any:
    statement: dict[str, Any] = {"Effect": random.choices(["Allow", "Deny"], [4, 1])[0]}
    statement["Action" if random.random() < 0.9 else "NotAction"] = _some(random, ACTIONS)
    if random.random() < 0.9:
        statement["Resource"] = _some(random, RESOURCES)
    else:
        # Without variables that may have no value: documented to make the statement invalid, which the oracle
        # does only when the ARN's service is the request's.
        statement["NotResource"] = _some(random, [one for one in RESOURCES if "username" not in one])
    if of_resource:
        excluding = statement["Effect"] == "Deny" and random.random() < 0.2
        statement["NotPrincipal" if excluding else "Principal"] = _principal(random, excluding)
    if random.random() < 0.4:
        statement["Condition"] = _conditions(random)
    return statement


def _some(random: Random, pool: list[str]) -> Any:
    return random.choice(pool) if random.random() < 0.6 else random.sample(pool, random.randint(1, 3))


def _principal(random: Random, excluding: bool) -> Any:
    named = [
        USER.arn,
        ROLE_ARN,
        SESSION_ARN,
        f"arn:aws:iam::{ACCOUNT}:root",
        ACCOUNT,
        OTHER,
        f"arn:aws:iam::{ACCOUNT}:user/eve",
    ]
    if excluding:
        # Never the account: the oracle lets it spare all its users, while AWS's example says that naming Bob and his
        # account denies everybody but Bob.
        return {"AWS": random.sample([USER.arn, ROLE_ARN, SESSION_ARN], random.randint(1, 3))}
    draw = random.random()
    if draw < 0.2:
        return "*"
    if draw < 0.3:
        return {"AWS": "*"}
    if draw < 0.35:
        return {"Service": "sns.amazonaws.com"}
    return {"AWS": random.choice(named) if random.random() < 0.6 else random.sample(named, 2)}


def _conditions(random: Random) -> Any:
    block: dict[str, Any] = {}
    for operator, key, value in random.sample(TESTS, random.randint(1, 2)):
        name = operator + "IfExists" if _may_lack(operator) and random.random() < 0.15 else operator
        block.setdefault(name, {})[key] = value
    return block


def _may_lack(operator: str) -> bool:
    return not operator.startswith(WITHOUT_IF_EXISTS)
