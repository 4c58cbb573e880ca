"""AWS's services behind routes of HTTP APIs: parameters become an operation's members, its answer the response."""

from __future__ import annotations

import datetime
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from haneul.engines.integrations.services import whole
from haneul.engines.integrations.upstream import Answered
from haneul.service import Scope
from haneul.services.apigatewayv2.plane.exchange import Exchange
from haneul.services.apigatewayv2.plane.mapping import value_of
from haneul.services.apigatewayv2.plane.refusals import broken
from haneul.wire import model as models
from haneul.wire.compile import codec, error_response
from haneul.wire.errors import AwsError
from haneul.wire.message import Response


class Subtype(NamedTuple):
    """service and operation; the wire on which it answers ("" for the service's own); `shape` makes members of
    parameters."""

    service: str
    operation: str
    protocol: str
    shape: Callable[[dict[str, str]], dict[str, Any]]


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return text


def _plain(given: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key in ("DelaySeconds", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds"):
            found[key] = int(value)
        elif key in ("MessageAttributes", "MessageSystemAttributes", "AttributeNames", "MessageAttributeNames"):
            found[key] = _parsed(value)
        else:
            found[key] = value
    return found


def _event(given: dict[str, str]) -> dict[str, Any]:
    entry: dict[str, Any] = dict(given)
    if "Resources" in entry:
        found = _parsed(entry["Resources"])
        entry["Resources"] = found if isinstance(found, list) else [str(found)]
    if "Time" in entry:
        entry["Time"] = datetime.datetime.fromisoformat(entry["Time"]).timestamp()
    return {"Entries": [entry]}


def _record(given: dict[str, str]) -> dict[str, Any]:
    return {**given, "Data": given["Data"].encode()}


_SUBTYPES = {
    "EventBridge-PutEvents": Subtype("events", "PutEvents", "", _event),
    "SQS-SendMessage": Subtype("sqs", "SendMessage", "query", _plain),
    "SQS-ReceiveMessage": Subtype("sqs", "ReceiveMessage", "query", _plain),
    "SQS-DeleteMessage": Subtype("sqs", "DeleteMessage", "query", _plain),
    "SQS-PurgeQueue": Subtype("sqs", "PurgeQueue", "query", _plain),
    "AppConfig-GetConfiguration": Subtype("appconfig", "GetConfiguration", "", _plain),
    "Kinesis-PutRecord": Subtype("kinesis", "PutRecord", "", _record),
    "StepFunctions-StartExecution": Subtype("stepfunctions", "StartExecution", "", _plain),
    "StepFunctions-StartSyncExecution": Subtype("stepfunctions", "StartSyncExecution", "", _plain),
    "StepFunctions-StopExecution": Subtype("stepfunctions", "StopExecution", "", _plain),
}
_LOWER_FIRST = frozenset({"stepfunctions"})


async def answer(exchange: Exchange, held: Mapping[str, Any]) -> Answered:
    """The service's own answer, whatever it is; 501 for a service that isn't here. Raises Refused."""
    subtype = _SUBTYPES[held["IntegrationSubtype"].removesuffix("-1.0")]
    given = {}
    for name, expression in (held.get("RequestParameters") or {}).items():
        value = value_of(exchange, expression)
        if value is not None:
            given[name] = value
    call = exchange.call
    region = given.pop("Region", "")
    if region:
        call.scope = Scope(call.scope.account, region)
    model = models.load(subtype.service)
    protocol = subtype.protocol or model.protocol
    try:
        members = subtype.shape(given)
        if subtype.service in _LOWER_FIRST:
            members = {key[0].lower() + key[1:]: value for key, value in members.items()}
    except (ValueError, KeyError) as error:
        exchange.integration_error = f"A parameter has no value that {subtype.operation} takes: {error}"
        raise broken("BAD_REQUEST_PARAMETERS") from error
    try:
        output = call.invoke(subtype.service, subtype.operation, members)
        output = await output if inspect.isawaitable(output) else output
        opaque = call.cloud.services[subtype.service].opaque
        response = codec(model, subtype.operation, protocol, opaque).serialize(output or {}, exchange.request_id)
    except AwsError as error:
        exchange.integration_error = error.message
        response = error_response(model, protocol, error, exchange.request_id, "/")
    exchange.integration_status = str(response.status)
    return await _told(response)


async def _told(response: Response) -> Answered:
    pairs = [(name, value) for name, value in response.headers if name.lower() != "x-amzn-requestid"]
    return Answered(response.status, {name.lower(): value for name, value in pairs}, await whole(response.body), pairs)
