"""The rows of what an account has as a whole."""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.services.ec2.kinds import Kind
from haneul.state.table import Table


class Hours(msgspec.Struct, kw_only=True):
    """That something is there that costs by the hour, and when it was last counted. begun: how often something came."""

    id: str = "hours"
    metered: float
    begun: int = 0


HOURS = Table("ec2.hours", Hours, key=("id",))


class EventWindow(msgspec.Struct, kw_only=True):
    """When scheduled events may happen: ranges (AWS's shape) or a cron expression; to instances, tags or hosts."""

    id: str
    name: str = ""
    ranges: list[dict[str, Any]] = []
    cron: str = ""
    instances: list[str] = []
    instance_tags: list[tuple[str, str]] = []
    hosts: list[str] = []
    tags: dict[str, str] = {}


EVENT_WINDOW = Kind(
    "instance-event-window",
    "iew",
    Table("ec2.event-window", EventWindow, key=("id",)),
    "InvalidInstanceEventWindowId.NotFound",
    "instance event window ID",
)
