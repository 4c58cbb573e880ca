"""Event source mappings: queues and streams whose records a function is given."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.events.targets import queue_url
from haneul.kit import tokens
from haneul.kit.patterns import compile_pattern
from haneul.service import Call, operation
from haneul.services.lambda_ import names
from haneul.services.lambda_.errors import conflict, invalid, not_found
from haneul.services.lambda_.names import Name, parse
from haneul.services.lambda_.paging import page
from haneul.services.lambda_.state import CHECKPOINTS, MAPPINGS
from haneul.services.lambda_.state import Mapping as Source
from haneul.wire.errors import AwsError

_ARN = "arn:aws:lambda:{region}:{account}:event-source-mapping:{UUID}"
_SETTINGS = (
    "BatchSize", "MaximumBatchingWindowInSeconds", "ParallelizationFactor", "FilterCriteria", "ScalingConfig",
    "DestinationConfig", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError", "MaximumRetryAttempts",
    "TumblingWindowInSeconds", "FunctionResponseTypes", "KMSKeyArn", "MetricsConfig",
)  # fmt: skip
_STREAM = {
    "MaximumRecordAgeInSeconds": -1,
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": -1,
    "TumblingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "DestinationConfig": {"OnFailure": {}},
    "FunctionResponseTypes": [],
}


def _describe(call: Call, row: Source, state: str = "") -> dict[str, Any]:
    told = dict(row.config)
    scaling = told.get("ScalingConfig")
    if scaling == {}:
        del told["ScalingConfig"]
    criteria = told.get("FilterCriteria")
    if criteria is not None and not criteria.get("Filters"):
        del told["FilterCriteria"]
    arn = f"arn:aws:lambda:{call.scope.region}:{call.scope.account}:event-source-mapping"
    return told | {
        "UUID": row.id,
        "EventSourceMappingArn": f"{arn}:{row.id}",
        "State": state or row.state,
        "StateTransitionReason": "USER_INITIATED" if kind_of(row) == "sqs" else "User action",
        "LastModified": row.modified,
    }


def kind_of(row: Source) -> str:
    return str(row.config["EventSourceArn"]).split(":")[2]


def _check(kind: str, request: Mapping[str, Any], arn: str) -> None:
    size, window = request.get("BatchSize"), request.get("MaximumBatchingWindowInSeconds") or 0
    if kind == "sqs":
        if size is not None and size > 10 and arn.endswith(".fifo"):
            raise invalid("BatchSize for FIFO queues can't be greater than 10.")
        if size is not None and size > 10 and window < 1:
            raise invalid(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
            )
        if arn.endswith(".fifo") and window:
            raise invalid("Batching window is not supported for FIFO queues")
    for chosen in (request.get("FilterCriteria") or {}).get("Filters") or ():
        try:
            compile_pattern(json.loads(chosen["Pattern"]))
        except Exception:
            raise invalid("Invalid filter pattern definition.") from None


@operation(resource="*")
async def create_event_source_mapping(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateEventSourceMapping. Raises ResourceNotFoundException, ResourceConflictException."""
    arn = request.get("EventSourceArn")
    if not arn:
        raise invalid("Unrecognized event source.")
    kind = arn.split(":")[2]
    if kind not in ("sqs", "dynamodb", "kinesis"):
        raise invalid("Unrecognized event source, must be kinesis, dynamodb stream or sqs.")
    if kind != "sqs" and not request.get("StartingPosition"):
        raise invalid(
            "1 validation error detected: Value null at 'startingPosition' "
            "failed to satisfy constraint: Member must not be null."
        )
    _check(kind, request, arn)
    name = parse(call, request["FunctionName"])
    with call.read() as tx:
        try:
            names.function(tx, name)
            names.version(tx, name)
        except AwsError:
            raise not_found(f"Function not found: {name.qualified}") from None
        twin = next(
            (row for row in MAPPINGS.scan(tx, call.scope) if row.desired != "Deleted" and _same(row, arn, name)), None
        )
    if twin is not None:
        what = "SQS" if kind == "sqs" else "stream"
        raise conflict(
            f'An event source mapping with {what} arn (" {arn} ") and function (" {name.name} ") already exists. '
            f"Please update or delete the existing mapping with UUID {twin.id}"
        )
    await _check_source(call, kind, arn)
    config: dict[str, Any] = {"EventSourceArn": arn, "FunctionArn": name.qualified}
    config |= {"BatchSize": 10 if kind == "sqs" else 100, "MaximumBatchingWindowInSeconds": 0}
    config |= (
        {"FunctionResponseTypes": []}
        if kind == "sqs"
        else dict(_STREAM) | {"StartingPosition": request["StartingPosition"]}
    )
    if request.get("StartingPositionTimestamp") is not None:
        config["StartingPositionTimestamp"] = request["StartingPositionTimestamp"]
    if kind != "sqs":
        config["LastProcessingResult"] = "No records processed"
    config |= {member: request[member] for member in _SETTINGS if request.get(member) is not None}
    desired = "Disabled" if request.get("Enabled") is False else "Enabled"
    row = Source(
        id=tokens.uuid(),
        config=config,
        desired=desired,
        state="Creating",
        modified=call.now(),
        tags=dict(request.get("Tags") or {}),
    )
    _save(call, row)
    return _describe(call, row)


