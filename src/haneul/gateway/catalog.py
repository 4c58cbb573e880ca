"""What names mean which AWS service: a small table made from AWS's models, so that a request can be routed
(and an unknown service told its 501) without loading 400 of them.

Made anew by `python -m haneul.gateway.catalog`; a house test compares it with the pinned models.
"""

from __future__ import annotations

import gzip
import importlib.util
from functools import cache
from pathlib import Path

import msgspec
import orjson

_FILE = Path(__file__).with_name("services.json")


class Entry(msgspec.Struct, frozen=True):
    """One AWS service as requests name it. `target` is the prefix of X-Amz-Target; `version` the API version."""

    model: str
    endpoint: str
    signing: str
    target: str
    version: str
    protocol: str


@cache
def entries() -> tuple[Entry, ...]:
    return msgspec.json.decode(_FILE.read_bytes(), type=tuple[Entry, ...])


def _generate() -> list[Entry]:
    spec = importlib.util.find_spec("botocore")
    assert spec is not None and spec.submodule_search_locations
    data = Path(next(iter(spec.submodule_search_locations))) / "data"
    found = []
    for folder in sorted(data.iterdir()):
        versions = sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
        files = [f for v in versions[-1:] for f in v.glob("service-2.json*")]
        if not files:
            continue
        raw = files[0].read_bytes()
        metadata = orjson.loads(gzip.decompress(raw) if files[0].suffix == ".gz" else raw)["metadata"]
        found.append(
            Entry(
                folder.name,
                metadata["endpointPrefix"],
                metadata.get("signingName", metadata["endpointPrefix"]),
                metadata.get("targetPrefix", ""),
                metadata["apiVersion"],
                metadata["protocol"],
            )
        )
    return found


if __name__ == "__main__":
    _FILE.write_bytes(orjson.dumps([msgspec.to_builtins(e) for e in _generate()]).replace(b"},{", b"},\n{") + b"\n")
