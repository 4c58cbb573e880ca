"""Input transformers, by the examples of EventBridge's guide."""

from __future__ import annotations

import json

import pytest

from haneul.services.events.inputs import fill, path_value

EVENT = {
    "version": "0",
    "id": "7bf73129",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],
    "detail": {"instance-id": "i-0123456789", "state": "RUNNING", "tags": [{"k": "a"}, {"k": "b"}], "n": 3, "q": 'x"y'},
}
PATHS = {"instance": "$.detail.instance-id", "state": "$.detail.state", "tags": "$.detail.tags", "q": "$.detail.q"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('"instance <instance> is in <state>"', '"instance i-0123456789 is in RUNNING"'),
        ("<instance> is in state <state>", "i-0123456789 is in state RUNNING"),
        ("The state of <instance>", "The state of i-0123456789"),
        ('{"instance": <instance>, "state": <state>}', '{"instance":"i-0123456789","state":"RUNNING"}'),
        ('{"state": [9, <state>, true], "t": "Yes"}', '{"state":[9,"RUNNING",true],"t":"Yes"}'),
        ('{"text": "it is \\"<state>\\""}', '{"text":"it is \\"RUNNING\\""}'),
        ('{"tags": <tags>}', '{"tags":[{"k":"a"},{"k":"b"}]}'),
        ('{"q": "<q>"}', '{"q":"x\\"y"}'),
        ('{"rule": "<aws.events.rule-name>"}', '{"rule":"r"}'),
        ("<state>", '"RUNNING"'),
    ],
)
def test_templates(template, expected) -> None:
    """Inside quotes bare, outside as JSON, and all bare when the template is no JSON."""
    assert fill(template, PATHS, EVENT, "arn:aws:events:us-east-1:1:rule/r", "now") == expected


def test_the_whole_event() -> None:
    """The predefined variables hold the event with and without its detail."""
    text = fill('{"e": <aws.events.event.json>, "h": <aws.events.event>}', {}, EVENT, "arn/r", "now")
    assert json.loads(text) == {"e": EVENT, "h": {name: value for name, value in EVENT.items() if name != "detail"}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [("$.detail.n", 3), ("$.detail.tags[1].k", "b"), ("$.resources[0]", EVENT["resources"][0]), ("$.nope.x", None),
     ("$", EVENT), ("$.detail.tags[*].k", ["a", "b"]), ("$['source']", "aws.ec2")],
)  # fmt: skip
def test_paths(path, expected) -> None:
    """Dots, indices, wildcards."""
    assert path_value(EVENT, path) == expected
