"""Log files of instances, as their servers write them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from haneul.engines.postgres.port import LogFile
from haneul.service import Call, operation
from haneul.services.rds import listing
from haneul.services.rds.errors import errors, invalid
from haneul.services.rds.instances import find
from haneul.services.rds.plane import plane
from haneul.services.rds.state import Instance

_ARN = "arn:aws:rds:{region}:{account}:db:{DBInstanceIdentifier}"
PORTION = 1 << 20
LINES = 10_000


@operation(resource=_ARN)
async def describe_db_log_files(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBLogFiles: by part of the name, age and size."""
    with call.read() as tx:
        row = find(call, tx, request["DBInstanceIdentifier"])
    listing.filters(request, ())
    files = await asyncio.to_thread(plane(call.cloud).engine(row.engine).logs, row.server)
    found = [
        file
        for file in files
        if request.get("FilenameContains", "") in f"error/{file.name}"
        and file.written * 1000 >= request.get("FileLastWritten", 0)
        and file.size >= request.get("FileSize", 0)
    ]
    return listing.page(request, "DescribeDBLogFiles", found, lambda file: file.name, _render)


def _render(file: LogFile) -> dict[str, Any]:
    return {"LogFileName": f"error/{file.name}", "LastWritten": int(file.written * 1000), "Size": file.size}


@operation(resource=_ARN)
async def download_db_log_file_portion(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DownloadDBLogFilePortion: at most 1 MB; without a Marker the end of the file, with Marker 0 its beginning."""
    with call.read() as tx:
        row = find(call, tx, request["DBInstanceIdentifier"])
    marker, lines = request.get("Marker"), request.get("NumberOfLines")
    if lines is not None and not 1 <= lines <= LINES:
        raise invalid(f"Invalid value {lines} for NumberOfLines. Must be between 1 and {LINES}")
    return await asyncio.to_thread(_portion, call, row, request["LogFileName"], marker, lines)


def _portion(call: Call, row: Instance, name: str, marker: str | None, lines: int | None) -> dict[str, Any]:
    engine = plane(call.cloud).engine(row.engine)
    file = name.removeprefix("error/")
    size = next((one.size for one in engine.logs(row.server) if one.name == file), None)
    if size is None:
        raise errors.DBLogFileNotFoundFault(f"DBLog File: {name}, is not found on the DB instance")
    if marker is None:
        return _tail(engine.read_log(row.server, file, max(0, size - PORTION), PORTION), size, lines or LINES)
    position = _position(marker)
    data: bytes = engine.read_log(row.server, file, position, PORTION)
    if lines is not None:
        cut = [match.end() for match in re.finditer(rb"\n", data)]
        data = data[: cut[lines - 1]] if len(cut) >= lines else data
    elif len(data) == PORTION and b"\n" in data:
        data = data[: data.rindex(b"\n") + 1]
    end = position + len(data)
    return {"LogFileData": data.decode(errors="replace"), "Marker": f"0:{end}", "AdditionalDataPending": end < size}


def _tail(data: bytes, size: int, lines: int) -> dict[str, Any]:
    kept = data.splitlines(keepends=True)[-lines:]
    return {
        "LogFileData": b"".join(kept).decode(errors="replace"),
        "Marker": f"0:{size}",
        "AdditionalDataPending": False,
    }


def _position(marker: str) -> int:
    """An offset: "0" or "hour:offset" as AWS writes it."""
    tail = marker.rpartition(":")[2]
    if not tail.isdigit():
        raise invalid(f"Invalid marker: {marker}")
    return int(tail)
