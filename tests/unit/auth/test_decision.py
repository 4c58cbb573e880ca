"""The order of evaluation, case by case as AWS's documentation tells it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from haneul.auth.context import Given
from haneul.auth.decision import Decision, evaluate, is_public
from haneul.auth.principals import ANONYMOUS, Policies, Principal

ACCOUNT, OTHER = "123456789012", "999999999999"
OBJECT = "arn:aws:s3:::b/k"
GET = "s3:GetObject"
USER = Principal(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/bob", kind="user", user_name="bob", user_id="AIDAB")
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/path/reader"
SESSION_ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/s1"
SESSION = Principal(account=ACCOUNT, arn=SESSION_ARN, kind="role", role_arn=ROLE_ARN, user_id="AROAX:s1")
ROOT = Principal(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:root", kind="root", user_id=ACCOUNT)


def policy(*statements: dict[str, Any], version: str = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})


def statement(effect: str = "Allow", action: Any = "s3:*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


ALLOW = policy(statement())
DENY = policy(statement("Deny"))
NOTHING = policy(statement(action="sqs:*"))


def ask(principal: Principal = USER, policies: Policies | None = None, **more: Any) -> Decision:
    keys = Given(more.pop("keys", {}))
    action, resource = more.pop("action", GET), more.pop("resource", OBJECT)
    return evaluate(principal, action, resource, keys, policies or Policies(), **more)


def identity(*texts: str, **more: Any) -> Policies:
    return Policies(identity=tuple((f"p{n}", text) for n, text in enumerate(texts)), **more)


def to(principal: Any, effect: str = "Allow", **more: Any) -> str:
    return policy(statement(effect, Principal=principal, **more))


def test_nothing_allows_by_default() -> None:
    """Without a policy there is no right, and the kind that lacks is the identity's."""
    assert ask() == Decision(False, "identity")


def test_the_deciding_statement_is_told() -> None:
    """The policy simulator shows which statement of which policy decided."""
    texts = (NOTHING, policy(statement(action="s3:Put*"), statement(Sid="Read", action="s3:get*")))
    assert ask(policies=identity(*texts)) == Decision(True, "identity", False, "p1", 1, "Read")


@pytest.mark.parametrize(
    ("policies", "kind"),
    [
        (identity(ALLOW, DENY), "identity"),
        (identity(ALLOW, boundary=policy(statement(), statement("Deny"))), "boundary"),
        (identity(ALLOW, organization=((ALLOW, DENY),)), "organization"),
    ],
)
def test_an_explicit_deny_wins_wherever_it_stands(policies: Policies, kind: str) -> None:
    """No grant outweighs a deny."""
    decision = ask(policies=policies, resource_policy=to({"AWS": USER.arn}))
    assert (decision.allowed, decision.kind, decision.explicit) == (False, kind, True)


def test_a_resource_policy_denies_too() -> None:
    """Root of the account itself is bound by a deny in the bucket's policy."""
    for principal in (USER, ROOT, SESSION):
        decision = ask(principal, identity(ALLOW), resource_policy=to("*", "Deny"))
        assert (decision.allowed, decision.kind, decision.explicit) == (False, "resource", True)


def test_every_level_of_the_organization_must_allow() -> None:
    """An organizational unit that leaves an action out takes it from all accounts below, root included."""
    levels = ((ALLOW,), (NOTHING,), (ALLOW,))
    for principal in (USER, ROOT):
        assert ask(principal, identity(ALLOW, organization=levels)) == Decision(False, "organization")
    assert ask(policies=identity(ALLOW, organization=((ALLOW,), (NOTHING, ALLOW)))).allowed


def test_boundary_and_session_limit_but_never_grant() -> None:
    """The effective rights are the intersection."""
    assert ask(policies=identity(ALLOW, boundary=NOTHING)) == Decision(False, "boundary")
    assert ask(policies=identity(boundary=ALLOW)) == Decision(False, "identity")
    limited = Principal(**{**_fields(SESSION), "session_policies": (NOTHING,)})
    assert ask(limited, identity(ALLOW)) == Decision(False, "session")
    both = Principal(**{**_fields(SESSION), "session_policies": (NOTHING, ALLOW)})
    assert ask(both, identity(ALLOW)).allowed


def _fields(principal: Principal) -> dict[str, Any]:
    return {name: getattr(principal, name) for name in principal.__struct_fields__}


