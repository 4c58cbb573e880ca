"""Terraform's AWS provider, unmodified, looks up instance types, offerings and prices, sets what an account sets."""

from __future__ import annotations

import json
from pathlib import Path

from tests.api.ec2.waiting import pretending
from tests.running import RunningCloud
from tests.terraforming import Terraform, marks

HERE = Path(__file__).parent / "ec2_types"

pytestmark = marks(900)


def test_apply_plan_destroy(tmp_path):
    """The data sources find what AWS's do, the settings and a host are kept, and a second plan is empty."""
    cloud = pretending(RunningCloud("--log-level", "warning")).start()
    try:
        terraform = Terraform(tmp_path, cloud, HERE)
        terraform.apply()
        assert json.loads(terraform.run("output", "-json"))["told"]["value"] == {
            "gpus": 8,
            "memory": 1024,
            "arm": 9,
            "preferred": "t3.micro",
            "zones": 6,
            "spot": "0.038400",
            "console": True,
            "cores": 48,
        }
        terraform.unchanged()
        terraform.destroy()
    finally:
        cloud.close()
