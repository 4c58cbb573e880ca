"""Terraform's AWS provider, unmodified, makes HTTP and WebSocket APIs with everything around them and finds nothing to
change; what it made answers.
"""

from __future__ import annotations

import json
import sys
import urllib.request
import zipfile
from pathlib import Path

from websockets.sync.client import connect

from tests.terraforming import Terraform, marks

HERE = Path(__file__).parent / "apigatewayv2"

pytestmark = marks(600)


def test_apply_twice_and_destroy(fresh_cloud, tmp_path):
    """Updates and reads agree with AWS's: a plan right after an apply is empty."""
    cloud = fresh_cloud()
    runtime = f"python3.{sys.version_info.minor}"
    (tmp_path / "main.tf").write_text((HERE / "main.tf").read_text().replace("python3.11", runtime))
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return event['rawPath']\n")
    terraform = Terraform(tmp_path, cloud)
    terraform.apply()
    terraform.unchanged()
    request = urllib.request.Request(
        f"{cloud.url}/any/where", headers={"Host": f"{terraform.run('output', '-raw', 'id')}.execute-api.localhost"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.read() == b"/any/where"
    chat = f"ws://{terraform.run('output', '-raw', 'chat')}.execute-api.localhost:{cloud.port}/dev"
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
    terraform.apply()
    terraform.unchanged()
    terraform.destroy()
