"""Thousands of random policy questions, answered alike by an independent simulator.

The simulator is npm's @cloud-copilot/iam-simulate, installed under build/oracle for the tests' sake and never
shipped. HANEUL_BUDGET raises the number of cases; HANEUL_SEED changes them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from haneul.auth.context import Given
from haneul.auth.decision import Decision, evaluate
from haneul.auth.principals import Principal
from tests.oracle.cases import ANONYMOUS, Case, draw

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "oracle"
PACKAGE = "@cloud-copilot/iam-simulate@0.1.173"
CASES = 2_000
PIECE = 250


@pytest.fixture(scope="module")
def oracle() -> Iterator[subprocess.Popen[str]]:
    """The simulator, answering line by line."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("the oracle needs node and npm")
    if not (FOLDER / "node_modules" / "@cloud-copilot" / "iam-simulate").is_dir():
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "package.json").write_text('{"private": true}')
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=100, check=False)
        if done.returncode:
            pytest.skip(f"npm could not install {PACKAGE}: {done.stderr.strip()[-200:]}")
    script = Path(__file__).with_name("simulate.mjs")
    process = subprocess.Popen(
        ["node", str(script), str(FOLDER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    assert process.stdin is not None
    process.stdin.close()
    process.wait(10)


def asked(case: Case) -> str:
    """The case as the oracle takes it."""
    identity = case.identity
    if case.principal.kind == "root":  # the oracle gives root no rights of its own
        identity = [{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
    principal: Any = {"type": "Anonymous"} if case.principal is ANONYMOUS else case.principal.arn
    return json.dumps(
        {
            "request": {
                "principal": principal,
                "action": case.action,
                "resource": {"resource": case.resource, "accountId": case.owner},
                "contextVariables": case.keys,
            },
            "identityPolicies": [{"name": f"p{n}", "policy": one} for n, one in enumerate(identity)],
            "serviceControlPolicies": [
                {
                    "orgIdentifier": f"ou-{n}",
                    "policies": [{"name": f"s{m}", "policy": one} for m, one in enumerate(level)],
                }
                for n, level in enumerate(case.organization)
            ],
            "resourceControlPolicies": [],
            "resourcePolicy": case.resource_policy,
            "permissionBoundaryPolicies": None if case.boundary is None else [{"name": "b", "policy": case.boundary}],
            "sessionPolicy": case.session,
        }
    )


def ours(case: Case) -> Decision:
    principal = case.principal
    if case.session is not None:
        fields = {name: getattr(principal, name) for name in principal.__struct_fields__}
        principal = Principal(**{**fields, "session_policies": (json.dumps(case.session),)})
    return evaluate(
        principal,
        case.action,
        case.resource,
        Given(case.keys),
        case.policies(json.dumps),
        resource_policy=None if case.resource_policy is None else json.dumps(case.resource_policy),
        owner=case.owner,
    )


def _verdict(decision: Decision) -> str:
    return "Allowed" if decision.allowed else "ExplicitlyDenied" if decision.explicit else "ImplicitlyDenied"


def answers(oracle: subprocess.Popen[str], cases: list[Case]) -> list[Any]:
    assert oracle.stdin is not None and oracle.stdout is not None
    found = []
    for case in cases:
        oracle.stdin.write(asked(case) + "\n")
        oracle.stdin.flush()
        found.append(json.loads(oracle.stdout.readline()))
    return found


def test_the_oracle_agrees(oracle: subprocess.Popen[str]) -> None:
    """Allowed, denied explicitly or implicitly: the same for every case."""
    random = Random(int(os.environ.get("HANEUL_SEED", "1")))
    cases = [draw(random) for _ in range(int(os.environ.get("HANEUL_BUDGET", str(CASES))))]
    verdicts: dict[str, int] = {}
    for start in range(0, len(cases), PIECE):
        piece = cases[start : start + PIECE]
        for case, answer in zip(piece, answers(oracle, piece), strict=True):
            assert "result" in answer, (answer, asked(case))
            verdict = _verdict(ours(case))
            verdicts[verdict] = verdicts.get(verdict, 0) + 1
            assert verdict == answer["result"], f"{ours(case)} but the oracle says {answer['result']}: {asked(case)}"
    assert all(verdicts.get(name, 0) > len(cases) // 20 for name in ("Allowed", "ExplicitlyDenied", "ImplicitlyDenied"))
