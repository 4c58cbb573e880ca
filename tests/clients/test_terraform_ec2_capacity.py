"""Terraform's AWS provider, unmodified, on launch templates, groups, fleets, Spot requests and reservations."""

from __future__ import annotations

from pathlib import Path

from tests.api.ec2.waiting import image, pretending
from tests.running import RunningCloud
from tests.terraforming import Terraform, marks

pytestmark = marks(900)


def test_capacity_by_terraform(tmp_path):
    """Applied, planned again without a change, destroyed."""
    cloud = pretending(RunningCloud("--log-level", "warning")).start()
    try:
        terraform = Terraform(
            tmp_path, cloud, Path(__file__).parent / "ec2_capacity", TF_VAR_image=image(cloud.client("ec2"))
        )
        terraform.apply()
        terraform.unchanged()
        terraform.destroy()
    finally:
        cloud.close()
