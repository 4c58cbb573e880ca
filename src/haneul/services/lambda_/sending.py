"""Asynchronous invocations: tried up to three times, then told to whoever is to know."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from typing import TYPE_CHECKING, Any

from haneul import converge
from haneul.engines.functions.port import Outcome
from haneul.events import targets
from haneul.service import Call, Scope, Step
from haneul.services.lambda_.describing import instant
from haneul.services.lambda_.invoking import find, work_of
from haneul.services.lambda_.names import LATEST, Name
from haneul.services.lambda_.running import House
from haneul.services.lambda_.state import EVENTS, SETTINGS, Event, Version, payload_key
from haneul.state import chunks
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.cloud import Cloud

log = logging.getLogger("haneul.lambda")
WAITS = (60.0, 120.0)
LOOK = 60.0
BUSY_FOR = 1.0


def step_event(call: Call, event: Event) -> Step:
    """See that the event's task is there: after a restart, and when its time has come."""
    plane: House = call.cloud.planes["lambda"]
    loop = call.cloud.loop
    if event.due <= call.now() + 1:
        scope, identity = call.scope, event.id
        loop.call_soon_threadsafe(lambda: plane.spawn(("event", identity), run_event(call.cloud, scope, identity)))
    return Step(event, max(1.0, event.due - call.now()) if event.due > call.now() else LOOK)


async def run_event(cloud: Cloud, scope: Scope, identity: str) -> None:
    """Try the event now; what is left to do is in its row."""
    plane: House = cloud.planes["lambda"]
    while not plane.closing:
        with cloud.store.read() as tx:
            event = EVENTS.get(tx, scope, identity)
            payload = chunks.get(tx, payload_key(identity)) or b"{}"
        if event is None:
            return
        call = cloud.call_as("lambda", scope)
        name = Name(scope, event.name, event.qualifier)
        try:
            with call.read() as tx:
                function, version, _ = find(tx, name)
        except AwsError:
            _forget(cloud, scope, event)
            return
        settings = _settings(cloud, name)
        age = settings.get("MaximumEventAgeInSeconds", 21600)
        if function.reserved == 0 or call.now() - event.created > age:
            await _tell(
                call,
                name,
                version,
                event,
                payload,
                None,
                "EventAgeExceeded" if function.reserved != 0 else "ZeroReservedConcurrency",
                settings,
            )
            _forget(cloud, scope, event)
            return
        try:
            outcome = await plane.perform(call, name, function, version, work_of(call, name, payload, None, identity))
        except AwsError as error:
            if error.code != "TooManyRequestsException":
                log.warning("event %s of %s: %s", identity, name.name, error)
            await asyncio.sleep(BUSY_FOR)
            continue
        cloud.performer.count_usage(call, "Invoke")
        event.tries += 1
        if outcome.error and event.tries <= settings.get("MaximumRetryAttempts", 2):
            wait = WAITS[min(event.tries, len(WAITS)) - 1]
            event.due = call.now() + wait
            with cloud.store.write() as tx:
                EVENTS.put(tx, scope, event)
                converge.wake(tx, "lambda.event", scope, (identity,), event.due)
            return
        condition = "RetriesExhausted" if outcome.error else "Success"
        await _tell(call, name, version, event, payload, outcome, condition, settings)
        _forget(cloud, scope, event)
        return


def _settings(cloud: Cloud, name: Name) -> dict[str, Any]:
    with cloud.store.read() as tx:
        row = SETTINGS.get(tx, name.scope, "event", name.name, name.qualifier or LATEST)
    return {} if row is None else row.held


def _forget(cloud: Cloud, scope: Scope, event: Event) -> None:
    with cloud.store.write() as tx:
        EVENTS.delete(tx, scope, event.id)
        chunks.delete(tx, payload_key(event.id))
        converge.timers.settle(tx, "lambda.event", scope, (event.id,))


async def _tell(
    call: Call,
    name: Name,
    version: Version,
    event: Event,
    payload: bytes,
    outcome: Outcome | None,
    condition: str,
    settings: dict[str, Any],
) -> None:
    """Hand the event and its outcome to the destination and the dead-letter queue."""
    failed = condition != "Success"
    kind = "OnFailure" if failed else "OnSuccess"
    target = ((settings.get("DestinationConfig") or {}).get(kind) or {}).get("Destination")
    label = LATEST if version.number == 0 else str(version.number)
    if target:
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": instant(call.now()).replace("+0000", "Z"),
            "requestContext": {
                "requestId": event.id,
                "functionArn": f"{name.arn}:{name.qualifier or LATEST}",
                "condition": condition,
                "approximateInvokeCount": event.tries,
            },
            "requestPayload": json.loads(payload),
        }
        if outcome is not None:
            record["responseContext"] = {"statusCode": 200, "executedVersion": label}
            if outcome.error:
                record["responseContext"]["functionError"] = outcome.error
            record["responsePayload"] = _readable(outcome.payload)
        arn = target
        manner = targets.Manner(
            source="lambda", kind=f"Lambda Function Invocation Result - {'Failure' if failed else 'Success'}"
        )
        await _hand(call, arn, json.dumps(record, separators=(",", ":")), manner)
    dead = (version.config.get("DeadLetterConfig") or {}).get("TargetArn")
    if failed and dead:
        told = _readable(outcome.payload) if outcome is not None else {}
        message = told.get("errorMessage", "") if isinstance(told, dict) else ""
        await _to_dead(call, dead, payload.decode(), event.id, message)


def _readable(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")


async def _hand(call: Call, arn: str, text: str, manner: targets.Manner) -> None:
    try:
        answer = targets.deliver(call, arn, text, manner)
        if inspect.isawaitable(answer):
            await answer
    except AwsError as error:
        log.warning("destination %s: %s", arn, error)


async def _to_dead(call: Call, arn: str, text: str, identity: str, message: str) -> None:
    attributes = {
        "RequestID": {"DataType": "String", "StringValue": identity},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": message[:1024] or "unknown"},
    }
    try:
        if arn.split(":")[2] == "sqs":
            request = {"QueueUrl": targets.queue_url(arn), "MessageBody": text, "MessageAttributes": attributes}
            answer = call.invoke("sqs", "SendMessage", request)
        else:
            answer = call.invoke("sns", "Publish", {"TopicArn": arn, "Message": text, "MessageAttributes": attributes})
        if inspect.isawaitable(answer):
            await answer
    except AwsError as error:
        log.warning("dead-letter target %s: %s", arn, error)
