"""Terraform's AWS provider, unmodified, makes a REST API with everything around it and finds nothing to change."""

from __future__ import annotations

import sys
import urllib.request
import zipfile
from pathlib import Path

from tests.api.apigateway.making import send
from tests.terraforming import Terraform, marks

HERE = Path(__file__).parent / "terraform"

pytestmark = marks(600)


def test_apply_twice_and_destroy(fresh_cloud, tmp_path):
    """Patches and reads agree with AWS's: a plan right after an apply is empty."""
    cloud = fresh_cloud()
    runtime = f"python3.{sys.version_info.minor}"
    (tmp_path / "main.tf").write_text((HERE / "main.tf").read_text().replace("python3.11", runtime))
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr(
            "app.py", "def handler(event, context):\n    return {'statusCode': 200, 'body': event['path']}\n"
        )
    terraform = Terraform(tmp_path, cloud)
    terraform.apply()
    terraform.unchanged()
    identity = terraform.run("output", "-raw", "id")
    request = urllib.request.Request(f"{cloud.url}/dev/pets/a/b", headers={"Host": f"{identity}.execute-api.localhost"})
    assert send(request).body == b"/pets/a/b"
    changed = (tmp_path / "main.tf").read_text().replace('"blue"', '"red"').replace('again = "1"', 'again = "2"')
    changed = changed.replace("made by terraform", "changed by terraform").replace("limit  = 1000", "limit  = 2000")
    changed = changed.replace('"image/png", ', "").replace("timeout_milliseconds = 3000", "timeout_milliseconds = 4000")
    (tmp_path / "main.tf").write_text(changed)
    terraform.apply()
    terraform.unchanged()
    terraform.destroy()
