"""Log groups: create, describe, configure, delete."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.converge.timers import settle
from haneul.service import Call, Scope, operation
from haneul.services.logs import names
from haneul.services.logs.errors import errors, invalid
from haneul.services.logs.plane import journal
from haneul.services.logs.state import (
    GROUPS,
    METRIC_FILTERS,
    STREAM_NAMES,
    STREAMS,
    SUBSCRIPTIONS,
    Group,
)

SWEEP_EVERY = 3600.0
_DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)
_CLASSES = frozenset({"STANDARD", "INFREQUENT_ACCESS", "DELIVERY"})


@operation(resource=names.by_group)
def create_log_group(call: Call, request: Mapping[str, Any]) -> None:
    """CreateLogGroup."""
    name = request["logGroupName"]
    with call.write() as tx:
        if GROUPS.get(tx, call.scope, name) is not None:
            raise errors.ResourceAlreadyExistsException("The specified log group already exists")
        group = Group(
            name=name,
            number=names.number(tx),
            created=names.millis(call),
            key=request.get("kmsKeyId"),
            kind=request.get("logGroupClass") or "STANDARD",
            protected=bool(request.get("deletionProtectionEnabled")),
            tags=dict(request.get("tags") or {}),
        )
        GROUPS.put(tx, call.scope, group)


def describe(scope: Scope, group: Group, filters: int) -> dict[str, Any]:
    arn = names.group_arn(scope, group.name)
    return {
        "logGroupName": group.name,
        "creationTime": group.created,
        "retentionInDays": group.retention,
        "metricFilterCount": filters,
        "arn": f"{arn}:*",
        "storedBytes": group.stored,
        "kmsKeyId": group.key,
        "logGroupClass": group.kind,
        "logGroupArn": arn,
        "deletionProtectionEnabled": group.protected,
    }


@operation(resource=lambda call, request: f"{names.group_arn(call.scope, '*')}")
def describe_log_groups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeLogGroups, by prefix or by a part of the name."""
    prefix, part = request.get("logGroupNamePrefix") or "", request.get("logGroupNamePattern")
    if prefix and part:
        raise invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    kind = request.get("logGroupClass")
    chosen = {names.name_of(arn) for arn in request.get("logGroupIdentifiers") or ()}
    with call.read() as tx:
        rows = [
            group
            for group in GROUPS.scan(tx, call.scope, from_key=(prefix,) if prefix else None)
            if group.name.startswith(prefix)
            and (not part or part.lower() in group.name.lower())
            and kind in (None, group.kind)
            and (not chosen or group.name in chosen)
        ]
        page, more = names.page(rows, request, lambda group: group.name, request.get("limit") or 50)
        described = [
            describe(call.scope, group, sum(1 for _ in METRIC_FILTERS.scan(tx, call.scope, group.name)))
            for group in page
        ]
    return {"logGroups": described, **more}


@operation(resource=lambda call, request: f"{names.group_arn(call.scope, '*')}")
def list_log_groups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListLogGroups, by a regular expression on names."""
    pattern, kind = request.get("logGroupNamePattern"), request.get("logGroupClass")
    try:
        matcher = re.compile(pattern) if pattern else None
    except re.error:
        raise invalid("The log group name pattern is invalid.") from None
    with call.read() as tx:
        rows = [
            group
            for group in GROUPS.scan(tx, call.scope)
            if (matcher is None or matcher.search(group.name)) and kind in (None, group.kind)
        ]
    page, more = names.page(rows, request, lambda group: group.name, request.get("limit") or 50)
    listed = [
        {
            "logGroupName": group.name,
            "logGroupArn": names.group_arn(call.scope, group.name),
            "logGroupClass": group.kind,
        }
        for group in page
    ]
    return {"logGroups": listed, **more}


@operation(resource=names.by_group)
def delete_log_group(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteLogGroup, with its streams, events and filters."""
    with call.write() as tx:
        group = names.find(tx, call.scope, request["logGroupName"])
        if group.protected:
            raise errors.ValidationException(
                "The log group can't be deleted because deletion protection is enabled for it."
            )
        streams = [stream.number for stream in STREAMS.scan(tx, call.scope, group.name)]
        journal.delete_group(tx, group.number, streams)
        for number in streams:
            STREAM_NAMES.delete(tx, call.scope, number)
        for table in (STREAMS, METRIC_FILTERS, SUBSCRIPTIONS):
            table.delete_all(tx, call.scope, group.name)
        GROUPS.delete(tx, call.scope, group.name)
        settle(tx, "logs.group", call.scope, (group.name,))


def _change(call: Call, name: str, **changes: Any) -> None:
    with call.write() as tx:
        group = names.find(tx, call.scope, name)
        for member, value in changes.items():
            setattr(group, member, value)
        GROUPS.put(tx, call.scope, group)
        if group.retention:
            converge.wake(tx, "logs.group", call.scope, (group.name,), call.now() + 1.0)
        else:
            settle(tx, "logs.group", call.scope, (group.name,))


@operation(resource=names.by_group)
def put_retention_policy(call: Call, request: Mapping[str, Any]) -> None:
    """PutRetentionPolicy: older events go."""
    days = request["retentionInDays"]
    if days not in _DAYS:
        raise invalid(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
            f"Member must satisfy enum value set: {sorted(_DAYS)}"
        )
    _change(call, request["logGroupName"], retention=days)


@operation(resource=names.by_group)
def delete_retention_policy(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteRetentionPolicy: events stay for ever."""
    _change(call, request["logGroupName"], retention=None)


def _keyed(request: Mapping[str, Any]) -> str:
    return request.get("logGroupName") or names.name_of(request.get("resourceIdentifier") or "")


@operation(resource=names.by_group)
def associate_kms_key(call: Call, request: Mapping[str, Any]) -> None:
    """AssociateKmsKey: kept and told."""
    _change(call, _keyed(request), key=request["kmsKeyId"])


@operation(resource=names.by_group)
def disassociate_kms_key(call: Call, request: Mapping[str, Any]) -> None:
    """DisassociateKmsKey."""
    _change(call, _keyed(request), key=None)


@operation(resource=names.by_group)
def put_log_group_deletion_protection(call: Call, request: Mapping[str, Any]) -> None:
    """PutLogGroupDeletionProtection."""
    _change(call, names.name_of(request["logGroupIdentifier"]), protected=request["deletionProtectionEnabled"])
