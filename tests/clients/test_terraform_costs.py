"""Terraform's AWS provider, unmodified, makes budgets and asks for a price, finds nothing to change, destroys them.

Runs where terraform and a filesystem mirror of the provider (a top-level folder's `tf-plugins`) are found.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MIRROR = next(iter(sorted(Path("/").glob("*/tf-plugins"))), None)
HERE = Path(__file__).parent / "costs"

pytestmark = [
    pytest.mark.skipif(
        shutil.which("terraform") is None or MIRROR is None, reason="no terraform or no provider mirror"
    ),
    pytest.mark.timeout(600),
]


def test_apply_plan_destroy(fresh_cloud, tmp_path):
    """A plan right after an apply is empty, the price is the one that an hour is charged at, and everything goes."""
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
    assert "0.0960000000" in run("output", "hourly")
    planned = run("plan")
    assert "No changes." in planned, planned[-4000:]
    assert "destroyed" in run("destroy", "-auto-approve")
    assert cloud.client("budgets").describe_budgets(AccountId="000000000000")["Budgets"] == []
