"""Terraform's AWS provider, unmodified, makes buckets with every configuration they can have, and destroys them."""

from __future__ import annotations

from pathlib import Path

from tests.terraforming import Terraform, marks

HERE = Path(__file__).parent / "s3_buckets"

pytestmark = marks(900)


def test_apply_change_destroy(fresh_cloud, tmp_path):
    """A plan right after an apply is empty, configurations change in place, locked objects go when they are forced."""
    cloud = fresh_cloud()
    terraform = Terraform(tmp_path, cloud, HERE)
    terraform.apply()
    terraform.unchanged()
    changed = (tmp_path / "main.tf").read_text().replace('"documents/"', '"papers/"').replace("days = 30", "days = 40")
    (tmp_path / "main.tf").write_text(changed)
    terraform.apply()
    terraform.unchanged()
    terraform.destroy()
