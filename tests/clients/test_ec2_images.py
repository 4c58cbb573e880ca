"""Terraform's aws_ami and its kin, unmodified: applied, planned again without a change, modified, destroyed."""

from __future__ import annotations

from pathlib import Path

from tests.api.ec2.waiting import pretending
from tests.running import RunningCloud
from tests.terraforming import Terraform, marks

pytestmark = marks(1200)


def test_images_by_terraform(tmp_path):
    """Every member that terraform reads back is as it was written; descriptions and tags change where they are."""
    cloud = pretending(RunningCloud("--log-level", "warning")).start()
    try:
        terraform = Terraform(tmp_path, cloud, Path(__file__).parent / "ec2_images")
        assert "mine = 3" in terraform.apply()
        terraform.unchanged()
        file = tmp_path / "main.tf"
        file.write_text(file.read_text().replace("Of a snapshot", "Of another").replace('"copied" }', '"kept" }'))
        assert "2 changed" in terraform.run("apply", "-auto-approve")
        terraform.unchanged()
        terraform.destroy()
        ec2 = cloud.client("ec2")
        assert ec2.describe_images(Owners=["self"], IncludeDisabled=True)["Images"] == []
        assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
    finally:
        cloud.close()
