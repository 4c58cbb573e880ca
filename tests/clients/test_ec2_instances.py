"""Terraform's aws_instance, unmodified: applied, planned again without a change, modified in place, destroyed."""

from __future__ import annotations

from pathlib import Path

from tests.api.ec2.waiting import image, pretending
from tests.running import RunningCloud
from tests.terraforming import Terraform, marks

pytestmark = marks(600)


def test_instances_by_terraform(tmp_path):
    """Every member that terraform reads back is as it was written; tags and monitoring change where they are."""
    cloud = pretending(RunningCloud("--log-level", "warning")).start()
    try:
        terraform = Terraform(
            tmp_path, cloud, Path(__file__).parent / "ec2_instances", TF_VAR_image=image(cloud.client("ec2"))
        )
        terraform.apply()
        terraform.unchanged()
        file = tmp_path / "main.tf"
        file.write_text(file.read_text().replace("monitoring                           = true", "monitoring = false"))
        assert "1 changed" in terraform.run("apply", "-auto-approve")
        terraform.unchanged()
        terraform.destroy()
    finally:
        cloud.close()
