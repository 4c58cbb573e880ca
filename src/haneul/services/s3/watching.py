"""What is learned of a request once it is answered: its access log record and its request metrics.

Only of requests on buckets whose settings ask for either; of others nothing is noted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.s3 import access_logs, log_records, request_metrics
from haneul.services.s3.state import Bucket
from haneul.wire.message import Response


def watch(call: Call, bucket: Bucket, request: Mapping[str, Any], *, website: bool = False) -> None:
    """Have the call noted once it is answered. The first time counts: a website's visit looks at several keys."""
    http = call.http
    if http is None or call.on_answer is not None:
        return
    operation, principal, came = call.operation, call.principal, call.now()
    key, version = request.get("Key"), request.get("VersionId")
    point = (call.keys or {}).get("s3:DataAccessPointArn")

    def answered(response: Response, error: str, took: float) -> None:
        if "metrics" in bucket.settings:
            request_metrics.of(call.cloud).add(bucket, operation, http, response, took=took, key=key, point=point)
        if "logging" not in bucket.settings:
            return
        record = log_records.line(
            bucket,
            http,
            response,
            operation=operation,
            principal=principal,
            request_id=call.request_id,
            when=came,
            took=took,
            error=error,
            key=key,
            version=version,
            website=website,
            point=point,
        )
        access_logs.of(call.cloud).add(bucket, came, record)

    call.on_answer = answered
