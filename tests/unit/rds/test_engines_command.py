"""`haneul engines`: what the errors of RDS tell people to type exists."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from haneul.cli.main import main


def test_the_engines_are_listed(tmp_path: Path) -> None:
    """The bundled PostgreSQL is there from the start."""
    done = CliRunner().invoke(main, ["engines", "--data", str(tmp_path)])
    assert done.exit_code == 0
    assert "PostgreSQL" in done.output and "MariaDB" in done.output


def test_a_bundle_that_is_none_is_refused(tmp_path: Path) -> None:
    """With a sentence, not a traceback."""
    bundle = tmp_path / "junk.tgz"
    bundle.write_bytes(b"no archive")
    done = CliRunner().invoke(
        main, ["engines", "--data", str(tmp_path), "install", "postgres", "--bundle", str(bundle)]
    )
    assert done.exit_code == 1
    assert "can't be unpacked" in done.output
