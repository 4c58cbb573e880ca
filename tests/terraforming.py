"""Terraform with AWS's provider, unmodified, against a cloud of the tests'.

It runs where terraform and a filesystem mirror of the provider (a top-level folder's `tf-plugins`) are found.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.running import RunningCloud

MIRROR = next(iter(sorted(Path("/").glob("*/tf-plugins"))), None)


def marks(seconds: int) -> list[pytest.MarkDecorator]:
    """What every module that runs terraform is marked with: skipped where it isn't, and a limit."""
    missing = shutil.which("terraform") is None or MIRROR is None
    return [pytest.mark.skipif(missing, reason="no terraform or no provider mirror"), pytest.mark.timeout(seconds)]


class Terraform:
    """One configuration (main.tf, copied from `source` unless it is in `folder` already), and its state."""

    def __init__(self, folder: Path, cloud: RunningCloud, source: Path | None = None, **environment: str) -> None:
        self.file = folder / "main.tf"
        self._folder = folder
        if source is not None:
            shutil.copy(source / "main.tf", folder)
        mirror = f'provider_installation {{\n  filesystem_mirror {{\n    path = "{MIRROR}"\n  }}\n}}\n'
        (folder / "rc").write_text(mirror)
        self.environment = {
            **os.environ,
            "TF_CLI_CONFIG_FILE": str(folder / "rc"),
            "TF_VAR_port": str(cloud.port),
            "CHECKPOINT_DISABLE": "1",
            **environment,
        }
        self.run("init")

    def run(self, *arguments: str) -> str:
        """What a command printed; it must succeed."""
        done = subprocess.run(
            ["terraform", *arguments, "-no-color"],
            cwd=self._folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
        return done.stdout

    def apply(self) -> str:
        printed = self.run("apply", "-auto-approve")
        assert "Apply complete!" in printed, printed[-4000:]
        return printed

    def unchanged(self) -> None:
        """A plan finds nothing to do: every member that the provider reads back is as it was written."""
        planned = self.run("plan")
        assert "No changes." in planned, planned[-6000:]

    def replace(self, *pairs: tuple[str, str]) -> None:
        """Write the configuration anew, with each text for another; each must be there."""
        text = self.file.read_text()
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        self.file.write_text(text)

    def destroy(self) -> None:
        assert "destroyed" in self.run("destroy", "-auto-approve")
