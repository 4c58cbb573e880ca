"""Taking a table away: its rows, its data, what still points at it; and keeping the last state of a protected one."""

from __future__ import annotations

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.dynamodb import memory, streamrows, trail
from haneul.services.dynamodb.changes import COLLECTIONS
from haneul.services.dynamodb.names import table_arn
from haneul.services.dynamodb.plane import records
from haneul.services.dynamodb.state import BACKUPS, TABLES, BackupRow, TableRow
from haneul.state.store import Writer
from haneul.state.table import after

SYSTEM_LIFE = 35 * 86400.0


def remove_table(call: Call, tx: Writer, scope: Scope, row: TableRow) -> None:
    """Delete the table within the caller's transaction (a few range deletions, whatever its size)."""
    store = memory.of(call.cloud)
    now = call.now()
    streamrows.disable(tx, scope, row, now)
    TABLES.delete(tx, scope, row.name)
    data = bytes.fromhex(row.data)
    if row.pitr_since is not None:
        counts = store.counts(tx, data)
        _keep(tx, scope, row, counts.get(0, [0, 0]), now)
        drop(tx, row.data, items=False)
    else:
        drop(tx, row.data)
    store.drop_counts(tx, data)
    for region in row.replicas or {}:
        if region != scope.region:
            _leave(call, tx, Scope(scope.account, region), row.name, scope.region)


def drop(tx: Writer, data: str, items: bool = True) -> None:
    """Delete what lies below a table's data; without `items` only what goes with its indexes and logs."""
    raw = bytes.fromhex(data)
    root = records.root(data)
    if items:
        tx.delete_range(root, after(root))
        tx.delete_range(records.pieces_root(data), after(records.pieces_root(data)))
    else:
        tx.delete_range(root + b"\x01", after(root))
    for prefix in (trail.UNDO, trail.QUEUE, trail.GONE, trail.EXPIRY, COLLECTIONS):
        tx.delete_range(prefix + raw, after(prefix + raw))


def _keep(tx: Writer, scope: Scope, row: TableRow, counts: list[int], now: float) -> None:
    """A table with point-in-time recovery leaves a system backup: its items stay where they are."""
    arn = f"{table_arn(scope, row.name)}/backup/{int(now * 1000):017d}-{tokens.random_hex(8)}"
    backup = BackupRow(
        arn=arn,
        name=f"{row.name}$DeletedTableBackup",
        table=row,
        table_arn=table_arn(scope, row.name),
        kind="SYSTEM",
        status="AVAILABLE",
        created=now,
        data=row.data,
        expires=now + SYSTEM_LIFE,
        size=max(0, counts[1]),
        count=max(0, counts[0]),
    )
    BACKUPS.put(tx, scope, backup)
    converge.wake(tx, "dynamodb.backup", scope, (arn,), backup.expires or now)


def _leave(call: Call, tx: Writer, scope: Scope, name: str, region: str) -> None:
    """Tell the replica in another region that this one is gone."""
    other = TABLES.get(tx, scope, name)
    if other is None or not other.replicas:
        return
    with memory.of(call.cloud).changing(scope, name):
        other.replicas.pop(region, None)
        if len(other.replicas) < 2:
            other.replicas = None
        TABLES.put(tx, scope, other)
