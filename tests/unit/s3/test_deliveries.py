"""Notifications by themselves: whom a configuration means, and how often what fails is tried again."""

from __future__ import annotations

from typing import Any, cast

from haneul.service import Call
from haneul.services.s3 import deliveries
from haneul.wire.errors import AwsError


class Failing:
    """As much of a call as a retry needs: its destination answers with an error."""

    def __init__(self, status: int) -> None:
        self.status = status

    def invoke(self, service: str, operation: str, request: Any) -> Any:
        raise AwsError("Error", "no", self.status)


def test_events_and_affixes() -> None:
    """A star means everything behind it, and nothing before it."""
    assert deliveries.covers("s3:ObjectCreated:*", "s3:ObjectCreated:Put")
    assert not deliveries.covers("s3:ObjectCreated:*", "s3:ObjectRemoved:Delete")
    assert not deliveries.covers("s3:ObjectCreated:Put", "s3:ObjectCreated:Post")
    rules = [{"Name": "Suffix", "Value": ".x"}, {"Name": "Prefix", "Value": "a/"}]
    assert deliveries.affixes({"Filter": {"Key": {"FilterRules": rules}}}) == ("a/", ".x")
    assert deliveries.affixes({}) == ("", "")


def test_what_may_pass_is_tried_again_and_given_up() -> None:
    """Ever later, and in the end no more; what is gone is given up at once."""
    arn = "arn:aws:sqs:us-east-1:000000000000:q"
    delivery = deliveries.Delivery("1", "sqs", arn, "{}")
    busy, gone = cast(Call, Failing(503)), cast(Call, Failing(404))
    pauses = []
    while (step := deliveries.try_again(busy, delivery)).row is not None:
        pauses.append(step.again)
    assert pauses == list(deliveries.PAUSES[1:])
    assert deliveries.try_again(gone, deliveries.Delivery("2", "sqs", arn, "{}")).row is None
