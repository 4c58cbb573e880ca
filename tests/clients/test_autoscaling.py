"""Terraform's AWS provider, unmodified: Auto Scaling groups with all that belongs to them are applied, planned again
without a change, changed in place, destroyed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.api.ec2.waiting import image, pretending
from tests.clients.test_terraform import MIRROR
from tests.running import RunningCloud

pytestmark = [
    pytest.mark.skipif(
        shutil.which("terraform") is None or MIRROR is None, reason="no terraform or no provider mirror"
    ),
    pytest.mark.timeout(900),
]


def test_groups_by_terraform(tmp_path):
    """Every member that terraform reads back is as it was written; its waits for capacity and for the end do end."""
    cloud = pretending(RunningCloud("--log-level", "warning", "--clock-rate", "10")).start()
    shutil.copy(Path(__file__).parent / "autoscaling" / "main.tf", tmp_path)
    (tmp_path / "rc").write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{MIRROR}"\n  }}\n}}\n')
    environment = {
        **os.environ,
        "TF_CLI_CONFIG_FILE": str(tmp_path / "rc"),
        "TF_VAR_port": str(cloud.port),
        "TF_VAR_image": image(cloud.client("ec2")),
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
        planned = run("plan")
        assert "No changes." in planned, planned
        environment["TF_VAR_largest"] = "5"
        assert "1 changed" in run("apply", "-auto-approve")
        assert "No changes." in run("plan")
        assert "destroyed" in run("destroy", "-auto-approve")
    finally:
        cloud.close()
