"""Flow logs: what passed the interfaces of a VPC, a subnet or one interface, and what was refused, written once an
interval to CloudWatch Logs or S3 (`flow_delivery`)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.converge import wake
from haneul.service import Call
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2.errors import coded, errors
from haneul.services.ec2.kinds import Kind
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import flow_records, realise
from haneul.services.ec2.vpc.state import FLOW_LOG, INTERFACE, SUBNET, VPC, FlowLog
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

_KINDS: Mapping[str, Kind[Any]] = {"VPC": VPC, "Subnet": SUBNET, "NetworkInterface": INTERFACE}
_FILTERS = {
    "deliver-log-status": "DeliverLogsStatus",
    "log-destination-type": "LogDestinationType",
    "flow-log-id": "FlowLogId",
    "log-group-name": "LogGroupName",
    "resource-id": "ResourceId",
    "traffic-type": "TrafficType",
}


@operation("arn:aws:ec2:{region}:{account}:vpc-flow-log/*")
async def create_flow_logs(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateFlowLogs for several resources at once; those that can't have one are told apart."""
    kind = _KINDS.get(request["ResourceType"])
    if kind is None:
        raise errors.UnsupportedOperation("Flow logs are of VPCs, subnets and network interfaces here.")
    draft = _draft(call, request)
    lost = await _unreached(call, draft)

    def change(tx: Writer) -> realise.Changed:
        made = idempotency.made_before(tx, call, request)
        if made is not None:
            return _answer(request, made, []), []
        rows, failed = [], []
        for identifier in request["ResourceIds"]:
            try:
                if lost:
                    raise coded("400", lost)
                row = _make(tx, call, kind, identifier, draft)
            except AwsError as error:
                if error.code == "FlowLogAlreadyExists":  # the one that fails the whole request
                    raise
                failed.append({"ResourceId": identifier, "Error": {"Code": error.code, "Message": error.message}})
            else:
                rows.append(row)
        identifiers = [row.id for row in rows]
        idempotency.remember(tx, call, request, identifiers)
        return _answer(request, identifiers, failed), [row.vpc for row in rows]

    return await realise.apply(call, change)


