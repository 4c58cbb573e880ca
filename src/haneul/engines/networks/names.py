"""Names of devices and namespaces: derived from ids, so that nobody has to remember them; a device's has 15 letters."""

from __future__ import annotations

import hashlib


def short(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def device(kind: str, identity: str) -> str:
    """A device's name: `kind` (a letter) and a digest."""
    return f"{kind}{short(identity, 14)}"
