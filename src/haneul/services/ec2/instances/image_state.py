"""The rows of tasks that bring images and snapshots in and out."""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.services.ec2.kinds import Kind
from haneul.state.table import Table


class ImageTask(msgspec.Struct, kw_only=True):
    """An import or export. state: active, completed, deleting, deleted (what failed, too). request: what was asked for,
    by AWS's names. disks: a container's description, with its snapshot's id. work: what the next step needs to know."""

    id: str
    created: float
    state: str = "active"
    message: str = ""
    progress: int = 0
    request: dict[str, Any] = {}
    disks: list[dict[str, Any]] = []
    image: str = ""
    ended: float = 0.0
    work: dict[str, Any] = {}
    tags: dict[str, str] = {}


class StoreTask(msgspec.Struct, kw_only=True):
    """An image on its way into a bucket. state: InProgress, Completed, Failed."""

    id: str
    image: str
    bucket: str
    created: float
    state: str = "InProgress"
    message: str = ""
    progress: int = 0
    tagging: str = ""


_ABSENT = "InvalidConversionTaskId"
IMPORT_IMAGE = Kind(
    "import-image-task", "import-ami", Table("ec2.import-image", ImageTask, key=("id",)), _ABSENT, "import task ID"
)
IMPORT_SNAPSHOT = Kind(
    "import-snapshot-task", "import-snap", Table("ec2.import-snapshot", ImageTask, key=("id",)), _ABSENT,
    "import task ID", f"{_ABSENT}.Malformed",
)  # fmt: skip
EXPORT_IMAGE = Kind(
    "export-image-task",
    "export-ami",
    Table("ec2.export-image", ImageTask, key=("id",)),
    "InvalidExportTaskID.NotFound",
    "export task ID",
)
IMPORT_IMAGES = IMPORT_IMAGE.table
IMPORT_SNAPSHOTS = IMPORT_SNAPSHOT.table
EXPORT_IMAGES = EXPORT_IMAGE.table
STORE_TASKS = Table("ec2.store-image", StoreTask, key=("id",))
