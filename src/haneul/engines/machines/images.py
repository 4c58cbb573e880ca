"""Images that this machine makes for itself, by name, in <data>/engines/machines/images; each is built once."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from haneul.engines.errors import EngineError
from haneul.engines.machines import debian, minimal


@dataclass(frozen=True)
class Known:
    """An image that can be built here."""

    name: str
    boot: Literal["direct", "disk"]
    size: int
    """Bytes that its disk shows; its file holds much less."""
    users: tuple[str, ...]
    """Whom the instance's key lets in."""
    text: str


_KNOWN = (
    Known("minimal", "direct", minimal.SIZE, ("root", "admin", "ec2-user"),
          "Debian's tools, dropbear and a small init: ssh within seconds; runs user data that begins with #!"),
    Known("debian", "disk", debian.SIZE, ("admin",),
          "Debian 13 with its cloud kernel, systemd and cloud-init: a minute to ssh where processors are emulated"),
)  # fmt: skip
_BUILDERS = {"minimal": minimal.build, "debian": debian.build}


def known() -> dict[str, Known]:
    """Images by name."""
    return {one.name: one for one in _KNOWN}


def path_of(data: Path, name: str) -> Path:
    """Where the image is once it is built: a raw disk, to be copied or read, never to be booted from in place."""
    return data / "engines" / "machines" / "images" / f"{name}.raw"


def ensure_image(
    data: Path, name: str, progress: Callable[[str], None] = lambda _: None, *, anew: bool = False
) -> Path:
    """The image's file, built when it isn't there (or `anew`); `progress` hears of it line by line.

    Needs Debian's packages, so apt-get and dpkg. Raises EngineError that says what failed.
    """
    if name not in _BUILDERS:
        raise EngineError(f"there is no image {name!r}; there are {', '.join(sorted(_BUILDERS))}")
    place = path_of(data, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists() and not anew:
        return place
    with (place.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists() or anew:
            with tempfile.TemporaryDirectory(dir=place.parent) as work:
                _BUILDERS[name](place, Path(work), progress)
            progress(f"{name}: {place.stat().st_blocks >> 11} MB at {place}")
    return place
