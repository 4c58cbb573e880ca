"""make conformance: moto's published test cases, in server mode, against this cloud and its peers.

    make conformance ARGS="ec2"                       # one service, every server
    make conformance ARGS="ec2 s3 --only haneul"
    make conformance ARGS="ec2 --only haneul --files test_subnets.py test_vpcs.py --show"

The cases come from PyPI, in the source archive of the pinned moto, and run unchanged. Each test sees an account of its
own (see `moto_cases`), because they expect to be alone. Cases that only make sense inside of moto (they look at its
Python objects) skip themselves. moto's own server isn't a contestant: the cases were written against it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

from bench import peers

MOTO = "5.2.5"
FOLDER = peers.ENVIRONMENTS / f"moto-cases-{MOTO}"
SERVERS = ("haneul", "ministack")
DOUBLES = ("machines", "networks")
"""Engines of ours that are told to pretend: most cases launch from images and types that no one machine has."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("services", nargs="+", help="as moto names its folders: ec2, s3, dynamodb, autoscaling")
    parser.add_argument("--only", default="", help="one server")
    parser.add_argument("--files", nargs="*", default=[], help="only these files of a service's folder")
    parser.add_argument("--show", action="store_true", help="print why each failed case failed")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    python = _prepare()
    for name in SERVERS:
        if options.only in ("", name) and (name == "haneul" or peers.install(name)):
            _contest(name, python, options)


def _prepare() -> Path:
    """An environment with moto, and its source archive unpacked."""
    python = FOLDER / "bin" / "python"
    if not (FOLDER / ".ready").exists():
        shutil.rmtree(FOLDER, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
        pip = [str(python), "-m", "pip"]
        wanted = [f"moto[server]=={MOTO}", "pytest", "pytest-xdist", "pytest-timeout", "freezegun"]
        subprocess.run([*pip, "install", "-q", *wanted], check=True)
        options = ["-q", "--no-deps", "--no-binary", ":all:", "-d", str(FOLDER), f"moto=={MOTO}"]
        subprocess.run([*pip, "download", *options], check=True)
        with tarfile.open(FOLDER / f"moto-{MOTO}.tar.gz") as archive:
            archive.extractall(FOLDER, filter="data")
        (FOLDER / ".ready").touch()
    return python


def _contest(name: str, python: Path, options: argparse.Namespace) -> None:
    server = peers.Peer(name)
    for kind in DOUBLES:
        fake = server.data / "cloud" / "engines" / kind / "fake"
        fake.parent.mkdir(parents=True)
        fake.touch()
    server.start()
    try:
        for service in options.services:
            _report(name, service, _run(python, server, service, options), show=options.show)
    finally:
        server.close()


def _run(python: Path, server: peers.Peer, service: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Each case: its file, name, outcome (passed, failed, skipped) and why."""
    results = server.data / "results.jsonl"
    results.unlink(missing_ok=True)
    folder = f"tests/test_{service}"
    chosen = [f"{folder}/{file}" for file in options.files] or [folder]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HANEUL_"))}
    subprocess.run(
        [str(python), "-m", "pytest", "-q", "--no-header", "-p", "moto_cases", "-n", str(options.workers),
         "--dist", "loadfile", "--timeout", "60", "--tb", "no", "-p", "no:cacheprovider", *chosen],
        cwd=FOLDER / f"moto-{MOTO}", check=False, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
        env={**environment, "TEST_SERVER_MODE": "true", "MOTO_CALL_RESET_API": "false",
             "TEST_SERVER_MODE_ENDPOINT": f"http://127.0.0.1:{server.port}", "CASES_RESULTS": str(results),
             "AWS_DEFAULT_REGION": "us-east-1", "PYTHONPATH": str(Path(__file__).parent)},
    )  # fmt: skip
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def _report(server: str, service: str, cases: list[dict[str, Any]], *, show: bool) -> None:
    by_file: dict[str, Counter[str]] = {}
    for case in cases:
        by_file.setdefault(case["file"], Counter())[case["outcome"]] += 1
    print(f"\n{server}: moto {MOTO}'s cases of {service}")
    for file, counts in sorted(by_file.items()):
        print(f"  {file:52} {counts['passed']:4} of {counts['passed'] + counts['failed']:4}")
    whole = sum(by_file.values(), Counter())
    ran = whole["passed"] + whole["failed"]
    share = 100 * whole["passed"] / ran if ran else 0
    print(f"  {'all':52} {whole['passed']:4} of {ran:4}  {share:.1f} %  ({whole['skipped']} skip themselves)")
    held = Counter(case["outcome"] for case in cases if case["verified"])
    tried = held["passed"] + held["failed"]
    print(f"  {'of these, held against AWS itself':52} {held['passed']:4} of {tried:4}")
    if show:
        for case in sorted(cases, key=lambda one: (one["file"], one["name"])):
            if case["outcome"] == "failed":
                mark = " (held against AWS)" if case["verified"] else ""
                print(f"{case['file']}::{case['name']}{mark}: {case['why']}")


if __name__ == "__main__":
    main()
