"""The Data API's errors."""

from __future__ import annotations

from haneul.wire.errors import Errors

errors = Errors("rds-data", ValidationException=400)
