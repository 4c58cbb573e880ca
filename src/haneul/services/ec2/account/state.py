"""The rows of what an account has as a whole."""

from __future__ import annotations

import msgspec

from haneul.state.table import Table


class Hours(msgspec.Struct, kw_only=True):
    """That something is there that costs by the hour, and when it was last counted. begun: how often something came."""

    id: str = "hours"
    metered: float
    begun: int = 0


HOURS = Table("ec2.hours", Hours, key=("id",))
