"""Scopes of access grants: credentials never reach beyond the path they were given for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from haneul.auth.context import Given
from haneul.auth.decision import evaluate
from haneul.auth.principals import Policies, Principal
from haneul.services.s3control.data_access import policy_of
from haneul.services.s3control.grants import covers, whole

KEYS = st.text(alphabet="ab/*?${}.", min_size=1, max_size=8)
ROLE = Principal(account="111122223333", arn="arn:aws:sts::111122223333:assumed-role/r/s", kind="role")


def may(policy: str, action: str, resource: str, **keys: str) -> bool:
    everything = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
    session = Principal(account=ROLE.account, arn=ROLE.arn, kind="role", session_policies=(policy,))
    return evaluate(session, action, resource, Given(keys), Policies(identity=(("all", everything),))).allowed


def test_paths_as_everything_beneath() -> None:
    # A bucket's name is never the beginning of another one's.
    assert whole("s3://") == "s3://*"
    assert whole("s3://bucket") == whole("s3://bucket/") == whole("s3://bucket*") == "s3://bucket/*"
    assert whole("s3://bucket/a") == whole("s3://bucket/a*") == "s3://bucket/a*"
    assert covers("s3://bucket/a*", "s3://bucket/ab/c*") and not covers("s3://bucket/ab*", "s3://bucket/a*")
    assert covers("s3://bucket/a", "s3://bucket/a") and not covers("s3://bucket/a", "s3://bucket/a*")


@given(prefix=KEYS, key=KEYS)
def test_a_prefix_reaches_its_keys_and_no_others(prefix: str, key: str) -> None:
    # Whatever characters a prefix has, they mean themselves.
    bare = prefix.rstrip("*")
    policy = policy_of(f"s3://bucket/{bare}*", "READWRITE")
    for action in ("s3:GetObject", "s3:PutObject"):
        assert may(policy, action, f"arn:aws:s3:::bucket/{key}") == key.startswith(bare)
    assert not may(policy, "s3:GetObject", f"arn:aws:s3:::bucket2/{bare}{key}")


@given(key=KEYS, other=KEYS)
def test_one_object_is_one_object(key: str, other: str) -> None:
    # A grant of an object that is called like a pattern is still of that object.
    if not key.endswith("*"):
        assert may(policy_of(f"s3://bucket/{key}", "READ"), "s3:GetObject", f"arn:aws:s3:::bucket/{other}") == (
            key == other
        )


def test_permissions() -> None:
    # READ doesn't write, WRITE doesn't read; lists are of the prefix.
    read, write = (policy_of("s3://bucket/a/*", kind) for kind in ("READ", "WRITE"))
    place = "arn:aws:s3:::bucket/a/1"
    assert may(read, "s3:GetObject", place) and not may(read, "s3:PutObject", place)
    assert may(write, "s3:PutObject", place) and not may(write, "s3:GetObject", place)
    listing = {"s3:prefix": "a/b"}
    assert may(read, "s3:ListBucket", "arn:aws:s3:::bucket", **listing)
    assert not may(read, "s3:ListBucket", "arn:aws:s3:::bucket", **{"s3:prefix": "b"})
    assert not may(write, "s3:ListBucket", "arn:aws:s3:::bucket", **listing)
