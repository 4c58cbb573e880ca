"""Running SQL: one statement, or one with many sets of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import orjson

from haneul.service import Call, operation
from haneul.services.rdsdata import markers, values
from haneul.services.rdsdata.errors import errors
from haneul.services.rdsdata.plane import Plane, plane
from haneul.services.rdsdata.targets import Target, resolve
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    import psycopg
    from psycopg.pq.abc import PGresult

RESPONSE_LIMIT = 1 << 20
SETS = 1000


@operation(resource="{resourceArn}")
async def execute_statement(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ExecuteStatement: in a transaction when one is named, else committed at once.

    Raises DatabaseErrorException with the server's words, BadRequestException, TransactionNotFoundException.
    """
    target = await resolve(call, request)
    here = plane(call.cloud)
    return await here.run(_execute, here, target, request)


@operation(resource="{resourceArn}")
async def batch_execute_statement(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """BatchExecuteStatement: all sets in one transaction, or none."""
    sets = request.get("parameterSets") or [[]]
    if len(sets) > SETS:
        raise errors.BadRequestException(f"At most {SETS} parameter sets are allowed.")
    target = await resolve(call, request)
    here = plane(call.cloud)
    return await here.run(_batch, here, target, request, sets)


def _link(here: Plane, target: Target, request: Mapping[str, Any]) -> AbstractContextManager[psycopg.Connection[Any]]:
    name = request.get("transactionId")
    return here.transaction(name, target) if name else here.connection(target)


def _execute(here: Plane, target: Target, request: Mapping[str, Any]) -> dict[str, Any]:
    options = request.get("resultSetOptions") or {}
    decimal, long = options.get("decimalReturnType", "STRING"), options.get("longReturnType", "LONG")
    with _link(here, target, request) as link:
        result = _run(link, request["sql"], request.get("parameters") or [])
        output: dict[str, Any] = {"numberOfRecordsUpdated": _updated(result), "generatedFields": []}
        if result.nfields:
            types = [result.ftype(column) for column in range(result.nfields)]
            if request.get("formatRecordsAs") == "JSON":
                output["formattedRecords"] = _formatted(result, types, decimal, long)
            else:
                output["records"] = _records(result, types, decimal, long)
            if request.get("includeResultMetadata"):
                output["columnMetadata"] = _metadata(link, result)
    return output


def _batch(here: Plane, target: Target, request: Mapping[str, Any], sets: Sequence[Any]) -> dict[str, Any]:
    with _link(here, target, request) as link:
        own = not request.get("transactionId")
        if own:
            link.pgconn.exec_(b"BEGIN")
        try:
            for parameters in sets:
                _run(link, request["sql"], parameters)
        except AwsError:
            if own:
                link.pgconn.exec_(b"ROLLBACK")
            raise
        if own:
            link.pgconn.exec_(b"COMMIT")
    return {"updateResults": [{"generatedFields": []} for _ in sets]}


def _run(link: psycopg.Connection[Any], sql: str, parameters: Sequence[Mapping[str, Any]]) -> PGresult:
    """Run one statement with its named parameters."""
    named = {parameter.get("name") or "": parameter for parameter in parameters}
    statement, order = markers.number(sql, named)
    bound = [values.bind(named[name]) for name in order]
    result = link.pgconn.exec_params(statement.encode(), [value for value, _ in bound], [kind for _, kind in bound])
    _check(link, result)
    return result


def _check(link: psycopg.Connection[Any], result: PGresult) -> None:
    """Raises what the server said, as the Data API says it."""
    from psycopg.pq import DiagnosticField, ExecStatus

    if result.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.EMPTY_QUERY):
        return
    if result.status not in (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE):
        raise errors.BadRequestException("COPY is not supported.")

    def part(name: DiagnosticField) -> str:
        return (result.error_field(name) or b"").decode(errors="replace")

    state, text = part(DiagnosticField.SQLSTATE), part(DiagnosticField.MESSAGE_PRIMARY)
    if not state:
        raise errors.DatabaseUnavailableException()
    if state == "42601" and "multiple commands" in text:
        raise errors.ValidationException("Multistatements aren't supported.")
    if state == "57014" and "statement timeout" in text:
        raise errors.StatementTimeoutException(text)
    position = part(DiagnosticField.STATEMENT_POSITION)
    severity = part(DiagnosticField.SEVERITY_NONLOCALIZED) or "ERROR"
    where = f"; Position: {position}" if position else ""
    detail = part(DiagnosticField.MESSAGE_DETAIL)
    about = f"\n  Detail: {detail}" if detail else ""
    raise errors.DatabaseErrorException(f"{severity}: {text}{about}{where}; SQLState: {state}")


