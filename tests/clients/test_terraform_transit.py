"""Terraform's AWS provider, unmodified, connects VPCs by a transit gateway, and keeps the gateways of a VPN."""

from __future__ import annotations

from pathlib import Path

from tests.terraforming import Terraform, marks

HERE = Path(__file__).parent / "transit_gateways"

pytestmark = marks(600)


def test_apply_change_destroy(fresh_cloud, tmp_path):
    """A plan right after an apply is empty, a route is replaced, and nothing stands in the way of the end."""
    cloud = fresh_cloud()
    terraform = Terraform(tmp_path, cloud, HERE)
    terraform.apply()
    terraform.unchanged()
    (tmp_path / "terraform.tfvars").write_text('hole = "10.91.0.0/16"\n')
    terraform.apply()
    terraform.unchanged()
    terraform.destroy()
