"""Terraform's AWS provider, unmodified, looks up instance types, offerings and prices, and sets what an account sets.

Runs where terraform and a filesystem mirror of the provider (a top-level folder's `tf-plugins`) are found.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.api.ec2.waiting import pretending
from tests.running import RunningCloud

MIRROR = next(iter(sorted(Path("/").glob("*/tf-plugins"))), None)
HERE = Path(__file__).parent / "ec2_types"

pytestmark = [
    pytest.mark.skipif(
        shutil.which("terraform") is None or MIRROR is None, reason="no terraform or no provider mirror"
    ),
    pytest.mark.timeout(900),
]


def test_apply_plan_destroy(tmp_path):
    """The data sources find what AWS's do, the settings and a host are kept, and a second plan is empty."""
    shutil.copy(HERE / "main.tf", tmp_path)
    (tmp_path / "rc").write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{MIRROR}"\n  }}\n}}\n')
    cloud = pretending(RunningCloud("--log-level", "warning")).start()
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

    try:
        run("init")
        assert "Apply complete!" in run("apply", "-auto-approve")
        assert json.loads(run("output", "-json"))["told"]["value"] == {
            "gpus": 8,
            "memory": 1024,
            "arm": 9,
            "preferred": "t3.micro",
            "zones": 6,
            "spot": "0.038400",
            "console": True,
            "cores": 48,
        }
        planned = run("plan")
        assert "No changes." in planned, planned[-4000:]
        assert "destroyed" in run("destroy", "-auto-approve")
    finally:
        cloud.close()
