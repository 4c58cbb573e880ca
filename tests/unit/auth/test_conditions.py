"""Condition operators: what each compares, and what a missing key means to it."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haneul.auth.conditions import compile_block
from haneul.auth.context import Given


def passes(operator: str, wanted: Any, value: Any, variables: bool = True, **more: Any) -> bool:
    """Whether {operator: {"k": wanted}} holds when the request's k is `value` (None: missing)."""
    keys = {"k": value, **more} if value is not None else more
    checks, _ = compile_block({operator: {"k": wanted}}, variables)
    return all(check(Given(keys)) for check in checks)


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a*", "ab", False),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringEqualsIgnoreCase", "aB", "Ab", True),
        ("StringNotEqualsIgnoreCase", "aB", "Ab", False),
        ("StringLike", "a*d", "abcd", True),
        ("StringLike", "a?d", "abcd", False),
        ("StringLike", "a/*", "a/b:c/d", True),
        ("StringLike", "A*", "abc", False),
        ("StringNotLike", "a*", "abc", False),
        ("stringlike", "a.c", "abc", False),
        ("NumericEquals", "10", "10.0", True),
        ("NumericNotEquals", 10, "11", True),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericGreaterThan", "10", "9.9", False),
        ("NumericGreaterThanEquals", "10", "1e1", True),
        ("NumericEquals", "10", "ten", False),
        ("DateEquals", "2", "²", False),
        ("DateEquals", "--1", "--1", False),
        ("DateLessThan", "2020-01-01T00:00:00Z", "2019-12-31T23:59:59Z", True),
        ("DateGreaterThan", "2020-01-01T00:00:00Z", "1577836801", True),
        ("DateEquals", "2020-01-01T01:00:00+01:00", "2020-01-01T00:00:00Z", True),
        ("DateNotEquals", "2020-01-01", "2020-01-01T00:00:00Z", False),
        ("DateLessThanEquals", "2020-01-01", "2020-01-01T00:00:00Z", True),
        ("DateGreaterThanEquals", "2020-01-02", "2020-01-01T00:00:00Z", False),
        ("Bool", "true", "True", True),
        ("Bool", True, "true", True),
        ("Bool", "true", "false", False),
        ("Bool", "false", "false", True),
        ("BinaryEquals", "QUJD", "QUJD", True),
        ("BinaryEquals", "QUJD", "QUJE", False),
        ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
        ("IpAddress", ["192.0.2.1", "10.0.0.0/8"], "192.0.2.1", True),
        ("IpAddress", "10.0.0.0/8", "11.1.2.3", False),
        ("IpAddress", "2001:db8::/32", "2001:DB8:0:0::1", True),
        ("IpAddress", "0.0.0.0/0", "2001:db8::1", False),
        ("NotIpAddress", "10.0.0.0/8", "10.1.2.3", False),
        ("NotIpAddress", "10.0.0.0/8", "11.1.2.3", True),
        ("ArnEquals", "arn:aws:sns:*:1:t*", "arn:aws:sns:eu-west-1:1:topic", True),
        ("ArnLike", "arn:aws:sns:*:t", "arn:aws:sns:eu-west-1:1:t", False),
        ("ArnLike", "arn:aws:s3:::b/*", "arn:aws:s3:::b/x:y", True),
        ("ArnNotLike", "arn:aws:sns:*:1:t*", "arn:aws:sns:eu-west-1:1:topic", False),
        ("ArnNotEquals", "arn:aws:sns:*:1:x", "arn:aws:sns:eu-west-1:1:topic", True),
        ("Null", "true", None, True),
        ("Null", "false", None, False),
        ("Null", "true", "x", False),
        ("Null", False, "x", True),
        ("NoSuchOperator", "a", "a", False),
    ],
)
def test_operators(operator: str, wanted: Any, value: str | None, expected: bool) -> None:
    """Each operator compares as the IAM reference says."""
    assert passes(operator, wanted, value) is expected


