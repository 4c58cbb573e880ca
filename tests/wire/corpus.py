"""botocore's own protocol corpus, fetched from its source distribution when the tests run, never kept here."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import botocore
import pytest

from haneul.wire import timestamps
from haneul.wire.model import Model

CACHE = Path(__file__).parents[2] / "build" / "corpus"


class Case(NamedTuple):
    """One case of a suite: what identifies it, a model of its own, and the case as the corpus has it."""

    identity: str
    model: Model
    raw: dict[str, Any]

    @property
    def operation(self) -> str:
        return str(self.raw["given"].get("name", "OperationName"))


def folder() -> Path:
    """The corpus of the installed botocore; downloads it once. Skips the test when the index cannot be reached."""
    target = CACHE / botocore.__version__
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / "done").exists():
            _download(target)
    return target


def _download(target: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "botocore"]
    command += [f"botocore=={botocore.__version__}", "--dest", str(CACHE)]
    if not list(CACHE.glob(f"botocore-{botocore.__version__}.tar.gz")):
        result = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
        if result.returncode != 0:
            pytest.skip(
                f"botocore's source distribution cannot be had: {result.stderr[-300:]}", allow_module_level=True
            )
    prefix = f"botocore-{botocore.__version__}/tests/unit/protocols/"
    target.mkdir(exist_ok=True)
    with tarfile.open(CACHE / f"botocore-{botocore.__version__}.tar.gz") as archive:
        for member in archive:
            if member.isfile() and member.name.startswith(prefix) and ".." not in member.name:
                file = target / member.name.removeprefix(prefix)
                file.parent.mkdir(parents=True, exist_ok=True)
                source = archive.extractfile(member)
                assert source is not None
                file.write_bytes(source.read())
    (target / "done").touch()


def cases(direction: str) -> list[Case]:
    """All cases of "input" or "output", the older corpus included."""
    root = folder()
    found = []
    for file in sorted([*root.glob(f"{direction}/*.json"), *root.glob(f"legacy/{direction}/*.json")]):
        name = f"{'legacy-' if 'legacy' in file.parts else ''}{file.stem}"
        for number, suite in enumerate(json.loads(file.read_text())):
            for at, raw in enumerate(suite["cases"]):
                identity = f"{name}:{number}:{raw.get('id', at)}"
                found.append(Case(identity, _model(suite, raw), raw))
    return found


def _model(suite: dict[str, Any], raw: dict[str, Any]) -> Model:
    given = dict(raw["given"])
    name = given.setdefault("name", "OperationName")
    metadata = {"apiVersion": "2020-01-01", "endpointPrefix": "corpus", **suite["metadata"]}
    if metadata["protocol"] == "query" and "output" in given and suite["shapes"][given["output"]["shape"]]["members"]:
        given["output"] = {"resultWrapper": f"{name}Result", **given["output"]}
    return Model("corpus", {"metadata": metadata, "operations": {name: given}, "shapes": suite["shapes"]})


def plain(model: Model, ref: Any, value: Any) -> Any:
    """A value in one form whatever wrote it: moments as floats, blobs as bytes, absent members absent."""
    shape = model.resolve(ref)
    kind = shape["type"]
    if value is None or shape.get("document"):
        return value
    if shape.get("eventstream") and isinstance(value, list):
        return [plain(model, ref, event) for event in value]
    if kind == "structure":
        members = shape["members"]
        return {k: plain(model, members[k], v) for k, v in value.items() if v is not None and k in members}
    if kind == "list":
        return [plain(model, shape["member"], item) for item in value]
    if kind == "map":
        return {str(key): plain(model, shape["value"], item) for key, item in value.items()}
    if kind == "timestamp":
        return round(value.timestamp() if hasattr(value, "timestamp") else timestamps.parse(value), 3)
    if kind == "blob":
        return value.encode() if isinstance(value, str) else bytes(value)
    if kind in {"float", "double"}:
        return "NaN" if float(value) != float(value) else round(float(value), 5)
    return value