def test_within_the_account_the_resource_may_grant_alone() -> None:
    """A bucket policy that names the user needs no identity policy; one that names the account does."""
    assert ask(resource_policy=to({"AWS": USER.arn})).allowed
    assert ask(resource_policy=to("*")).allowed
    assert ask(resource_policy=to({"AWS": ACCOUNT})) == Decision(False, "identity")
    assert ask(policies=identity(ALLOW), resource_policy=to({"AWS": ACCOUNT})).allowed
    assert ask(resource_policy=to({"AWS": "AIDAB"})).allowed


def test_a_grant_to_the_user_is_beyond_its_boundary() -> None:
    """Documented for IAM users: no implicit deny of a boundary limits what a resource policy gives to the ARN."""
    assert ask(policies=identity(boundary=NOTHING), resource_policy=to({"AWS": USER.arn})).allowed


def test_grants_to_roles_and_to_their_sessions_differ() -> None:
    """A role's ARN is limited by boundary and session policies, the session's own ARN by none of them."""
    limited = Principal(**{**_fields(SESSION), "session_policies": (NOTHING,)})
    assert ask(SESSION, resource_policy=to({"AWS": ROLE_ARN})).allowed
    assert ask(limited, resource_policy=to({"AWS": ROLE_ARN})) == Decision(False, "session")
    bounded = identity(boundary=NOTHING)
    assert ask(SESSION, bounded, resource_policy=to({"AWS": ROLE_ARN})) == Decision(False, "boundary")
    assert ask(limited, bounded, resource_policy=to({"AWS": SESSION_ARN})).allowed


def test_across_accounts_both_sides_must_allow() -> None:
    """The owner of the resource and the caller's own administrator both have to agree."""
    names = {"AWS": ACCOUNT}
    assert ask(policies=identity(ALLOW), owner=OTHER) == Decision(False, "resource")
    assert ask(owner=OTHER, resource_policy=to(names)) == Decision(False, "identity")
    assert ask(owner=OTHER, resource_policy=to({"AWS": USER.arn})) == Decision(False, "identity")
    assert ask(policies=identity(ALLOW), owner=OTHER, resource_policy=to(names)).allowed
    assert ask(ROOT, owner=OTHER, resource_policy=to(names)).allowed
    assert not ask(ROOT, owner=OTHER).allowed
    assert ask(policies=identity(ALLOW), owner=OTHER, acl=True).allowed


def test_nobody_in_particular() -> None:
    """An anonymous caller has what is public, unless public grants are shut off."""
    assert not ask(ANONYMOUS, owner=OTHER).allowed
    assert ask(ANONYMOUS, owner=OTHER, resource_policy=to("*")).allowed
    assert ask(ANONYMOUS, owner=OTHER, resource_policy=to({"AWS": "*"})).allowed
    assert not ask(ANONYMOUS, owner=OTHER, resource_policy=to({"AWS": OTHER})).allowed
    assert not ask(ANONYMOUS, owner=OTHER, resource_policy=to("*"), closed=True).allowed
    assert ask(ANONYMOUS, owner=OTHER, acl=True).allowed


