"""Point-in-time recovery: a log of what items were before each change, and tables restored to any second of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.service import Call, Scope, operation
from haneul.services.dynamodb import backups, definitions, memory, trail
from haneul.services.dynamodb.descriptions import describe
from haneul.services.dynamodb.errors import errors, invalid
from haneul.services.dynamodb.names import locate, parse_arn, table_arn, table_resource
from haneul.services.dynamodb.state import TABLES, TableRow
from haneul.state.table import after

LAG = 0.0
"""AWS can restore up to five minutes ago; here the log is part of each change, so up to now."""


@operation(resource=table_resource)
def describe_continuous_backups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeContinuousBackups. Raises TableNotFoundException."""
    scope, name = locate(call, request["TableName"])
    with call.read() as tx:
        row = TABLES.get(tx, scope, name)
    if row is None:
        raise errors.TableNotFoundException(f"Table not found: {name}")
    return {"ContinuousBackupsDescription": _describe(row, call.now())}


def _describe(row: TableRow, now: float) -> dict[str, Any]:
    told: dict[str, Any] = {"PointInTimeRecoveryStatus": "DISABLED"}
    if row.pitr_since is not None:
        told = {
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": row.recovery_days,
            "EarliestRestorableDateTime": earliest(row, now),
            "LatestRestorableDateTime": now - LAG,
        }
    return {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": told}


def earliest(row: TableRow, now: float) -> float:
    assert row.pitr_since is not None
    return max(row.pitr_since, now - row.recovery_days * 86400)


@operation(resource=table_resource)
def update_continuous_backups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateContinuousBackups. Raises ContinuousBackupsUnavailableException, TableNotFoundException."""
    told = request["PointInTimeRecoverySpecification"]
    scope, name = locate(call, request["TableName"])
    now = call.now()
    with memory.of(call.cloud).changing(scope, name), call.write() as tx:
        row = TABLES.get(tx, scope, name)
        if row is None:
            raise errors.TableNotFoundException(f"Table not found: {name}")
        if told.get("RecoveryPeriodInDays") is not None:
            if not told["PointInTimeRecoveryEnabled"]:
                raise invalid("RecoveryPeriodInDays can only be specified when PointInTimeRecoveryEnabled is true")
            row.recovery_days = told["RecoveryPeriodInDays"]
        if told["PointInTimeRecoveryEnabled"]:
            if row.pitr_since is None:
                row.pitr_since = now
                converge.wake(tx, "dynamodb.undo", scope, (name,), now + 3600.0)
        elif row.pitr_since is not None:
            row.pitr_since, row.recovery_days = None, 35
            prefix = trail.UNDO + bytes.fromhex(row.data)
            tx.delete_range(prefix, after(prefix))
        TABLES.put(tx, scope, row)
    return {"ContinuousBackupsDescription": _describe(row, now)}


def _restore_resources(call: Call, request: Mapping[str, Any]) -> list[str]:
    source = request.get("SourceTableArn") or table_arn(call.scope, request.get("SourceTableName", ""))
    return [source, table_arn(call.scope, request["TargetTableName"])]


@operation(resource=_restore_resources)
def restore_table_to_point_in_time(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RestoreTableToPointInTime. Raises InvalidRestoreTimeException, PointInTimeRecoveryUnavailableException,
    TableAlreadyExistsException, TableNotFoundException."""
    target = request["TargetTableName"]
    definitions.check_table_name(target)
    scope, source = _source(call, request)
    now = call.now()
    with memory.of(call.cloud).changing(call.scope, target), call.write() as tx:
        row = TABLES.get(tx, scope, source)
        if row is None:
            raise errors.TableNotFoundException(f"Table not found: {source}")
        if row.pitr_since is None:
            raise errors.PointInTimeRecoveryUnavailableException(
                f"Point in time recovery is not enabled for table '{source}'"
            )
        at = instant(row, request, now)
        if TABLES.get(tx, call.scope, target) is not None:
            raise errors.TableAlreadyExistsException(f"Table already exists: {target}")
        made = backups.restored(call, row, target, request)
        made.restore = {
            "SourceTableArn": table_arn(scope, source),
            "RestoreDateTime": at,
            "RestoreInProgress": True,
        }
        made.building = {"data": row.data, "at": at}
        TABLES.put(tx, call.scope, made)
        converge.wake(tx, "dynamodb.build", call.scope, (target,), now)
    return {"TableDescription": describe(call.scope, made, {})}


def _source(call: Call, request: Mapping[str, Any]) -> tuple[Scope, str]:
    if request.get("SourceTableArn"):
        found = parse_arn(request["SourceTableArn"])
        if found is None:
            raise invalid(f"Invalid SourceTableArn: {request['SourceTableArn']}")
        return found[0], found[1]
    if not request.get("SourceTableName"):
        raise invalid("SourceTableName or SourceTableArn must be specified")
    return locate(call, request["SourceTableName"])


def instant(row: TableRow, request: Mapping[str, Any], now: float) -> float:
    """The time to restore to. Raises InvalidRestoreTimeException, ValidationException."""
    told = request.get("RestoreDateTime")
    if request.get("UseLatestRestorableTime"):
        if told is not None:
            raise invalid("RestoreDateTime and UseLatestRestorableTime cannot be specified together")
        return now
    if told is None:
        raise invalid("RestoreDateTime or UseLatestRestorableTime must be specified")
    if not int(earliest(row, now)) <= told <= now:
        raise errors.InvalidRestoreTimeException(
            "The specified time is outside the window in which the table can be restored"
        )
    return float(told)
