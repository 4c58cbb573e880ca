"""Terraform's AWS provider, unmodified, makes HTTP and WebSocket APIs with everything around them and finds nothing to
change; what it made answers.

Runs where terraform and a filesystem mirror of the provider (a top-level folder's `tf-plugins`) are found.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest
from websockets.sync.client import connect

MIRROR = next(iter(sorted(Path("/").glob("*/tf-plugins"))), None)
HERE = Path(__file__).parent / "apigatewayv2"

pytestmark = [
    pytest.mark.skipif(
        shutil.which("terraform") is None or MIRROR is None, reason="no terraform or no provider mirror"
    ),
    pytest.mark.timeout(600),
]


def test_apply_twice_and_destroy(fresh_cloud, tmp_path):
    """Updates and reads agree with AWS's: a plan right after an apply is empty."""
    cloud = fresh_cloud()
    runtime = f"python3.{sys.version_info.minor}"
    (tmp_path / "main.tf").write_text((HERE / "main.tf").read_text().replace("python3.11", runtime))
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return event['rawPath']\n")
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
    request = urllib.request.Request(
        f"{cloud.url}/any/where", headers={"Host": f"{run('output', '-raw', 'id')}.execute-api.localhost"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.read() == b"/any/where"
    chat = f"ws://{run('output', '-raw', 'chat')}.execute-api.localhost:{cloud.port}/dev"
    with connect(chat, address=("127.0.0.1", cloud.port), proxy=None) as socket:
        socket.send(json.dumps({"action": "ping", "name": "rex"}))
        assert json.loads(socket.recv(timeout=10)) == {"pong": True}
    changed = (tmp_path / "main.tf").read_text().replace("made by terraform", "changed by terraform")
    changed = changed.replace('gone = "soon"', "").replace('"overwrite:path"    = "/x"', "")
    changed = changed.replace('again = "1"', 'again = "2"').replace('["read", "write"]', '["read"]')
    changed = changed.replace(
        'allow_origins     = ["https://example.com"]', 'allow_origins     = ["https://b.example"]'
    )
    changed = changed.replace("GET /pets/{id}", "ANY /pets/{id}").replace('"v1/pets"', '"v2"')
    (tmp_path / "main.tf").write_text(changed)
    assert "Apply complete!" in run("apply", "-auto-approve")
    planned = run("plan")
    assert "No changes." in planned, planned[-4000:]
    assert "destroyed" in run("destroy", "-auto-approve")
