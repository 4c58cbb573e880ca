"""Terraform's aws_ami and its kin, unmodified: applied, planned again without a change, modified, destroyed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.api.ec2.waiting import pretending
from tests.clients.test_terraform import MIRROR
from tests.running import RunningCloud

pytestmark = [
    pytest.mark.skipif(
        shutil.which("terraform") is None or MIRROR is None, reason="no terraform or no provider mirror"
    ),
    pytest.mark.timeout(1200),
]


def test_images_by_terraform(tmp_path):
    """Every member that terraform reads back is as it was written; descriptions and tags change where they are."""
    cloud = pretending(RunningCloud("--log-level", "warning")).start()
    shutil.copy(Path(__file__).parent / "ec2_images" / "main.tf", tmp_path)
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

    try:
        run("init")
        applied = run("apply", "-auto-approve")
        assert "Apply complete!" in applied and "mine = 3" in applied
        planned = run("plan")
        assert "No changes." in planned, planned
        file = tmp_path / "main.tf"
        file.write_text(file.read_text().replace("Of a snapshot", "Of another").replace('"copied" }', '"kept" }'))
        assert "2 changed" in run("apply", "-auto-approve")
        assert "No changes." in run("plan")
        assert "destroyed" in run("destroy", "-auto-approve")
        ec2 = cloud.client("ec2")
        assert ec2.describe_images(Owners=["self"], IncludeDisabled=True)["Images"] == []
        assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
    finally:
        cloud.close()
