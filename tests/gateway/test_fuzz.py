"""Random requests, shaped by AWS's own models: whatever comes, no 500 and no hang.

HANEUL_BUDGET (default 1) multiplies how many requests each service gets.
"""

from __future__ import annotations

import os
import random
import string
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from haneul.app import services
from tests.running import RunningCloud

BUDGET = int(os.environ.get("HANEUL_BUDGET", "1"))
PER_OPERATION = 3 * BUDGET
_TEXTS = (
    "",
    "a",
    "ünï😹",
    "../..",
    "null",
    "*",
    "arn:aws:iam::000000000000:role/x",
    "x" * 300,
    "0",
    "-1",
    "true",
    "{}",
    "{",
    "<a>",
)
_SLOW = {"WaitTimeSeconds": 0}


@pytest.fixture(scope="module")
def fuzzed():
    running = RunningCloud("--log-level", "error").start()
    yield running
    running.close()


class Maker:
    """Random members for a botocore shape: mostly of the right type, seldom sensible."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)

    def members(self, shape: Any, depth: int = 0) -> dict[str, Any]:
        made = {}
        for name, member in shape.members.items():
            if name in shape.required_members or self.random.random() < (0.4 if depth < 3 else 0.1):
                made[name] = _SLOW.get(name, self.value(member, depth + 1))
        return made

    def value(self, shape: Any, depth: int) -> Any:
        kind = shape.type_name
        if kind == "structure":
            made = self.members(shape, depth) if depth < 6 else {}
            if getattr(shape, "is_tagged_union", False) and made:
                name = self.random.choice(sorted(made))
                made = {name: made[name]}
            return made
        if kind == "list":
            return (
                [self.value(shape.member, depth + 1) for _ in range(self.random.choice((0, 1, 2)))] if depth < 6 else []
            )
        if kind == "map":
            return {self.text(shape.key): self.value(shape.value, depth + 1)} if depth < 6 else {}
        return self.scalar(shape, kind)

    def scalar(self, shape: Any, kind: str) -> Any:
        if kind == "string":
            return self.text(shape)
        if kind in ("integer", "long"):
            return self.random.choice((0, 1, -1, 5, 1000, 2**31 - 1))
        if kind in ("float", "double"):
            return self.random.choice((0.0, 1.5, -1.0))
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "timestamp":
            return self.random.choice((0, 1_700_000_000, 4_000_000_000))
        return self.random.choice((b"", b"x", b"{}", bytes(range(256))))

    def text(self, shape: Any) -> str:
        if shape.enum and self.random.random() < 0.8:
            return self.random.choice(shape.enum)
        if self.random.random() < 0.5:
            return "".join(
                self.random.choice(string.ascii_letters + string.digits) for _ in range(self.random.randint(3, 12))
            )
        return self.random.choice(_TEXTS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("service", sorted(services()))
def test_no_request_breaks_the_cloud(fuzzed, service):
    """Every implemented operation takes random members: an answer below 500 (or an honest 501), and quickly."""
    client = fuzzed.client(service, read_timeout=30, parameter_validation=False)
    model = client.meta.service_model
    names = {client.meta.method_to_api_mapping[method]: method for method in client.meta.method_to_api_mapping}
    broken = []
    for operation in model.operation_names:
        if operation not in names:
            continue
        for turn in range(PER_OPERATION):
            maker = Maker(f"{service} {operation} {turn}")
            shape = model.operation_model(operation).input_shape
            members = maker.members(shape) if shape is not None else {}
            try:
                getattr(client, names[operation])(**members)
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status >= 500 and status not in (501, 503):
                    broken.append((operation, turn, error.response["Error"]["Code"]))
            except (BotoCoreError, ParamValidationError, ValueError, TypeError, AttributeError, KeyError) as error:
                if type(error).__name__ in ("ReadTimeoutError", "ConnectionClosedError"):
                    broken.append((operation, turn, type(error).__name__))
    assert not broken, f"{len(broken)} broke: {broken[:10]}\n{fuzzed.log()[-3000:]}"
    assert fuzzed.health()["status"] == "ready"
