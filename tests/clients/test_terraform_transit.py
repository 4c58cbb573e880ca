"""Terraform's AWS provider, unmodified, connects VPCs by a transit gateway, and keeps the gateways of a VPN.

Runs where terraform and a filesystem mirror of the provider (a top-level folder's `tf-plugins`) are found.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MIRROR = next(iter(sorted(Path("/").glob("*/tf-plugins"))), None)
HERE = Path(__file__).parent / "transit_gateways"

pytestmark = [
    pytest.mark.skipif(
        shutil.which("terraform") is None or MIRROR is None, reason="no terraform or no provider mirror"
    ),
    pytest.mark.timeout(600),
]


def test_apply_change_destroy(fresh_cloud, tmp_path):
    """A plan right after an apply is empty, a route is replaced, and nothing stands in the way of the end."""
    cloud = fresh_cloud()
    shutil.copy(HERE / "main.tf", tmp_path)
    (tmp_path / "rc").write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{MIRROR}"\n  }}\n}}\n')
    environment = {
        **os.environ,
        "TF_CLI_CONFIG_FILE": str(tmp_path / "rc"),
        "TF_VAR_port": str(cloud.port),
        "CHECKPOINT_DISABLE": "1",
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["terraform", *arguments, "-no-color"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
        return done.stdout

    run("init")
    assert "Apply complete!" in run("apply", "-auto-approve")
    planned = run("plan")
    assert "No changes." in planned, planned[-4000:]
    (tmp_path / "terraform.tfvars").write_text('hole = "10.91.0.0/16"\n')
    assert "Apply complete!" in run("apply", "-auto-approve")
    planned = run("plan")
    assert "No changes." in planned, planned[-4000:]
    assert "destroyed" in run("destroy", "-auto-approve")
