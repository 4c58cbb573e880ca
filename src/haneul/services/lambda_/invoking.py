"""Invoke: now, later, or only to see whether one may."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from haneul import converge
from haneul.engines.functions.port import Outcome, Work
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.lambda_ import names
from haneul.services.lambda_.errors import errors
from haneul.services.lambda_.names import LATEST, Name, parse
from haneul.services.lambda_.running import House, house
from haneul.services.lambda_.state import EVENTS, VERSIONS, Alias, Event, Function, Version, payload_key
from haneul.state import chunks
from haneul.state.store import Reader

SYNCHRONOUS, ASYNCHRONOUS = 6291456, 1 << 20
TAIL = 4096


def _resource(call: Call, request: Mapping[str, Any]) -> str:
    return parse(call, request["FunctionName"], request.get("Qualifier")).qualified


@operation(resource=_resource, action="lambda:InvokeFunction")
async def invoke(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """Invoke. Raises ResourceNotFoundException, RequestTooLargeException, InvalidRequestContentException."""
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    kind = request.get("InvocationType") or "RequestResponse"
    payload = checked(request.get("Payload") or b"", ASYNCHRONOUS if kind == "Event" else SYNCHRONOUS)
    with call.read() as tx:
        function, version, _ = find(tx, name)
    if kind == "DryRun":
        return {"StatusCode": 204, "ExecutedVersion": _label(version)}
    if kind == "Event":
        send_later(call, name, payload)
        return {"StatusCode": 202, "Payload": b""}
    work = work_of(call, name, payload, request.get("ClientContext"))
    outcome = await house(call).perform(call, name, function, version, work)
    answer = {"StatusCode": 200, "Payload": outcome.payload, "ExecutedVersion": _label(version)}
    if outcome.error:
        answer["FunctionError"] = outcome.error
    if request.get("LogType") == "Tail":
        answer["LogResult"] = tail(outcome)
    return answer


@operation(resource=_resource, action="lambda:InvokeFunction")
async def invoke_async(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """InvokeAsync: the way before Invoke knew Event."""
    name = parse(call, request["FunctionName"])
    body = request["InvokeArgs"]
    data = body if isinstance(body, bytes) else await body.read(ASYNCHRONOUS)
    with call.read() as tx:
        find(tx, name)
    send_later(call, name, checked(data, ASYNCHRONOUS))
    return {"Status": 202}


@operation(resource=_resource, action="lambda:InvokeFunction")
async def invoke_with_response_stream(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """InvokeWithResponseStream: what the function writes is handed on as it comes."""
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    payload = checked(request.get("Payload") or b"", SYNCHRONOUS)
    with call.read() as tx:
        function, version, _ = find(tx, name)
    queue: asyncio.Queue[bytes | None] = asyncio.Queue()
    work = work_of(call, name, payload, request.get("ClientContext"))
    work.pieces = lambda data, _: queue.put_nowait(data)
    task = call.cloud.loop.create_task(house(call).perform(call, name, function, version, work))
    task.add_done_callback(lambda _: queue.put_nowait(None))
    wants_log = request.get("LogType") == "Tail"
    return {
        "StatusCode": 200,
        "ExecutedVersion": _label(version),
        "ResponseStreamContentType": "application/vnd.amazon.eventstream",
        "EventStream": _events(queue, task, wants_log),
    }


async def _events(
    queue: asyncio.Queue[bytes | None], task: asyncio.Task[Outcome], wants_log: bool
) -> AsyncIterator[dict[str, Any]]:
    streamed = False
    while (piece := await queue.get()) is not None:
        streamed = True
        yield {"PayloadChunk": {"Payload": piece}}
    outcome = await task
    if not streamed and not outcome.error:
        yield {"PayloadChunk": {"Payload": outcome.payload}}
    end: dict[str, Any] = {}
    if outcome.error:
        told = json.loads(outcome.payload)
        end = {"ErrorCode": told.get("errorType"), "ErrorDetails": told.get("errorMessage")}
    if wants_log:
        end["LogResult"] = tail(outcome)
    yield {"InvokeComplete": end}


def find(tx: Reader, name: Name) -> tuple[Function, Version, Alias | None]:
    """What is to run; an alias with weights chooses."""
    function = names.function(tx, name)
    version, alias = names.version(tx, name)
    if alias is not None and alias.weights:
        draw = int(tokens.random_hex(8), 16) / 0x100000000
        for other, weight in alias.weights.items():
            if draw < weight:
                version = VERSIONS.get(tx, name.scope, name.name, int(other)) or version
                break
            draw -= weight
    return function, version, alias


def checked(payload: bytes, limit: int) -> bytes:
    """A payload that is JSON and not too long."""
    if len(payload) > limit:
        raise errors.RequestTooLargeException(
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation", Type="User"
        )
    if not payload:
        return b"{}"
    try:
        json.loads(payload)
    except ValueError as error:
        raise errors.InvalidRequestContentException(
            f"Could not parse request body into json: {error}", Type="User"
        ) from None
    return payload


def work_of(call: Call, name: Name, payload: bytes, context: str | None = None, identity: str = "") -> Work:
    client = ""
    if context:
        try:
            client = base64.b64decode(context).decode()
            json.loads(client)
        except ValueError:
            raise errors.InvalidRequestContentException(
                "Client context must be a valid Base64-encoded JSON object."
            ) from None
    trace = f"Root=1-{int(call.now()):08x}-{tokens.random_hex(24)};Parent={tokens.random_hex(16)};Sampled=0"
    request_id = identity or tokens.uuid()
    if not identity:
        call.header("x-amzn-RequestId", request_id)
    return Work(request_id, payload, name.qualified, client, trace)


def _label(version: Version) -> str:
    return LATEST if version.number == 0 else str(version.number)


def tail(outcome: Outcome) -> str:
    """The last 4 KB of the log, as base64."""
    return base64.b64encode("".join(text for _, text in outcome.lines).encode()[-TAIL:]).decode()


def send_later(call: Call, name: Name, payload: bytes) -> str:
    """Keep an event until it has been handled; the answer waits until it is on disk."""
    from haneul.services.lambda_.sending import run_event

    event = Event(id=tokens.uuid(), name=name.name, qualifier=name.qualifier, created=call.now(), due=call.now())
    with call.write() as tx:
        EVENTS.put(tx, name.scope, event)
        chunks.put(tx, payload_key(event.id), payload)
        converge.wake(tx, "lambda.event", name.scope, (event.id,), call.now() + 60)
    plane: House = house(call)
    plane.spawn(("event", event.id), run_event(call.cloud, name.scope, event.id))
    return event.id