@operation()
def describe_flow_logs(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeFlowLogs."""
    return listing.describe(
        call,
        {**request, "Filters": request.get("Filter") or ()},
        FLOW_LOG,
        member="FlowLogs",
        ids="FlowLogIds",
        filters=_FILTERS,
        render=lambda _, row: describe(row),
        limits=(1, 1000),
        forgiving=True,
    )


@operation(
    lambda call, request: [
        f"arn:aws:ec2:{call.region}:{call.account}:vpc-flow-log/{one}" for one in request.get("FlowLogIds") or ()
    ]
)
async def delete_flow_logs(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteFlowLogs: what was written stays."""

    def change(tx: Writer) -> realise.Changed:
        vpcs = []
        for row in FLOW_LOG.get_all(tx, call.scope, request["FlowLogIds"]):
            FLOW_LOG.table.delete(tx, call.scope, row.id)
            vpcs.append(row.vpc)
        return {"Unsuccessful": []}, vpcs

    return await realise.apply(call, change)


def describe(row: FlowLog) -> dict[str, Any]:
    """A flow log as every answer shows it."""
    shown: dict[str, Any] = {
        "FlowLogId": row.id,
        "CreationTime": row.created,
        "FlowLogStatus": "ACTIVE",
        "DeliverLogsStatus": "FAILED" if row.trouble else "SUCCESS",
        "ResourceId": row.resource,
        "TrafficType": row.traffic,
        "LogDestinationType": row.destination_type,
        "LogFormat": row.format,
        "MaxAggregationInterval": row.interval,
        "Tags": tagging.render(row.tags),
    }
    optional = {
        "DeliverLogsPermissionArn": row.role,
        "LogGroupName": row.group,
        "LogDestination": row.destination,
        "DeliverLogsErrorMessage": row.trouble,
        "DestinationOptions": row.options,
    }
    return shown | {name: value for name, value in optional.items() if value}


def _answer(request: Mapping[str, Any], made: list[str], failed: list[dict[str, Any]]) -> dict[str, Any]:
    token = request.get("ClientToken")
    return {"FlowLogIds": made, "Unsuccessful": failed} | ({"ClientToken": token} if token else {})


def _draft(call: Call, request: Mapping[str, Any]) -> FlowLog:
    """The row that all the resources get, but for whose it is. Raises InvalidParameter."""
    if request.get("TrafficType") not in ("ACCEPT", "REJECT", "ALL"):
        raise errors.MissingParameter("The request must contain the parameter TrafficType")
    template = request.get("LogFormat") or flow_records.DEFAULT
    try:
        flow_records.fields_of(template)
    except ValueError as error:
        raise coded("InvalidParameter", f"Unknown field: {error}") from None
    interval = request.get("MaxAggregationInterval") or 600
    if interval not in (60, 600):
        raise coded("InvalidParameter", "Invalid Flow Log Max Aggregation Interval")
    kind = request.get("LogDestinationType") or "cloud-watch-logs"
    group, destination = _destination(call, kind, request)
    options = dict(request.get("DestinationOptions") or {})
    if options.get("FileFormat", "plain-text") != "plain-text":
        raise errors.UnsupportedOperation("Flow logs are plain text here.")
    return FlowLog(
        id="",
        resource="",
        vpc="",
        traffic=request["TrafficType"],
        created=call.now(),
        destination_type=kind,
        group=group,
        destination=destination,
        role=request.get("DeliverLogsPermissionArn") or "",
        format=template,
        interval=interval,
        options=options,
        tags=tagging.of_new(request, "vpc-flow-log"),
    )


def _destination(call: Call, kind: str, request: Mapping[str, Any]) -> tuple[str, str]:
    """The log group's name, and the destination's ARN."""
    group, destination = request.get("LogGroupName") or "", request.get("LogDestination") or ""
    if group and destination:
        raise coded("InvalidParameter", "Please only provide LogGroupName or only provide LogDestination.")
    if kind == "s3":
        if group:
            raise coded("InvalidParameter", "LogDestination type must be cloud-watch-logs if LogGroupName is provided.")
        if not destination:
            raise coded("InvalidParameter", "LogDestination can't be empty if LogGroupName is not provided.")
        if not destination.startswith("arn:aws:s3:::") or not destination.removeprefix("arn:aws:s3:::"):
            raise coded("InvalidParameter", f"LogDestination {destination} is not a valid S3 ARN.")
        return "", destination
    if kind != "cloud-watch-logs":
        raise errors.UnsupportedOperation(f"Flow logs are not delivered to {kind} here.")
    if not request.get("DeliverLogsPermissionArn"):
        raise coded(
            "InvalidParameter",
            "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.",
        )
    if not group and not destination:
        raise coded("InvalidParameter", "LogDestination can't be empty if LogGroupName is not provided.")
    if destination:
        parts = destination.removesuffix(":*").split(":", 6)
        if len(parts) != 7 or parts[5] != "log-group":
            raise coded("InvalidParameter", f"LogDestination {destination} is not a valid log group ARN.")
        return parts[6], destination
    return group, f"arn:aws:logs:{call.region}:{call.account}:log-group:{group}"


async def _unreached(call: Call, draft: FlowLog) -> str:
    """Why nothing could be written there, in AWS's words; "" when it can."""
    if draft.destination_type != "s3":
        return ""
    bucket = draft.destination.removeprefix("arn:aws:s3:::").partition("/")[0]
    try:
        answer = call.invoke("s3", "HeadBucket", {"Bucket": bucket})
        if inspect.isawaitable(answer):
            await answer
    except AwsError as error:
        return f"LogDestination: {bucket} does not exist." if error.status == 404 else ""
    return ""


def _make(tx: Writer, call: Call, kind: Kind[Any], identifier: str, draft: FlowLog) -> FlowLog:
    resource = kind.get(tx, call.scope, identifier)
    vpc = identifier if kind is VPC else resource.vpc
    row = msgspec.structs.replace(draft, id=FLOW_LOG.new_id(), resource=identifier, vpc=vpc)
    for other in FLOW_LOG.table.scan(tx, call.scope):
        same = ("resource", "traffic", "destination")
        if all(getattr(other, name) == getattr(row, name) for name in same):
            raise errors.FlowLogAlreadyExists(
                "Error. There is an existing Flow Log with the same configuration and log destination."
            )
    FLOW_LOG.table.put(tx, call.scope, row)
    wake(tx, "ec2.flow-log", call.scope, (row.id,), call.now() + row.interval)
    return row
