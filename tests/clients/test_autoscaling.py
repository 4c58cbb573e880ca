"""Terraform's AWS provider, unmodified: Auto Scaling groups with all that belongs to them are applied, planned again
without a change, changed in place, destroyed."""

from __future__ import annotations

from pathlib import Path

from tests.api.ec2.waiting import image, pretending
from tests.running import RunningCloud
from tests.terraforming import Terraform, marks

pytestmark = marks(900)


def test_groups_by_terraform(tmp_path):
    """Every member that terraform reads back is as it was written; its waits for capacity and for the end do end."""
    cloud = pretending(RunningCloud("--log-level", "warning", "--clock-rate", "10")).start()
    try:
        terraform = Terraform(
            tmp_path, cloud, Path(__file__).parent / "autoscaling", TF_VAR_image=image(cloud.client("ec2"))
        )
        terraform.apply()
        terraform.unchanged()
        terraform.environment["TF_VAR_largest"] = "5"
        assert "1 changed" in terraform.run("apply", "-auto-approve")
        terraform.unchanged()
        terraform.destroy()
    finally:
        cloud.close()
