"""Glacier's rows: vaults, archives, multipart uploads and their parts, jobs, and what an account has set."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from haneul.state.store import Reader
from haneul.state.table import Table

VAULT_LIMIT = 1000


class Lock(msgspec.Struct):
    """A vault lock: InProgress for 24 hours, then gone unless completed with its `id`; Locked for good."""

    id: str
    policy: str
    state: str
    created: float
    expires: float | None = None


class Vault(msgspec.Struct):
    """A vault. `archives` and `size` are what the last inventory counted, as AWS tells them."""

    name: str
    created: float
    inventoried: float | None = None
    archives: int = 0
    size: int = 0
    tags: dict[str, str] = {}
    access_policy: str | None = None
    lock: Lock | None = None
    topic: str | None = None
    events: list[str] = []


class Archive(msgspec.Struct):
    """An archive's bytes are `pieces`: blob ids with their sizes, one unless it came in parts."""

    vault: str
    id: str
    description: str
    created: float
    size: int
    tree_hash: str
    pieces: list[tuple[str, int]]


class Upload(msgspec.Struct):
    """A multipart upload under way; it ends by itself a day after its last part."""

    vault: str
    id: str
    description: str
    part_size: int
    created: float


class Part(msgspec.Struct):
    """Bytes [start, start + size) of an upload."""

    vault: str
    upload: str
    start: int
    size: int
    tree_hash: str
    blob: str


class Job(msgspec.Struct):
    """An archive or inventory retrieval. It ripens at `ripe`; its output can be read for a day from then."""

    vault: str
    id: str
    action: str
    created: float
    ripe: float
    tier: str | None = None
    description: str | None = None
    archive: str | None = None
    archive_size: int | None = None
    tree_hash: str | None = None
    archive_tree_hash: str | None = None
    start: int = 0
    size: int = 0
    format: str | None = None
    first: str | None = None
    last: str | None = None
    limit: str | None = None
    marker: str | None = None
    topic: str | None = None
    status: str = "InProgress"
    message: str | None = None
    completed: float | None = None
    pieces: list[tuple[str, int]] = []
    inventory: bytes | None = None


class Account(msgspec.Struct):
    """An account's data retrieval policy (strategy, bytes an hour) and the retrieval it has used this hour."""

    name: str = "settings"
    strategy: str = "None"
    bytes_per_hour: int | None = None
    hour: int = 0
    retrieved: int = 0


class Capacity(msgspec.Struct):
    """A unit of provisioned capacity for expedited retrievals, for a month."""

    id: str
    start: float
    expires: float


VAULTS = Table("glacier.vault", Vault, key=("name",))
ARCHIVES = Table("glacier.archive", Archive, key=("vault", "id"))
UPLOADS = Table("glacier.upload", Upload, key=("vault", "id"))
PARTS = Table("glacier.part", Part, key=("vault", "upload", "start"))
JOBS = Table("glacier.job", Job, key=("vault", "id"))
ACCOUNTS = Table("glacier.account", Account, key=("name",))
CAPACITY = Table("glacier.capacity", Capacity, key=("id",))


def blobs_in_use(tx: Reader) -> Iterator[str]:
    """Every blob that a row names."""
    for _, archive in ARCHIVES.everywhere(tx):
        yield from (blob for blob, _ in archive.pieces)
    for _, part in PARTS.everywhere(tx):
        yield part.blob
    for _, job in JOBS.everywhere(tx):
        yield from (blob for blob, _ in job.pieces)