@pytest.mark.parametrize(
    "operator",
    [
        "StringEquals",
        "StringLike",
        "NumericEquals",
        "DateEquals",
        "Bool",
        "BinaryEquals",
        "IpAddress",
        "ArnLike",
    ],
)
def test_a_missing_key(operator: str) -> None:
    """Positive operators fail, negated ones pass, IfExists passes."""
    assert not passes(operator, "1", None)
    assert passes(operator + "IfExists", "1", None)
    negated = {"Bool": None, "BinaryEquals": None, "IpAddress": "NotIpAddress"}
    opposite = negated.get(operator, operator.replace("Equals", "NotEquals").replace("Like", "NotLike"))
    if opposite is not None:
        assert passes(opposite, "1", None)


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "c"], False),
        ("ForAllValues:StringEquals", [], True),
        ("ForAllValues:StringEquals", None, True),
        ("ForAnyValue:StringEquals", ["a", "c"], True),
        ("ForAnyValue:StringEquals", ["c"], False),
        ("ForAnyValue:StringEquals", [], False),
        ("ForAnyValue:StringEquals", None, False),
        ("ForAllValues:StringNotEquals", ["c", "d"], True),
        ("ForAllValues:StringNotEquals", ["a", "c"], False),
        ("ForAnyValue:StringNotEquals", ["a", "c"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], False),
        ("ForAnyValue:StringNotEquals", None, False),
        ("forallvalues:stringlikeifexists", ["a"], True),
        ("ForAnyValue:StringEqualsIfExists", None, True),
        ("StringEquals", ["x", "a"], True),
        ("StringNotEquals", ["x", "a"], False),
    ],
)
def test_several_values(operator: str, value: list[str] | None, expected: bool) -> None:
    """Keys with several values, against the policy's a and b."""
    assert passes(operator, ["a", "b"], value) is expected


def test_all_keys_and_operators_must_hold() -> None:
    """Within a block everything is joined by and, within values by or."""
    block = {"StringEquals": {"a": "1", "b": ["1", "2"]}, "StringLike": {"c": "x*"}}
    checks, read = compile_block(block, True)
    assert read == {"a", "b", "c"}
    assert all(check(Given({"A": "1", "B": "2", "C": "xy"})) for check in checks)
    assert not all(check(Given({"a": "1", "b": "3", "c": "xy"})) for check in checks)


def test_variables_in_values() -> None:
    """A value may be another key's, taken literally; without that key it matches nothing."""
    assert passes("StringEquals", "${other}", "x", other="x")
    assert passes("StringLike", "${other}/*", "x/y", other="x")
    assert not passes("StringLike", "${other}/*", "anything/y", other="*")
    assert not passes("StringEquals", "${other}", "x")
    assert passes("StringNotEquals", "${other}", "x")
    assert passes("StringLike", "${*}", "*") and not passes("StringLike", "${*}", "x")
    assert not passes("StringEquals", "${other}", "x", variables=False, other="x")
    assert passes("ArnLike", "arn:aws:iam::1:user/${other}", "arn:aws:iam::1:user/x", other="x")


@given(st.ip_addresses(), st.ip_addresses(), st.integers(0, 128))
def test_networks_are_prefixes(address: Any, base: Any, prefix: int) -> None:
    """IpAddress is membership of the network, whatever family."""
    network = ipaddress.ip_network(f"{base}/{prefix % (base.max_prefixlen + 1)}", strict=False)
    expected = address.version == network.version and address in network
    assert passes("IpAddress", str(network), str(address)) is expected
    assert passes("NotIpAddress", str(network), str(address)) is not expected


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_text_breaks_a_comparison(wanted: str, value: str) -> None:
    """Whatever a policy holds and a client sends, an operator answers."""
    for operator in ("StringLike", "DateEquals", "IpAddress", "ArnLike", "BinaryEquals", "Bool"):
        assert passes(operator, wanted, value, variables=False) in (True, False)
    assert passes("StringEquals", value, value, variables=False)
