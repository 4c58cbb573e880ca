"""Server access logs: a request's record waits in memory for the others of a few seconds, and they are written as one
object. Like AWS's, delivery is by best effort: a killed cloud loses what waits.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from haneul.auth.context import Given
from haneul.auth.decision import Voice
from haneul.auth.policy import compiled
from haneul.auth.principals import Principal
from haneul.kit import tokens
from haneul.service import Scope
from haneul.services.s3 import acls, blocks, ownership
from haneul.services.s3.errors import malformed_xml
from haneul.services.s3.later import Later
from haneul.services.s3.state import Bucket, find_bucket
from haneul.state.store import Conflict
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.cloud import Cloud

log = logging.getLogger("haneul.s3")
EVERY = 5.0
"""Seconds that records wait for others."""
FILE_BYTES = 200_000
WAITING_BYTES = 8 << 20
"""Records that may wait; what comes above that is dropped."""
GRANTS = {"FULL_CONTROL": "GrantFullControl", "READ": "GrantRead", "WRITE": "GrantWrite"}
"""What a target grant may permit, and how PutObject says it."""
_PLANE = "s3.access_logs"
_DELIVERER = "logging.s3.amazonaws.com"


class Log(NamedTuple):
    """Whose records go into one file: a bucket's, of one day where the file's name tells the event's."""

    bucket: str
    day: str


def of(cloud: Cloud) -> AccessLogs:
    """The cloud's access logs under way."""
    found = cloud.planes.get(_PLANE)
    if not isinstance(found, AccessLogs):
        found = cloud.planes[_PLANE] = AccessLogs(cloud)
    return found


class AccessLogs:
    """The records that wait to be written. On the event loop only."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._waiting: dict[Log, list[str]] = {}
        self._size = 0
        self._later = Later(cloud, EVERY, self.flush)

    def add(self, bucket: Bucket, when: float, record: str) -> None:
        if self._size > WAITING_BYTES:
            return
        self._size += len(record)
        day = datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d")
        self._waiting.setdefault(Log(bucket.name, day), []).append(record)
        self._later.ask()

    def close(self) -> None:
        """Write what waits; the cloud is stopping."""
        self._later.close()

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._size = 0
        for which, records in waiting.items():
            try:
                self._deliver(which, records)
            except Conflict:  # another gateway was writing: next time
                self._waiting.setdefault(which, []).extend(records)
                self._size += sum(map(len, records))
            except AwsError as error:
                log.warning("the access logs of %s could not be delivered: %s", which.bucket, error)
        if self._waiting:
            self._later.ask()

    def _deliver(self, which: Log, records: list[str]) -> None:
        with self._cloud.store.read() as tx:
            bucket = find_bucket(tx, which.bucket)
            wish = None if bucket is None else bucket.settings.get("logging")
            target = None if wish is None else find_bucket(tx, wish["TargetBucket"])
        if bucket is None or wish is None or target is None or not _is_allowed(self._cloud, bucket, target, wish):
            return
        call = self._cloud.call_as("s3", Scope(target.owner, target.region))
        call.acts_as = Principal(account=target.owner, arn=_DELIVERER, kind="service")
        for content in _files(records):
            key = name(bucket, wish, which.day, self._cloud.clock.now())
            request = {"Bucket": target.name, "Key": key, "Body": content, "ContentType": "text/plain"}
            call.invoke("s3", "PutObject", request | grant_members(wish))


def _files(records: list[str]) -> list[bytes]:
    """Records as files, none much larger than FILE_BYTES."""
    files: list[bytes] = []
    lines: list[str] = []
    size = 0
    for record in records:
        lines.append(record)
        size += len(record)
        if size >= FILE_BYTES:
            files.append("".join(lines).encode("utf-8", "replace"))
            lines, size = [], 0
    if lines:
        files.append("".join(lines).encode("utf-8", "replace"))
    return files


def name(bucket: Bucket, wish: Mapping[str, Any], day: str, now: float) -> str:
    """The key of a log file: the prefix and the time, or partitioned by account, region, bucket and day."""
    prefix: str = wish["TargetPrefix"]
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d-%H-%M-%S")
    unique = tokens.random_hex(16).upper()
    partitioned = (wish.get("TargetObjectKeyFormat") or {}).get("PartitionedPrefix")
    if partitioned is None:
        return f"{prefix}{moment}-{unique}"
    if partitioned["PartitionDateSource"] == "EventTime":
        moment = f"{day}-00-00-00"
    folder = moment[:10].replace("-", "/")
    return f"{prefix}{bucket.owner}/{bucket.region}/{bucket.name}/{folder}/{moment}-{unique}"


def _is_allowed(cloud: Cloud, bucket: Bucket, target: Bucket, wish: Mapping[str, Any]) -> bool:
    """Whether the target lets logs in: by its policy or its ACL where policies are enforced, else unless it denies."""
    resource = f"{target.arn}/{wish['TargetPrefix']}"
    keys = Given({"aws:SourceArn": bucket.arn, "aws:SourceAccount": bucket.owner, "aws:PrincipalIsAWSService": "true"})
    policy = target.settings.get("policy")
    granted = not cloud.config.iam_enforced
    if policy:
        principal = Principal(account=bucket.owner, arn=_DELIVERER, kind="service")
        voice = Voice(compiled(policy), principal, "s3:PutObject")
        if voice.denied(resource, keys) is not None:
            return False
        granted = granted or voice.granted(resource, keys) is not None
    if granted or ownership.of(target) == ownership.ENFORCED or blocks.is_on(target, "IgnorePublicAcls"):
        return granted
    return any(
        grantee == acls.LOG_DELIVERY and permission in ("WRITE", "FULL_CONTROL")
        for grantee, permission in target.settings.get("acl") or ()
    )


def grant_members(wish: Mapping[str, Any]) -> dict[str, str]:
    """The grants on log files as the members of the PutObject that writes one."""
    named: dict[str, list[str]] = {}
    for grant in wish.get("TargetGrants") or ():
        grantee = grant["Grantee"]
        for word, member in (("uri", "URI"), ("emailAddress", "EmailAddress"), ("id", "ID")):
            if grantee.get(member):
                named.setdefault(GRANTS[grant["Permission"]], []).append(f'{word}="{grantee[member]}"')
                break
        else:
            raise malformed_xml()
    return {member: ",".join(grantees) for member, grantees in named.items()}
