"""Init hooks: scripts in <init_dir>/ready.d run in the order of their names once the cloud is ready."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path

from haneul.config import Config

log = logging.getLogger("haneul.init")


async def run_hooks(config: Config, port: int, states: dict[str, list[dict[str, str]]]) -> None:
    """Run the ready hooks; `states` tells /_localstack/init what became of each."""
    if config.init_dir is None:
        return
    folder = Path(config.init_dir) / "ready.d"
    scripts = sorted(p for p in folder.rglob("*") if p.suffix in (".sh", ".py") and p.is_file())
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": f"http://localhost:{port}",
        "AWS_DEFAULT_REGION": config.region,
    }
    environment.setdefault("AWS_ACCESS_KEY_ID", "test")
    environment.setdefault("AWS_SECRET_ACCESS_KEY", "test")
    for script in scripts:
        state = {"name": script.name, "state": "RUNNING"}
        states["READY"].append(state)
        command = [sys.executable, str(script)] if script.suffix == ".py" else ["bash", str(script)]
        process = await asyncio.create_subprocess_exec(*command, env=environment, cwd=folder)
        status = await process.wait()
        state["state"] = "SUCCESSFUL" if status == 0 else "ERROR"
        if status != 0:
            log.error("init hook %s ended with status %s", script.name, status)
