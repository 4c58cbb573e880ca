"""What happened to alarms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.cloudwatch.errors import errors
from haneul.services.cloudwatch.state import HISTORIES, Alarm, History
from haneul.state.store import Writer

MOST = 500
"""Items of one alarm; the older ones go."""
KEPT = 30 * 86_400.0


def note(tx: Writer, call: Call, alarm: Alarm, kind: str, summary: str, data: Mapping[str, Any] | None = None) -> None:
    """Write down something that happened to an alarm."""
    item = History(
        alarm=alarm.name,
        id=tokens.ordered_id(),
        time=call.now(),
        kind=kind,
        summary=summary,
        data=json.dumps(data if data is not None else {"version": "1.0", "type": kind}),
        composite=alarm.composite,
    )
    HISTORIES.put(tx, call.scope, item)
    oldest = list(HISTORIES.scan(tx, call.scope, alarm.name, limit=2))
    if len(oldest) == 2 and oldest[0].time < call.now() - KEPT:
        HISTORIES.delete(tx, call.scope, alarm.name, oldest[0].id)


@operation(resource="arn:aws:cloudwatch:{region}:{account}:alarm:{AlarmName}")
def describe_alarm_history(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeAlarmHistory: the newest first, unless asked otherwise."""
    name, kind = request.get("AlarmName"), request.get("HistoryItemType")
    start, end = request.get("StartDate") or 0.0, request.get("EndDate") or 1e12
    kinds = request.get("AlarmTypes") or ["MetricAlarm"]
    limit = request.get("MaxRecords") or 100
    with call.read() as tx:
        rows = [
            item
            for item in HISTORIES.scan(tx, call.scope, *((name,) if name else ()))
            if kind in (None, item.kind)
            and start <= item.time <= end
            and (name or ("CompositeAlarm" if item.composite else "MetricAlarm") in kinds)
        ]
    rows.sort(key=lambda item: item.id, reverse=request.get("ScanBy") != "TimestampAscending")
    begin = 0
    if token := request.get("NextToken"):
        position = tokens.open_page(token)
        if not position or not isinstance(position[0], int):
            raise errors.InvalidNextToken("The token is invalid.")
        begin = position[0]
    more = {"NextToken": tokens.seal_page(begin + limit)} if begin + limit < len(rows) else {}
    items = [
        {
            "AlarmName": item.alarm,
            "AlarmType": "CompositeAlarm" if item.composite else "MetricAlarm",
            "Timestamp": item.time,
            "HistoryItemType": item.kind,
            "HistorySummary": item.summary,
            "HistoryData": item.data,
        }
        for item in rows[begin : begin + limit]
    ]
    return {"AlarmHistoryItems": items, **more}
