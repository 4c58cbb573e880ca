"""Programs that people really use: the AWS CLI, rclone, s3cmd, s3fs, each on a tree of files, unmodified."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.fixture
def run(cloud: Any, tmp_path: Path) -> Run:
    """run("rclone", "lsf", ...): a program with the cloud as its S3; its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))}
    environment = {
        **kept,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(tmp_path),
        "RCLONE_CONFIG": str(tmp_path / "rclone.conf"),
    }
    (tmp_path / "rclone.conf").write_text(
        f"[h]\ntype = s3\nprovider = Other\naccess_key_id = test\nsecret_access_key = test\n"
        f"endpoint = {cloud.url}\nregion = us-east-1\n"
    )
    (tmp_path / ".s3cfg").write_text(
        f"[default]\naccess_key = test\nsecret_key = test\nuse_https = False\n"
        f"host_base = 127.0.0.1:{cloud.port}\nhost_bucket = 127.0.0.1:{cloud.port}\n"
    )

    def start(*command: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, f"{command} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done

    return start


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """60 files of all sizes and names, one of them large enough for parts."""
    chance = random.Random(7)
    root = tmp_path / "tree"
    for n in range(60):
        folder = root / f"d{n % 5}" / f"é{n % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        size = chance.choice([0, 1, 1000, 70_000, 300_000])
        (folder / f"f{n} +&%.txt").write_bytes(chance.randbytes(size))
    (root / "large.bin").write_bytes(chance.randbytes(18_000_000))
    return root


def same(left: Path, right: Path) -> bool:
    return subprocess.run(["diff", "-r", left, right], capture_output=True, check=False).returncode == 0


AWS = [sys.executable, "-m", "awscli"]


def test_aws_cli(run: Run, tree: Path, tmp_path: Path, unique: Callable[[str], str]) -> None:
    """`aws s3 sync` up, down, and a third time with nothing left to do."""
    bucket = unique("cli")
    run(*AWS, "s3", "mb", f"s3://{bucket}")
    run(*AWS, "s3", "sync", "--quiet", str(tree), f"s3://{bucket}/t")
    run(*AWS, "s3", "sync", "--quiet", f"s3://{bucket}/t", str(tmp_path / "back"))
    assert same(tree, tmp_path / "back")
    assert run(*AWS, "s3", "sync", "--dryrun", str(tree), f"s3://{bucket}/t").stdout == ""
    assert "PRE d0/" in run(*AWS, "s3", "ls", f"s3://{bucket}/t/").stdout
    run(*AWS, "s3", "mv", "--quiet", f"s3://{bucket}/t/large.bin", f"s3://{bucket}/moved.bin")
    run(*AWS, "s3", "rb", "--force", f"s3://{bucket}")


@needs("rclone")
def test_rclone(run: Run, tree: Path, unique: Callable[[str], str]) -> None:
    """Sync, check by hash and by bytes, server-side copy, purge."""
    bucket = unique("rclone")
    run("rclone", "sync", str(tree), f"h:{bucket}/t")
    run("rclone", "check", str(tree), f"h:{bucket}/t")
    run("rclone", "copy", f"h:{bucket}/t", f"h:{bucket}/copy")
    run("rclone", "check", "--download", str(tree), f"h:{bucket}/copy")
    listed = run("rclone", "lsf", f"h:{bucket}/t").stdout.splitlines()
    assert sorted(listed) == ["d0/", "d1/", "d2/", "d3/", "d4/", "large.bin"]
    run("rclone", "purge", f"h:{bucket}")


@needs("s3cmd")
def test_s3cmd(run: Run, tree: Path, tmp_path: Path, unique: Callable[[str], str]) -> None:
    bucket = unique("s3cmd")
    run("s3cmd", "mb", f"s3://{bucket}")
    run("s3cmd", "sync", "-q", f"{tree}/", f"s3://{bucket}/t/")
    run("s3cmd", "cp", f"s3://{bucket}/t/large.bin", f"s3://{bucket}/t/copy.bin")
    run("s3cmd", "get", "-q", f"s3://{bucket}/t/copy.bin", str(tmp_path / "copy.bin"))
    assert (tmp_path / "copy.bin").read_bytes() == (tree / "large.bin").read_bytes()
    (tmp_path / "back").mkdir()
    run("s3cmd", "del", "-q", f"s3://{bucket}/t/copy.bin")
    run("s3cmd", "sync", "-q", f"s3://{bucket}/t/", f"{tmp_path}/back/")
    assert same(tree, tmp_path / "back")
    run("s3cmd", "rb", "-r", "-f", f"s3://{bucket}")


@needs("s3fs")
@pytest.mark.skipif(not Path("/dev/fuse").exists() or os.getuid() != 0, reason="mounting needs FUSE and root")
def test_s3fs(run: Run, cloud: Any, tree: Path, tmp_path: Path, s3: Any, bucket: str) -> None:
    """A bucket mounted: copies in, renames, reads back."""
    mount = tmp_path / "mnt"
    mount.mkdir()
    passwords = tmp_path / "passwd"
    passwords.write_text("test:test")
    passwords.chmod(0o600)
    options = ["-o", f"url={cloud.url}", "-o", "use_path_request_style", "-o", f"passwd_file={passwords}"]
    run("s3fs", bucket, str(mount), *options)
    try:
        shutil.copytree(tree, mount / "t")
        (mount / "t" / "d1").rename(mount / "t" / "renamed")
        (mount / "t" / "renamed").rename(mount / "t" / "d1")
        assert same(tree, mount / "t")
    finally:
        run("umount", str(mount))
    assert s3.list_objects_v2(Bucket=bucket, Prefix="t/large")["Contents"][0]["Size"] == 18_000_000
