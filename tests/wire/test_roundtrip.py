"""Round trips with botocore, for real shapes of all six protocols: its requests read by us, our answers by it."""

from __future__ import annotations

import os
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haneul.wire.model import load

from . import rounds

BUDGET = int(os.environ.get("HANEUL_BUDGET", "1"))
SERVICES = [
    *((service, "query") for service in ("iam", "sts", "sns", "rds", "elbv2", "autoscaling", "cloudformation")),
    ("cloudwatch", "query"),
    ("ec2", "ec2"),
    *((service, "json") for service in ("dynamodb", "sqs", "kms", "ecs", "logs", "cloudwatch", "secretsmanager")),
    *((service, "rest-json") for service in ("lambda", "glacier", "apigateway", "efs", "eks", "batch", "apigatewayv2")),
    *((service, "rest-xml") for service in ("s3", "s3control", "route53", "cloudfront")),
    ("cloudwatch", "smithy-rpc-v2-cbor"),
]
UNREACHABLE = {
    # Older forms of operations, whose requests mean the newer ones; operations of other hosts; a bare text as XML.
    "s3": {
        "GetBucketLifecycle",
        "GetBucketNotification",
        "PutBucketLifecycle",
        "PutBucketNotification",
        "ListDirectoryBuckets",
        "WriteGetObjectResponse",
        "GetBucketLocation",
    },
}
ROUNDS = settings(
    max_examples=60 * BUDGET,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _operations(service: str) -> list[str]:
    return sorted(set(load(service).operations) - UNREACHABLE.get(service, set()))


@pytest.mark.parametrize(("service", "protocol"), SERVICES)
def test_requests_of_botocore_are_read_as_meant(service: str, protocol: str) -> None:
    """Members come out of the wire as they went in."""

    @ROUNDS
    @given(st.sampled_from(_operations(service)), st.integers(0, 2**32))
    def check(operation: str, seed: int) -> None:
        rounds.check_request(service, operation, protocol, Random(seed))

    check()


@pytest.mark.parametrize(("service", "protocol"), SERVICES)
def test_our_answers_are_read_by_botocore_as_meant(service: str, protocol: str) -> None:
    """Output members arrive at the client as the room gave them."""

    @ROUNDS
    @given(st.sampled_from(_operations(service)), st.integers(0, 2**32))
    def check(operation: str, seed: int) -> None:
        rounds.check_response(service, operation, protocol, Random(seed))

    check()
