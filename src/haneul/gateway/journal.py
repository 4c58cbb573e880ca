"""What was asked and how it was answered: the log's request lines, the live request log, Prometheus counters.

Lines are collected and written a few times a second: a log must not cost more than the request.
"""

from __future__ import annotations

import os
import sys
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import orjson

_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


class Entry(NamedTuple):
    """One answered request. `when` is epoch seconds, `took` seconds; `code` is AWS's error code or ""."""

    when: float
    service: str
    operation: str
    status: int
    code: str
    account: str
    region: str
    request_id: str
    took: float
    principal: str


class Journal:
    """The last requests, and counters of all of them."""

    def __init__(self, level: str, form: str, size: int = 2000, write: Callable[[bytes], None] | None = None) -> None:
        self.entries: deque[Entry] = deque(maxlen=size)
        self.served = 0
        self._lines = level in ("info", "debug")
        self._json = form == "json"
        self._pending: list[Entry] = []
        self._write = write or _to_stderr
        self._second = (0, "")
        self._counts: dict[tuple[str, str, int], list[float]] = {}

    def note(self, entry: Entry) -> None:
        self.served += 1
        self.entries.append(entry)
        key = (entry.service, entry.operation, entry.status)
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = [0.0] * (len(_BUCKETS) + 2)
        took = entry.took
        count[0] += 1
        count[1] += took
        bucket = bisect_left(_BUCKETS, took)
        if bucket < len(_BUCKETS):
            count[bucket + 2] += 1
        if self._lines:
            self._pending.append(entry)

    def flush(self) -> None:
        """Write the lines collected since the last time."""
        pending, self._pending = self._pending, []
        if pending:
            self._write("".join([self._line(entry) for entry in pending]).encode())

    def _line(self, entry: Entry) -> str:
        if self._json:
            return orjson.dumps(entry._asdict()).decode() + "\n"
        second = int(entry.when)
        if second != self._second[0]:
            self._second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
        code = f" ({entry.code})" if entry.code else ""
        return (
            f"{self._second[1]}.{int(entry.when * 1000) % 1000:03d} INFO AWS "
            f"{entry.service or '?'}.{entry.operation or '?'} => {entry.status}{code}\n"
        )

    def prometheus(self) -> bytes:
        """The counters in Prometheus' text format (version 0.0.4)."""
        lines = ["# TYPE haneul_requests_total counter", "# TYPE haneul_request_seconds histogram"]
        for (service, operation, status), count in sorted(self._counts.items()):
            labels = f'service="{service}",operation="{operation}"'
            lines.append(f'haneul_requests_total{{{labels},status="{status}"}} {count[0]:.0f}')
            total = 0.0
            for bound, value in zip(_BUCKETS, count[2:], strict=False):
                total += value
                lines.append(f'haneul_request_seconds_bucket{{{labels},status="{status}",le="{bound}"}} {total:.0f}')
            lines.append(f'haneul_request_seconds_bucket{{{labels},status="{status}",le="+Inf"}} {count[0]:.0f}')
            lines.append(f'haneul_request_seconds_sum{{{labels},status="{status}"}} {count[1]:.6f}')
            lines.append(f'haneul_request_seconds_count{{{labels},status="{status}"}} {count[0]:.0f}')
        return ("\n".join(lines) + "\n").encode()


def _to_stderr(text: bytes) -> None:
    try:
        os.write(sys.stderr.fileno(), text)
    except OSError:
        pass  # whoever read our log has gone; the cloud goes on
