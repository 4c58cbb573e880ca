"""Access log records by themselves: 27 fields whatever a request holds, and AWS's names of operations."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haneul.auth.principals import ANONYMOUS
from haneul.services.s3 import log_records
from haneul.services.s3.state import Bucket
from haneul.wire.message import Request, Response

FIELD = re.compile(r'"[^"\n]*"|\[[^]\n]*\]|[^ \n]+')
BUCKET = Bucket(name="b", id=b"i" * 16, owner="000000000000", region="us-east-1", created=0)


@given(agent=st.text(), referer=st.text(), key=st.text(), host=st.text(alphabet=st.characters(codec="latin-1")))
def test_nothing_breaks_a_line(agent: str, referer: str, key: str, host: str) -> None:
    """Quotes, breaks and spaces of clients stay inside of their fields."""
    request = Request("GET", "/b/k", "", {"user-agent": agent, "referer": referer, "host": host})
    line = log_records.line(
        BUCKET,
        request,
        Response(200, [], b"12"),
        operation="GetObject",
        principal=ANONYMOUS,
        request_id="R",
        when=0.0,
        took=0.001,
        error="",
        key=key or None,
        version=None,
    )
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert len(FIELD.findall(line)) == 27


@pytest.mark.parametrize(
    ("operation", "method", "name"),
    [
        ("GetObject", "GET", "GET.OBJECT"),
        ("PutObject", "POST", "POST.OBJECT"),
        ("CreateBucket", "PUT", "PUT.BUCKET"),
        ("GetBucketVersioning", "GET", "GET.VERSIONING"),
        ("PutBucketPolicy", "PUT", "PUT.BUCKETPOLICY"),
        ("GetBucketRequestPayment", "GET", "GET.REQUEST_PAYMENT"),
        ("PutObjectTagging", "PUT", "PUT.OBJECT_TAGGING"),
        ("GetPublicAccessBlock", "GET", "GET.PUBLIC_ACCESS_BLOCK"),
        ("DeleteBucketMetricsConfiguration", "DELETE", "DELETE.METRICS"),
        ("CompleteMultipartUpload", "POST", "POST.UPLOAD"),
    ],
)
def test_operations_are_called_as_aws_calls_them(operation: str, method: str, name: str) -> None:
    """Whoever filters logs by operation finds them."""
    assert log_records.operation_name(operation, method) == name
