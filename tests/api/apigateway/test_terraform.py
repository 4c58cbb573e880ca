"""Terraform's AWS provider, unmodified, makes a REST API with everything around it and finds nothing to change.

Runs where terraform and a filesystem mirror of the provider (a top-level folder's `tf-plugins`) are found.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.api.apigateway.making import send

MIRROR = next(iter(sorted(Path("/").glob("*/tf-plugins"))), None)
HERE = Path(__file__).parent / "terraform"

pytestmark = [
    pytest.mark.skipif(
        shutil.which("terraform") is None or MIRROR is None, reason="no terraform or no provider mirror"
    ),
    pytest.mark.timeout(600),
]


def test_apply_twice_and_destroy(fresh_cloud, tmp_path):
    """Patches and reads agree with AWS's: a plan right after an apply is empty."""
    cloud = fresh_cloud()
    runtime = f"python3.{sys.version_info.minor}"
    (tmp_path / "main.tf").write_text((HERE / "main.tf").read_text().replace("python3.11", runtime))
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr(
            "app.py", "def handler(event, context):\n    return {'statusCode': 200, 'body': event['path']}\n"
        )
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
    identity = run("output", "-raw", "id")
    request = urllib.request.Request(f"{cloud.url}/dev/pets/a/b", headers={"Host": f"{identity}.execute-api.localhost"})
    assert send(request).body == b"/pets/a/b"
    changed = (tmp_path / "main.tf").read_text().replace('"blue"', '"red"').replace('again = "1"', 'again = "2"')
    changed = changed.replace("made by terraform", "changed by terraform").replace("limit  = 1000", "limit  = 2000")
    changed = changed.replace('"image/png", ', "").replace("timeout_milliseconds = 3000", "timeout_milliseconds = 4000")
    (tmp_path / "main.tf").write_text(changed)
    assert "Apply complete!" in run("apply", "-auto-approve")
    planned = run("plan")
    assert "No changes." in planned, planned[-4000:]
    assert "destroyed" in run("destroy", "-auto-approve")
