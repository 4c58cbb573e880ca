"""Material out of its seal, kept for a while: opening it again for every call would cost more than the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haneul.auth.sealed import Sealed
from haneul.service import Call
from haneul.services.kms.state import Key, Material

if TYPE_CHECKING:
    from haneul.cloud import Cloud

KEPT = 1000


class Vault:
    """Seals and opens the material of keys, and counts nothing else."""

    def __init__(self, cloud: Cloud) -> None:
        self.sealed = Sealed(cloud.config.data)
        self._open: dict[bytes, bytes] = {}

    def seal(self, key_id: str, material: bytes) -> bytes:
        return self.sealed.seal(material, b"kms/" + key_id.encode())

    def open(self, key: Key, material: Material) -> bytes:
        found = self._open.get(material.sealed)
        if found is None:
            if len(self._open) >= KEPT:
                self._open.pop(next(iter(self._open)))
            found = self._open[material.sealed] = self.sealed.open(material.sealed, b"kms/" + key.id.encode())
        return found

    def close(self) -> None:
        self._open.clear()


def open_vault(cloud: Cloud) -> Vault:
    return Vault(cloud)


def vault(call: Call) -> Vault:
    found: Vault = call.cloud.planes["kms"]
    return found