def _same(row: Source, arn: str, name: Name) -> bool:
    return bool(row.config["EventSourceArn"] == arn and row.config["FunctionArn"] == name.qualified)


async def _check_source(call: Call, kind: str, arn: str) -> None:
    try:
        if kind == "sqs":
            answer = call.invoke("sqs", "GetQueueAttributes", {"QueueUrl": queue_url(arn), "AttributeNames": ["All"]})
        elif kind == "dynamodb":
            answer = call.invoke("dynamodbstreams", "DescribeStream", {"StreamArn": arn})
        else:
            answer = call.invoke("kinesis", "DescribeStreamSummary", {"StreamARN": arn})
        if inspect.isawaitable(answer):
            await answer
    except AwsError as error:
        if kind == "sqs":
            raise invalid(
                "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
                "SQS Error Message: The specified queue does not exist."
            ) from None
        raise invalid(f"Stream not found: {arn}") from error


def _save(call: Call, row: Source) -> None:
    with call.write() as tx:
        MAPPINGS.put(tx, call.scope, row)
        converge.wake(tx, "lambda.mapping", call.scope, (row.id,), call.now())


def _find(call: Call, identity: str) -> Source:
    with call.read() as tx:
        row = MAPPINGS.get(tx, call.scope, identity)
    if row is None:
        raise not_found("The resource you requested does not exist.")
    return row


@operation(resource=_ARN)
def get_event_source_mapping(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    return _describe(call, _find(call, request["UUID"]))


@operation(resource=_ARN)
def update_event_source_mapping(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    row = _find(call, request["UUID"])
    arn = row.config["EventSourceArn"]
    _check(kind_of(row), dict(row.config) | {key: value for key, value in request.items() if value is not None}, arn)
    if request.get("FunctionName"):
        name = parse(call, request["FunctionName"])
        with call.read() as tx:
            names.function(tx, name)
        row.config["FunctionArn"] = name.qualified
    row.config |= {member: request[member] for member in _SETTINGS if request.get(member) is not None}
    if request.get("Enabled") is not None:
        row.desired = "Enabled" if request["Enabled"] else "Disabled"
    row.modified = call.now()
    moving = {"Enabled": "Enabling", "Disabled": "Disabling"}
    row.state = "Updating" if row.state == row.desired else moving[row.desired]
    _save(call, row)
    return _describe(call, row)


@operation(resource=_ARN)
def delete_event_source_mapping(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    row = _find(call, request["UUID"])
    row.desired, row.state = "Deleted", "Deleting"
    _save(call, row)
    with call.write() as tx:
        CHECKPOINTS.delete_all(tx, call.scope, row.id)
    return _describe(call, row)


@operation()
def list_event_source_mappings(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    wanted, arn = request.get("FunctionName"), request.get("EventSourceArn")
    name = parse(call, wanted) if wanted else None
    with call.read() as tx:
        if name is not None:
            names.function(tx, name)
        found = [
            _describe(call, row)
            for row in MAPPINGS.scan(tx, call.scope)
            if (arn is None or row.config["EventSourceArn"] == arn)
            and (name is None or row.config["FunctionArn"] in (name.qualified, name.arn))
        ]
    chosen, marker = page(found, request, 100)
    return {"EventSourceMappings": chosen, "NextMarker": marker}
