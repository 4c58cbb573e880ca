"""Policies: nothing that a client sends makes the grammar fail in any way but AWS's; places are found in any layout."""

from __future__ import annotations

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from haneul.services.iam import context_keys, documents
from haneul.wire.errors import AwsError

_words = st.sampled_from(["Version", "2012-10-17", "Statement", "Effect", "Allow", "Action", "s3:*", "Resource", "*"])
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | _words | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=4),
    max_leaves=12,
)


@given(_json | st.text(max_size=20))
def test_any_document_is_taken_or_refused(value: object) -> None:
    """Malformed, too large, or fine: never an exception of ours."""
    text = value if isinstance(value, str) else json.dumps(value)
    for check in (documents.check_managed, documents.check_trust):
        with contextlib.suppress(AwsError):
            check(text)


@given(st.integers(1, 4), st.sampled_from([None, 0, 2, 8]), st.booleans())
def test_statements_are_found_in_any_layout(count: int, indent: int | None, single: bool) -> None:
    """The simulator's positions point at each statement's first and last character."""
    statements = [{"Sid": f"s{n}", "Effect": "Allow", "Action": ["a:b", "]}{"], "Resource": "*"} for n in range(count)]
    document = json.dumps({"Id": '{"x"}', "Statement": statements[0] if single else statements}, indent=indent)
    spans = context_keys.spans(document)
    lines = document.split("\n")
    assert len(spans) == (1 if single else count)
    for start, end in spans:
        assert lines[start[0] - 1][start[1] - 2] == "{"
        assert lines[end[0] - 1][end[1] - 2] == "}"


def test_context_keys_of_conditions_and_variables() -> None:
    """Each once, by its first spelling."""
    document = json.dumps(
        {
            "Statement": {
                "Condition": {
                    "StringEquals": {"aws:username": "${aws:PrincipalTag/team, 'none'}", "AWS:UserName": "x"}
                },
                "Resource": ["arn:aws:s3:::${s3:prefix}", "${*}"],
            }
        }
    )
    assert context_keys.names(document) == ["s3:prefix", "aws:username", "aws:PrincipalTag/team"]
