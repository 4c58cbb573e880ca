"""AWS's services behind an API: the request as that service's wire would bring it, performed in process."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import orjson

from haneul.engines.errors import EngineError
from haneul.service import Call
from haneul.wire import model as models
from haneul.wire.compile import codec, error_response
from haneul.wire.errors import AwsError
from haneul.wire.message import BufferedBody, FileRange, Request, Response
from haneul.wire.routes import router

_URI = re.compile(r"arn:[a-z\-]+:apigateway:([^:]+):([^:]+):(path|action)/(.*)", re.S)
_MODELS = {"states": "stepfunctions", "monitoring": "cloudwatch", "email": "ses", "streams.dynamodb": "dynamodbstreams",
           "states-sync": "stepfunctions"}  # fmt: skip
MAX_ANSWER = 10 << 20


class Misconfigured(EngineError):
    """The integration names no service or operation of this cloud."""


class TooLong(EngineError):
    """The service answers more than an API hands on."""


class Answered(NamedTuple):
    """What a service answered. Headers have lower-case names. error: its message, where it is one."""

    status: int
    headers: dict[str, str]
    body: bytes
    error: str = ""


def parsed(uri: str) -> tuple[str, str, str] | None:
    """(service's model, "path" or "action", the rest) of an integration's URI."""
    found = _URI.fullmatch(uri)
    if found is None:
        return None
    service = found.group(2)
    host = service.rpartition(".")
    name = _MODELS.get(service) or (host[2] if host[0] and service not in _MODELS else service)
    return name, found.group(3), found.group(4)


async def ask(
    call: Call, uri: str, method: str, headers: dict[str, str], query: str, body: bytes, request_id: str
) -> Answered:
    """The service's answer. Raises Misconfigured, TooLong."""
    target = parsed(uri)
    if target is None or target[0] not in call.cloud.services:
        raise Misconfigured(f"no service answers {uri}")
    name, kind, rest = target
    model = models.load(name)
    opaque = call.cloud.services[name].opaque
    lower = {key.lower(): value for key, value in headers.items()}
    lower.setdefault("content-type", "application/json")
    found = _operation(model, kind, rest, method, lower, query, body)
    if found is None:
        raise Misconfigured(f"no operation of {name} is meant by {rest}")
    operation, protocol, labels, request = found
    translator = codec(model, operation, protocol, opaque)
    try:
        if translator.stream_in is not None:
            request.stream = BufferedBody(request.body)
        members = translator.parse(request, labels)
        output = call.invoke(name, operation, members)
        output = await output if inspect.isawaitable(output) else output
    except AwsError as error:
        response = error_response(model, protocol, error, request_id, request.path)
        if protocol in ("query", "ec2") and wants_json(lower):
            told = {"Error": {"Code": error.code, "Message": error.message, "Type": "Sender"},
                    "RequestId": request_id}  # fmt: skip
            return Answered(response.status, {"content-type": "application/json"}, orjson.dumps(told), error.message)
        return (await _whole(response))._replace(error=error.message)
    if protocol in ("query", "ec2") and wants_json(lower):
        return _as_json(operation, output or {}, request_id)
    return await _whole(translator.serialize(output or {}, request_id))


def wants_json(headers: Mapping[str, str]) -> bool:
    """API Gateway asks services that speak XML for JSON, unless told otherwise."""
    return "xml" not in headers.get("accept", "application/json")


def _operation(
    model: Any, kind: str, rest: str, method: str, headers: dict[str, str], query: str, body: bytes
) -> tuple[str, str, Mapping[str, str], Request] | None:
    """(operation, protocol, labels of the path, request) that an integration means."""
    protocol = model.protocol
    if kind == "action":
        action, _, more = rest.partition("&")
        query = "&".join(part for part in (more, query) if part)
        is_form = "x-www-form-urlencoded" in headers["content-type"] or (bool(query) and "query" in model.protocols)
        if protocol == "json" and not is_form:
            if action in model.operations:
                return action, protocol, {}, Request("POST", "/", "", headers, body)
            return None
        sent = body if "x-www-form-urlencoded" in headers["content-type"] else b""
        return _by_form(model, f"Action={action}&{query}".rstrip("&"), headers, sent)
    parts = urlsplit(rest if rest.startswith("/") else "/" + rest)
    query = "&".join(part for part in (parts.query, query) if part)
    form = body.decode("latin-1") if "x-www-form-urlencoded" in headers["content-type"] else ""
    if "Action=" in form or ("Action=" in query and protocol not in ("rest-json", "rest-xml")):
        queue = "" if "QueueUrl=" in form + query else _queue(parts.path)
        return _by_form(model, query, headers, body if form else b"", queue)
    target = headers.get("x-amz-target", "").rpartition(".")[2]
    if protocol == "json" and target in model.operations:
        return target, protocol, {}, Request("POST", "/", "", headers, body)
    if protocol in ("rest-json", "rest-xml"):
        request = Request(method, parts.path, query, headers, body)
        matched = router(model).match(method, parts.path, query, headers)
        return None if matched is None else (matched[0], protocol, matched[1], request)
    return None


def _queue(path: str) -> str:
    parts = [part for part in path.split("/") if part]
    return f"http://localhost/{parts[0]}/{parts[1]}" if len(parts) == 2 else ""


def _by_form(
    model: Any, query: str, headers: dict[str, str], body: bytes, queue: str = ""
) -> tuple[str, str, Mapping[str, str], Request] | None:
    """A query-protocol call: parameters from the query string and a form body."""
    from urllib.parse import urlencode

    pairs = parse_qsl(query, keep_blank_values=True) + parse_qsl(
        body.decode("utf-8", "replace"), keep_blank_values=True
    )
    if queue:
        pairs.append(("QueueUrl", queue))
    operation = dict(pairs).get("Action", "")
    if operation not in model.operations:
        return None
    headers = {**headers, "content-type": "application/x-www-form-urlencoded"}
    return operation, "query", {}, Request("POST", "/", "", headers, urlencode(pairs).encode())


def _as_json(operation: str, output: Mapping[str, Any], request_id: str) -> Answered:
    told = {
        f"{operation}Response": {
            f"{operation}Result": {key: value for key, value in output.items() if value is not None} or None,
            "ResponseMetadata": {"RequestId": request_id},
        }
    }
    if told[f"{operation}Response"][f"{operation}Result"] is None:
        del told[f"{operation}Response"][f"{operation}Result"]
    body = orjson.dumps(told, default=lambda value: value.decode("utf-8", "replace"))
    return Answered(200, {"content-type": "application/json", "x-amzn-requestid": request_id}, body)


async def _whole(response: Response) -> Answered:
    headers = {name.lower(): value for name, value in response.headers}
    return Answered(response.status, headers, await whole(response.body))


async def whole(payload: Any) -> bytes:
    """A payload in one piece. Raises TooLong."""
    if isinstance(payload, bytes):
        return payload
    pieces, size = [], 0
    if isinstance(payload, list | tuple):
        for one in payload:
            pieces.append(_read(one) if isinstance(one, FileRange) else one)
            size += len(pieces[-1])
            if size > MAX_ANSWER:
                raise TooLong("the answer is too long")
    else:
        async for one in payload:
            pieces.append(one)
            size += len(one)
            if size > MAX_ANSWER:
                raise TooLong("the answer is too long")
    return b"".join(pieces)


def _read(part: FileRange) -> bytes:
    if part.length > MAX_ANSWER:
        raise TooLong("the answer is too long")
    with open(part.path, "rb") as file:
        file.seek(part.offset)
        return file.read(part.length)
