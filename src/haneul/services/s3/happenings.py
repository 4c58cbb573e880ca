"""What S3 tells the rest of the house: an event for every object made or removed, in the transaction of the change.

Only of buckets that somebody asked about, by a setting: an event nobody wants would double the cost of a small PUT.
"""

from __future__ import annotations

from typing import Any

from haneul import events
from haneul.service import Call, Scope
from haneul.services.s3.state import Bucket, Entry
from haneul.services.s3.versions import version_id
from haneul.state.store import Writer

TOPIC = "s3.object"
_STORED = {
    "": "TimedStorage-Bytes",
    "STANDARD_IA": "TimedStorage-SIA-Bytes",
    "ONEZONE_IA": "TimedStorage-ZIA-Bytes",
    "REDUCED_REDUNDANCY": "TimedStorage-RRS-Bytes",
    "INTELLIGENT_TIERING": "TimedStorage-INT-FA-Bytes",
    "GLACIER_IR": "TimedStorage-GIR-Bytes",
    "GLACIER": "TimedStorage-GlacierBytes",
    "DEEP_ARCHIVE": "TimedStorage-GDA-Bytes",
}
"""Storage class -> usage type of a change in the bytes stored; a bill makes its ByteHrs by adding up over time."""
WANTED_BY = frozenset({"notification"})
"""Settings of a bucket that make its objects' comings and goings worth telling."""


def stored(call: Call, entry: Entry, sign: int) -> None:
    """Count an object that came (+1) or went (-1) in its storage class."""
    if entry.size:
        call.meter(_STORED[entry.storage], sign * entry.size)


def publish(call: Call, tx: Writer, bucket: Bucket, key: str, event: str, entry: Entry, **more: Any) -> None:
    """Tell of `event` ("ObjectCreated:Put" and the like) in the bucket owner's scope."""
    if WANTED_BY.isdisjoint(bucket.settings):
        return
    http = call.http
    events.publish(
        tx,
        TOPIC,
        Scope(bucket.owner, bucket.region),
        {
            "event": event,
            "bucket": bucket.name,
            "bucket_owner": bucket.owner,
            "key": key,
            "version": version_id(entry) if bucket.versioning else None,
            "size": entry.size,
            "etag": entry.etag,
            "sequencer": format(entry.seq, "018X"),
            "time": call.now(),
            "principal": call.principal.arn,
            "user": call.principal.user_id,
            "account": call.account,
            "source_ip": "127.0.0.1" if http is None else http.client,
            "request_id": call.request_id,
            **more,
        },
    )
