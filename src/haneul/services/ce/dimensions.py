"""The values that a dimension has in a span of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.metering.bill import lines
from haneul.service import Call, operation
from haneul.services.ce.costs import DIMENSIONS, HOUR, interval, matches
from haneul.services.ce.errors import errors


@operation()
def get_dimension_values(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetDimensionValues. Raises ValidationException for a dimension that isn't counted here."""
    read = DIMENSIONS.get(request.get("Dimension", ""))
    if read is None:
        raise errors.ValidationException(f"Invalid dimension {request.get('Dimension')}")
    start, end = interval(request)
    with call.read() as tx:
        bill = lines(tx, [call.account], int(start.timestamp()) // HOUR, int(end.timestamp()) // HOUR, False, True)
    wanted = (request.get("SearchString") or "").lower()
    values = sorted({read(line) for line in bill if matches(request.get("Filter"), line)})
    found = [value for value in values if value and wanted in value.lower()]
    return {
        "DimensionValues": [{"Value": value, "Attributes": {}} for value in found],
        "ReturnSize": len(found),
        "TotalSize": len(found),
    }
