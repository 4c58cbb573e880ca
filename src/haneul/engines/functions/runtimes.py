"""Which of Lambda's runtimes are on this machine: interpreters on the PATH and of pyenv, asked who they are."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
NODES = ("18", "20", "22", "24")
PROVIDED = ("provided", "provided.al2", "provided.al2023")
_ASK = "import sys; print('%d.%d' % sys.version_info[:2], sys.base_prefix, sep='\\n')"
_SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3")


@dataclass(frozen=True, slots=True)
class Runtime:
    """An interpreter: its program and the folders that it needs."""

    name: str
    program: str
    folders: tuple[str, ...]


@functools.cache
def installed() -> dict[str, Runtime]:
    """Lambda's name -> what runs it here."""
    found = {name: Runtime(name, "", ()) for name in PROVIDED}
    for version in PYTHONS:
        runtime = _python(version)
        if runtime is not None:
            found[f"python{version}"] = runtime
    node = shutil.which("node")
    if node is not None:
        real = os.path.realpath(node)
        said = subprocess.run([real, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
        major = re.match(r"v(\d+)\.", said)
        if major and major.group(1) in NODES:
            folders = () if real.startswith("/usr/") else (str(Path(real).parents[1]),)
            found[f"nodejs{major.group(1)}.x"] = Runtime(f"nodejs{major.group(1)}.x", real, folders)
    return found


def _python(version: str) -> Runtime | None:
    candidates = [str(path) for path in Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}")]
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        candidates.insert(0, sys.executable)
    if (on_path := shutil.which(f"python{version}")) is not None:
        candidates.append(on_path)
    for candidate in candidates:
        try:
            answer = subprocess.run(
                [candidate, "-I", "-c", _ASK], capture_output=True, text=True, timeout=20, check=True
            ).stdout.split()
        except (OSError, subprocess.SubprocessError):
            continue
        program = Path(answer[1]) / "bin" / f"python{version}"
        if answer[0] == version and program.exists():
            folders = () if answer[1] == "/usr" else (answer[1],)
            return Runtime(f"python{version}", os.path.realpath(program), folders)
    return None


@functools.cache
def sdk() -> tuple[tuple[str, str], ...]:
    """The AWS SDK for Python, as Lambda has it in /var/runtime: (where it is, its name), if this cloud has one."""
    found = []
    for name in _SDK:
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            return ()
        found.append((str(next(iter(spec.submodule_search_locations))), name))
    six = importlib.util.find_spec("six")
    if six is not None and six.origin:
        found.append((six.origin, "six.py"))
    return tuple(found)
