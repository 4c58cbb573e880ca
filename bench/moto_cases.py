"""A pytest plugin, loaded into moto's environment: an account for each case, an image that is there, results as JSON.

It runs beside moto, without anything of Haneul's.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core import models

_worker = int((os.environ.get("PYTEST_XDIST_WORKER") or "gw0")[2:])
_accounts = itertools.count(600_000_000_000 + _worker * 1_000_000)
_credentials = {"AWS_ACCESS_KEY_ID": "600000000000", "AWS_SECRET_ACCESS_KEY": "test"}
_NAMES = ("ACCOUNT_ID", "DEFAULT_ACCOUNT_ID", "OWNER_ID")
_IMAGES = ("EXAMPLE_AMI_ID", "EXAMPLE_AMI_ID2", "EXAMPLE_AMI_PARAVIRTUAL", "EXAMPLE_AMI_WINDOWS")


def pytest_configure(config: pytest.Config) -> None:
    """The cases' credentials are ours to choose, and what they launch from is an image that the server has."""
    begin = models.MockAWS.__init__

    def begun(self: Any, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        self._fake_creds = _credentials

    models.MockAWS.__init__ = begun  # type: ignore[method-assign]
    found = _image()
    if found:
        import tests

        for name in _IMAGES:
            setattr(tests, name, found)


def _image() -> str:
    client = boto3.client(
        "ec2",
        region_name="us-east-1",
        endpoint_url=os.environ["TEST_SERVER_MODE_ENDPOINT"],
        aws_access_key_id=_credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=_credentials["AWS_SECRET_ACCESS_KEY"],
    )
    try:
        images = client.describe_images(Owners=["amazon"])["Images"]
    except Exception:
        return ""
    return str(images[0]["ImageId"]) if images else ""


@pytest.fixture(autouse=True)
def _an_account_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    account = str(next(_accounts))
    _credentials["AWS_ACCESS_KEY_ID"] = account
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setattr(models, "DEFAULT_ACCOUNT_ID", account)
    # What a case leans on (its package's helpers) knows the account too.
    for module in [
        module for name, module in list(sys.modules.items()) if name == "tests" or name.startswith("tests.")
    ]:
        for name in _NAMES:
            if isinstance(getattr(module, name, None), str):
                monkeypatch.setattr(module, name, account)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Which cases were held against AWS itself: moto marks them, or wraps them in a decorator of that name."""
    for item in items:
        wrapped = "verified" in getattr(getattr(item, "function", None), "__qualname__", "")
        if wrapped or item.get_closest_marker("aws_verified"):
            item.user_properties.append(("verified", True))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """One line for each case; a case that failed in its setup has failed."""
    if os.environ.get("PYTEST_XDIST_WORKER") or (report.when != "call" and report.outcome == "passed"):
        return
    if report.when == "teardown":
        return
    file, _, name = report.nodeid.partition("::")
    why = str(report.longrepr).splitlines()[-1][:300] if report.outcome == "failed" and report.longrepr else ""
    crash = getattr(report.longrepr, "reprcrash", None)
    line = {
        "file": file.removeprefix("tests/"),
        "name": name,
        "outcome": report.outcome,
        "verified": dict(report.user_properties).get("verified", False),
        "why": crash.message.splitlines()[0][:300] if crash else why,
    }
    with Path(os.environ["CASES_RESULTS"]).open("a") as results:
        results.write(json.dumps(line) + "\n")
