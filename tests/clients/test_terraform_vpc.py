"""Terraform's AWS provider, unmodified, makes VPCs with all that belongs to them, finds no change, destroys them."""

from __future__ import annotations

from pathlib import Path

from tests.terraforming import Terraform, marks

HERE = Path(__file__).parent / "vpc"

pytestmark = marks(600)


def test_apply_change_destroy(fresh_cloud, tmp_path):
    """A plan right after an apply is empty, rules change in place, and nothing stands in the way of the end."""
    cloud = fresh_cloud()
    terraform = Terraform(tmp_path, cloud, HERE)
    terraform.apply()
    terraform.unchanged()
    changed = (tmp_path / "main.tf").read_text().replace('"10.0.0.0/8"]', '"10.0.0.0/9"]')
    changed = changed.replace("from_port         = 22", "from_port         = 21").replace("= 80\n", "= 81\n")
    (tmp_path / "main.tf").write_text(changed)
    terraform.apply()
    terraform.unchanged()
    terraform.destroy()
