"""Terraform's AWS provider, unmodified, connects VPCs: peering, NAT, endpoints, prefix lists, DHCP options."""

from __future__ import annotations

from pathlib import Path

from tests.terraforming import Terraform, marks

HERE = Path(__file__).parent / "vpc_connections"

pytestmark = marks(600)


def test_apply_change_destroy(fresh_cloud, tmp_path):
    """A plan right after an apply is empty, entries change in place, and nothing stands in the way of the end."""
    cloud = fresh_cloud()
    cloud.client("s3").create_bucket(Bucket="flows")
    terraform = Terraform(tmp_path, cloud, HERE)
    terraform.apply()
    terraform.unchanged()
    (tmp_path / "terraform.tfvars").write_text('managed = "10.6.0.0/16"\n')
    terraform.apply()
    terraform.unchanged()
    terraform.destroy()
