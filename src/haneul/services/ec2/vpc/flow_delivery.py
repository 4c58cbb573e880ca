"""Flow logs' records on their way: every interval, from the network's counts to log streams or an object."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from haneul.engines.errors import EngineError
from haneul.service import Call, Step
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.vpc import flow_records, plan
from haneul.services.ec2.vpc.flow_records import Observer
from haneul.services.ec2.vpc.places import zone_id
from haneul.services.ec2.vpc.state import FlowLog, NetworkInterface
from haneul.wire.errors import AwsError

BATCH = 2000
"""Records of one PutLogEvents."""
Lines = dict[str, list[str]]
"""Interface -> records."""


def step_flow_log(call: Call, row: FlowLog) -> Step:
    """Write the interval that ended. What can't be delivered is lost, as AWS's is, and told in DeliverLogsStatus."""
    now = call.now()
    lines = _lines(call, row, now)
    row.until, row.trouble = now, ""
    if lines:
        try:
            (_to_bucket if row.destination_type == "s3" else _to_group)(call, row, lines, now)
        except AwsError as error:
            row.trouble = "Access error" if "Access" in error.code or "Denied" in error.code else error.message[:200]
    return Step(row, float(row.interval))


def _lines(call: Call, row: FlowLog, now: float) -> Lines:
    plane = planes.of(call.cloud)
    with call.read() as tx:
        live = plan.live_interfaces(tx, call.scope, row.vpc)
    observed = [one for one in live if row.resource in (one.id, one.subnet, one.vpc)]
    if not observed:
        return {}
    try:
        passed = plane.networks.flows(row.vpc)
    except EngineError:
        return {}  # it is being made
    fresh, plane.counted[row.id] = flow_records.since(passed, plane.counted.get(row.id, {}))
    fields = flow_records.fields_of(row.format)
    lines: Lines = {}
    for one in observed:
        observer = _observer(call, row, one, now)
        seen = [
            each
            for each in flow_records.seen_by(one.addresses, fresh)
            if row.traffic == "ALL" or each.accepted is (row.traffic == "ACCEPT")
        ]
        lines[one.id] = [flow_records.line(fields, observer, each) for each in seen]
        lines[one.id] = lines[one.id] or [flow_records.line(fields, observer, None)]
    return lines


def _observer(call: Call, row: FlowLog, interface: NetworkInterface, now: float) -> Observer:
    return Observer(
        account=call.account,
        region=call.region,
        vpc=interface.vpc,
        subnet=interface.subnet,
        zone=zone_id(interface.zone),
        interface=interface.id,
        instance=interface.attachment.get("instance") or "",
        addresses=tuple(interface.addresses),
        start=int(row.until or row.created),
        end=int(now),
    )


def _to_group(call: Call, row: FlowLog, lines: Lines, now: float) -> None:
    """One stream an interface, made when it isn't there, as the group is."""
    _make(call, "CreateLogGroup", {"logGroupName": row.group})
    for interface, records in lines.items():
        where = {"logGroupName": row.group, "logStreamName": f"{interface}-{row.traffic.lower()}"}
        _make(call, "CreateLogStream", where)
        for start in range(0, len(records), BATCH):
            events = [{"timestamp": int(now * 1000), "message": one} for one in records[start : start + BATCH]]
            _done(call, call.invoke("logs", "PutLogEvents", {**where, "logEvents": events}))


def _make(call: Call, operation: str, request: Mapping[str, Any]) -> None:
    try:
        _done(call, call.invoke("logs", operation, request))
    except AwsError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise


def _to_bucket(call: Call, row: FlowLog, lines: Lines, now: float) -> None:
    bucket, _, prefix = row.destination.removeprefix("arn:aws:s3:::").partition("/")
    header = " ".join(flow_records.fields_of(row.format))
    text = "\n".join([header, *(one for records in lines.values() for one in records)]) + "\n"
    start = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
    key = start + _key(call, row, datetime.fromtimestamp(now, UTC))
    _done(call, call.invoke("s3", "PutObject", {"Bucket": bucket, "Key": key, "Body": gzip.compress(text.encode())}))


def _key(call: Call, row: FlowLog, when: datetime) -> str:
    """AWS's path of folders by account, region and day, Hive's way and by hour if asked for."""
    account, region = call.account, call.region
    if row.options.get("HiveCompatiblePartitions"):
        folder = f"AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}"
        folder += f"/year={when:%Y}/month={when:%m}/day={when:%d}"
        folder += f"/hour={when:%H}" if row.options.get("PerHourPartition") else ""
    else:
        folder = f"AWSLogs/{account}/vpcflowlogs/{region}/{when:%Y/%m/%d}"
        folder += f"/{when:%H}" if row.options.get("PerHourPartition") else ""
    number = f"{int(when.timestamp() * 1000) % 2**32:08x}"
    return f"{folder}/{account}_vpcflowlogs_{region}_{row.id}_{when:%Y%m%dT%H%MZ}_{number}.log.gz"


def _done(call: Call, told: Any) -> Any:
    """A step works in a thread: what is asynchronous is awaited on the cloud's loop."""
    if not hasattr(told, "__await__"):
        return told

    async def wait() -> Any:
        return await told

    return asyncio.run_coroutine_threadsafe(wait(), call.cloud.loop).result()
