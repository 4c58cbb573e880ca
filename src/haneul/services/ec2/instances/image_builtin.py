"""The images that come with the cloud, as Amazon's: listed where this machine has them or can build them, built by
their first use, and from then on snapshots like any other."""

from __future__ import annotations

import shutil
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from haneul.engines.machines import images as engine
from haneul.service import Scope
from haneul.services.ec2.instances.state import Image
from haneul.services.ec2.volumes.state import SNAPSHOT, Snapshot
from haneul.state.store import Reader, Writer

if TYPE_CHECKING:
    from haneul.services.ec2.plane import Plane

OWNER = "amazon"
OWNER_ID = "137112412989"
_GIB = 1 << 30
_DATE = 1764028800.0
_building = threading.Lock()


@dataclass(frozen=True)
class BuiltIn:
    """One of them. known: the engine's name of it. needs: programs without which it can't be built here. engine: the
    one without which it doesn't boot, "" for any."""

    known: str
    image: str
    snapshot: str
    name: str
    needs: tuple[str, ...]
    engine: str = ""


_ALL = (
    BuiltIn("minimal", "ami-00a11ce0000000001", "snap-00a11ce0000000001", "haneul-minimal-x86_64",
            ("apt-get", "dpkg", "mkfs.ext4")),
    BuiltIn("debian", "ami-00a11ce0000000002", "snap-00a11ce0000000002", "haneul-debian-13-x86_64",
            ("mmdebstrap", "mkfs.ext4"), "qemu"),
)  # fmt: skip


def listed(plane: Plane) -> Iterator[Image]:
    """Those that can be started here."""
    for one, known in _startable(plane):
        yield _image(plane, one, known)


def find(plane: Plane, image: str) -> Image | None:
    return next((one for one in listed(plane) if one.id == image), None)


def ensure_rows(tx: Writer, plane: Plane, region: str) -> None:
    """Their snapshots can be found in the region."""
    for one in _missing(tx, plane, region):
        SNAPSHOT.table.put(tx, Scope(OWNER, region), one)


def lacks_rows(tx: Reader, plane: Plane, region: str) -> bool:
    return bool(_missing(tx, plane, region))


def ensure_bytes(plane: Plane, snapshot: str) -> None:
    """What a new volume or copy is made of is there, if it is a snapshot of a built-in image: the image is built, which
    takes a minute the first time. Blocking: for steps. Raises EngineError."""
    found = next((one for one in _ALL if snapshot == one.snapshot or snapshot.startswith(_later(one))), None)
    if found is None or plane.volumes.has_snapshot(snapshot):
        return
    with _building:
        if not plane.volumes.has_snapshot(snapshot):
            path = engine.ensure_image(plane.cloud.config.data, found.known)
            version = path.stat().st_mtime_ns
            plane.volumes.ensure_imported(snapshot, path)
            _mark(path).write_text(f"{version} {snapshot}")


def _snapshot(plane: Plane, one: BuiltIn) -> str:
    """The snapshot of the image as it is now: the fixed one; another for each time that it was built anew since."""
    path = engine.path_of(plane.cloud.config.data, one.known)
    try:
        imported, snapshot = _mark(path).read_text().split()
        version = path.stat().st_mtime_ns
    except (FileNotFoundError, ValueError):
        return one.snapshot
    return snapshot if int(imported) == version else f"{_later(one)}{zlib.crc32(str(version).encode()):08x}"


def _later(one: BuiltIn) -> str:
    """How the ids of its later snapshots begin."""
    return f"snap-00a11ce{one.snapshot[-1]}0"


def _mark(path: Path) -> Path:
    """Beside an image: when it had been built that was imported last, and as which snapshot."""
    return path.with_suffix(".imported")


def _missing(tx: Reader, plane: Plane, region: str) -> list[Snapshot]:
    if plane.pretends("machines"):
        return []
    return [
        Snapshot(
            id=_snapshot(plane, one),
            volume="vol-ffffffff",
            size=_size(known),
            state="completed",
            created=_DATE,
            completed=_DATE,
            description=one.name,
            progress="100%",
            shared=["all"],
        )
        for one, known in _startable(plane)
        if SNAPSHOT.find(tx, Scope(OWNER, region), _snapshot(plane, one)) is None
    ]


def _startable(plane: Plane) -> Iterator[tuple[BuiltIn, engine.Known]]:
    known = engine.known()
    for one in _ALL:
        if one.known in known and (plane.pretends("machines") or _can_start(plane, one)):
            yield one, known[one.known]


def _image(plane: Plane, one: BuiltIn, known: engine.Known) -> Image:
    ebs = {"VolumeSize": _size(known), "VolumeType": "gp2", "DeleteOnTermination": True, "Encrypted": False}
    if not plane.pretends("machines"):
        ebs["SnapshotId"] = _snapshot(plane, one)
    here = "" if _built(plane, one) or plane.pretends("machines") else " Built by its first launch."
    return Image(
        id=one.image,
        name=one.name,
        state="available",
        created=_DATE,
        root_device="/dev/xvda",
        description=f"{known.text}. ssh as {', '.join(known.users)}.{here}",
        boot=known.boot,
        mappings=[{"DeviceName": "/dev/xvda", "Ebs": ebs}],
        options={"PublicSsmParameterName": f"/aws/service/haneul/{one.name.removeprefix('haneul-')}"},
        shared=["all"],
    )


def _can_start(plane: Plane, one: BuiltIn) -> bool:
    """Whether it is there or can be built, and its engine is installed. Whether that runs, a launch tells."""
    installed = plane.cloud.config.data / "engines" / "machines" / "installed" / one.engine / "version"
    return (not one.engine or installed.is_file()) and (_built(plane, one) or _buildable(one))


def _built(plane: Plane, one: BuiltIn) -> bool:
    return engine.path_of(plane.cloud.config.data, one.known).exists()


def _buildable(one: BuiltIn) -> bool:
    return all(shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin") for name in one.needs)


def _size(known: engine.Known) -> int:
    return -(-known.size // _GIB)
