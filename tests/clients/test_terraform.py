"""Terraform's AWS provider, unmodified: applies thirty resources, finds nothing to change, destroys them."""

from __future__ import annotations

from pathlib import Path

from tests.terraforming import Terraform, marks

HERE = Path(__file__).parent / "terraform"

pytestmark = marks(600)


def test_apply_plan_destroy(fresh_cloud, tmp_path):
    """A plan right after an apply is empty: every member that terraform reads back is as it was written."""
    cloud = fresh_cloud()
    terraform = Terraform(tmp_path, cloud, HERE)
    terraform.apply()
    terraform.unchanged()
    terraform.destroy()