def _updated(result: PGresult) -> int:
    status = (result.command_status or b"").split()
    if not status or status[0] not in (b"INSERT", b"UPDATE", b"DELETE", b"MERGE"):
        return 0
    return result.command_tuples or 0


def _records(result: PGresult, types: list[int], decimal: str, long: str) -> list[list[dict[str, Any]]]:
    size = 0
    rows = []
    for number in range(result.ntuples):
        raw = [result.get_value(number, column) for column in range(result.nfields)]
        size += sum(len(one) if one is not None else 4 for one in raw)
        _limit(size)
        rows.append([values.field(one, kind, decimal, long) for one, kind in zip(raw, types, strict=True)])
    return rows


def _formatted(result: PGresult, types: list[int], decimal: str, long: str) -> str:
    labels = [(result.fname(column) or b"").decode() for column in range(result.nfields)]
    rows = []
    for number in range(result.ntuples):
        raw = [result.get_value(number, column) for column in range(result.nfields)]
        rows.append(
            {label: values.plain(one, kind, decimal, long) for label, one, kind in zip(labels, raw, types, strict=True)}
        )
    text = orjson.dumps(rows)
    _limit(len(text))
    return text.decode()


def _limit(size: int) -> None:
    if size > RESPONSE_LIMIT:
        raise errors.BadRequestException("Database returned more than the allowed response size limit")


_COLUMNS = b"""
SELECT t.oid, t.typname, c.relname, a.attnotnull, coalesce(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%', false)
       OR coalesce(a.attidentity <> '', false)
FROM unnest($1::oid[], $2::oid[], $3::int[]) WITH ORDINALITY AS x(type, rel, col, n)
JOIN pg_type t ON t.oid = x.type
LEFT JOIN pg_class c ON c.oid = x.rel LEFT JOIN pg_attribute a ON a.attrelid = x.rel AND a.attnum = x.col
LEFT JOIN pg_attrdef d ON d.adrelid = x.rel AND d.adnum = x.col ORDER BY x.n"""


def _metadata(link: psycopg.Connection[Any], result: PGresult) -> list[dict[str, Any]]:
    """What JDBC would tell of each column."""
    columns = range(result.nfields)
    lists = [
        ",".join(str(one) for one in found).join("{}").encode()
        for found in (
            [result.ftype(column) for column in columns],
            [result.ftable(column) for column in columns],
            [result.ftablecol(column) for column in columns],
        )
    ]
    facts = link.pgconn.exec_params(_COLUMNS, list(lists))
    return [_column(result, facts, column) for column in columns]


def _column(result: PGresult, facts: PGresult, column: int) -> dict[str, Any]:
    type_name, table = ((facts.get_value(column, index) or b"").decode() for index in (1, 2))
    serial = facts.get_value(column, 4) == b"t"
    kind, modifier = result.ftype(column), result.fmod(column)
    name = (result.fname(column) or b"").decode()
    precision, scale = _size(kind, modifier)
    return {
        "name": name,
        "label": name,
        "type": values.JDBC.get(kind, 2003 if type_name.startswith("_") else 1111),
        "typeName": {"int4": "serial", "int8": "bigserial"}.get(type_name, type_name) if serial else type_name,
        "schemaName": "",
        "tableName": table,
        "isAutoIncrement": serial,
        "isSigned": kind in (values.INT2, values.INT4, values.INT8, values.FLOAT4, values.FLOAT8, values.NUMERIC),
        "isCurrency": False,
        "isCaseSensitive": kind in (values.TEXT, values.VARCHAR, 1042, values.JSON, values.JSONB),
        "nullable": {b"t": 0, b"f": 1}.get(facts.get_value(column, 3) or b"", 2),
        "precision": precision,
        "scale": scale,
        "arrayBaseColumnType": 0,
    }


def _size(kind: int, modifier: int) -> tuple[int, int]:
    if kind == values.NUMERIC:
        return ((modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0xFFFF) if modifier > 0 else (0, 0)
    if kind in (values.VARCHAR, 1042):
        return (modifier - 4 if modifier > 0 else 2_147_483_647), 0
    sizes = {values.BOOL: 1, values.INT2: 5, values.INT4: 10, values.INT8: 19, values.FLOAT4: 8, values.FLOAT8: 17,
             values.TEXT: 2_147_483_647, values.DATE: 13, values.TIME: 15, values.TIMESTAMP: 29,
             values.TIMESTAMPTZ: 35}  # fmt: skip
    scales = {values.FLOAT4: 8, values.FLOAT8: 17, values.TIME: 6, values.TIMESTAMP: 6, values.TIMESTAMPTZ: 6}
    return sizes.get(kind, 2_147_483_647), scales.get(kind, 0)
