"""Terraform's AWS provider, unmodified, makes access points and access grants, finds no change, destroys them."""

from __future__ import annotations

from pathlib import Path

from tests.terraforming import Terraform, marks

HERE = Path(__file__).parent / "s3control"

pytestmark = marks(600)


def test_apply_plan_destroy(fresh_cloud, tmp_path):
    """A plan right after an apply is empty, and everything goes again in an order that the cloud allows."""
    cloud = fresh_cloud()
    # The provider puts accounts and access points before the host; not every machine's resolver knows such names
    # of localhost, but a proxy need not be asked for them, and the cloud answers as its own.
    terraform = Terraform(tmp_path, cloud, HERE, HTTP_PROXY=cloud.url)
    terraform.apply()
    terraform.unchanged()
    terraform.destroy()