def test_a_trust_or_key_policy_is_the_only_door() -> None:
    """A role or KMS key whose policy doesn't speak of the account is closed even to its administrator."""
    for action in ("kms:Decrypt", "sts:AssumeRole"):
        everything = identity(policy(statement(action="*")))
        elsewhere = policy({"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "*", "Resource": "*"})
        mine = policy({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "*"})
        asked = {"action": action, "resource": ROLE_ARN}
        assert not ask(policies=everything, resource_policy=elsewhere, **asked).allowed
        assert ask(policies=everything, resource_policy=mine, **asked).allowed
        assert not ask(resource_policy=mine, **asked).allowed


def test_not_principal_denies_everybody_else() -> None:
    """NotPrincipal with Deny spares those it names."""
    spared = {"Effect": "Deny", "NotPrincipal": {"AWS": [USER.arn, f"arn:aws:iam::{ACCOUNT}:root"]}}
    text = policy({**spared, "Action": "*", "Resource": "*"})
    assert ask(policies=identity(ALLOW), resource_policy=text).allowed
    assert ask(ROOT, resource_policy=text).allowed
    assert not ask(SESSION, identity(ALLOW), resource_policy=text).allowed


@pytest.mark.parametrize(
    ("pattern", "arn", "matches"),
    [
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y", True),
        ("arn:aws:s3:::b/?", "arn:aws:s3:::b/xy", False),
        ("arn:aws:s3:::B/*", "arn:aws:s3:::b/x", False),
        ("arn:aws:sqs:*:123456789012:q", "arn:aws:sqs:eu-west-1:123456789012:q", True),
        ("arn:aws:sqs:*:q", "arn:aws:sqs:eu-west-1:123456789012:q", False),
        ("arn:aws:sqs:*", "arn:aws:sqs:eu-west-1:123456789012:q", True),
        ("arn:aws:lambda:us-east-1:1:function:f*", "arn:aws:lambda:us-east-1:1:function:f:3", True),
        ("*", "anything", True),
        ("arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/bob/x", True),
        ("arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/alice/x", False),
        ("arn:aws:s3:::b/${aws:PrincipalTag/team, 'none'}/*", "arn:aws:s3:::b/none/x", True),
        ("arn:aws:s3:::b/${aws:PrincipalTag/team}/*", "arn:aws:s3:::b/${aws:PrincipalTag/team}/x", False),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", True),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/x", False),
    ],
)
def test_resources(pattern: str, arn: str, matches: bool) -> None:
    """Wildcards and variables in Resource, and the opposite in NotResource."""
    keys = {"aws:username": "bob"}
    assert ask(policies=identity(policy(statement(resource=pattern))), resource=arn, keys=keys).allowed is matches
    negative = policy({"Effect": "Allow", "Action": "*", "NotResource": ["arn:aws:x", pattern]})
    # A variable without a value makes the statement mean nothing, also the other way round.
    known = "PrincipalTag/team}" not in pattern
    assert ask(policies=identity(negative), resource=arn, keys=keys).allowed is (known and not matches)


def test_a_value_with_a_wildcard_stays_literal() -> None:
    """A user named "*" doesn't own everybody's folder."""
    text = policy(statement(resource="arn:aws:s3:::b/${aws:username}/*"))
    assert not ask(policies=identity(text), resource="arn:aws:s3:::b/alice/x", keys={"aws:username": "*"}).allowed


def test_variables_need_the_newer_version() -> None:
    """Before 2012-10-17, ${aws:username} is just text."""
    text = policy(statement(resource="arn:aws:s3:::b/${aws:username}/*"), version="2008-10-17")
    keys = {"aws:username": "bob"}
    assert not ask(policies=identity(text), resource="arn:aws:s3:::b/bob/x", keys=keys).allowed
    assert ask(policies=identity(text), resource="arn:aws:s3:::b/${aws:username}/x", keys=keys).allowed


def test_not_principal_never_spares_who_has_a_boundary() -> None:
    """Documented: NotPrincipal with Deny always denies principals with a permissions boundary."""
    text = policy({"Effect": "Deny", "NotPrincipal": {"AWS": USER.arn}, "Action": "*", "Resource": "*"})
    assert ask(policies=identity(ALLOW), resource_policy=text).allowed
    assert not ask(policies=identity(ALLOW, boundary=ALLOW), resource_policy=text).allowed


def test_a_grant_to_anyone_is_beyond_boundary_and_session() -> None:
    """Documented for "*" in the Principal element, with or without a condition on aws:PrincipalArn."""
    limited = Principal(**{**_fields(SESSION), "session_policies": (NOTHING,)})
    assert ask(limited, identity(boundary=NOTHING), resource_policy=to("*")).allowed


def test_not_action() -> None:
    """NotAction is everything else, whatever the case."""
    text = policy({"Effect": "Allow", "NotAction": ["iam:*", "S3:getobject"], "Resource": "*"})
    assert not ask(policies=identity(text)).allowed
    assert not ask(policies=identity(text), action="iam:ListUsers").allowed
    assert ask(policies=identity(text), action="s3:PutObject").allowed


def test_what_is_public() -> None:
    """S3's meaning of public: anyone, without a condition that fixes who or whence."""
    assert is_public(to("*")) and is_public(to({"AWS": "*"}))
    assert not is_public(to({"AWS": OTHER})) and not is_public(to("*", "Deny"))
    assert not is_public(to("*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    assert is_public(to("*", Condition={"StringLike": {"aws:UserAgent": "x*"}}))


def test_junk_allows_nothing() -> None:
    """A stored document that can't be read is a policy without statements."""
    for text in ("", "{", "[]", '{"Statement": 3}', '{"Statement": [{"Effect": "Allow"}]}', '{"Statement": [1]}'):
        assert not ask(policies=identity(text), resource_policy=text).allowed


def test_a_session_of_root_may_be_limited() -> None:
    """AssumeRoot gives a task's rights, not root's: root's own power must not reach around the session's policies."""
    task = json.dumps({"Statement": [{"Effect": "Allow", "Action": "iam:ListAccessKeys", "Resource": "*"}]})
    root = Principal(
        account="111122223333", arn="arn:aws:iam::111122223333:root", kind="root", session_policies=(task,)
    )
    assert evaluate(root, "iam:ListAccessKeys", "*", Given({}), Policies()).allowed
    assert not evaluate(root, "iam:CreateUser", "*", Given({}), Policies()).allowed
