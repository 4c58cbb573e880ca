"""Function URLs: an address of its own for a function, and the requests that arrive there."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from haneul.kit import tokens
from haneul.service import Call, Guard, Scope, operation
from haneul.services.lambda_ import names
from haneul.services.lambda_.describing import instant
from haneul.services.lambda_.errors import conflict, not_found
from haneul.services.lambda_.invoking import SYNCHRONOUS, find, work_of
from haneul.services.lambda_.names import Name, parse
from haneul.services.lambda_.paging import page
from haneul.services.lambda_.permissions import document
from haneul.services.lambda_.running import House, house
from haneul.services.lambda_.state import HOUSE, PLACES, POLICIES, SETTINGS, Place, Setting
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response

_JSON = [("Content-Type", "application/json")]
_HOP = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "date", "server"})
_IDENTITY = "abcdefghijklmnopqrstuvwxyz234567"


def _describe(call: Call, name: Name, row: Setting) -> dict[str, Any]:
    held = row.held
    host = f"{held['id']}.lambda-url.{name.scope.region}.{call.cloud.config.domain or 'localhost'}"
    return {
        "FunctionUrl": f"http://{host}:{call.cloud.port}/",
        "FunctionArn": f"{name.arn}:{row.qualifier}" if row.qualifier else name.arn,
        "AuthType": held["AuthType"],
        "Cors": held.get("Cors"),
        "InvokeMode": held.get("InvokeMode", "BUFFERED"),
        "CreationTime": instant(held["created"]),
        "LastModifiedTime": instant(held["modified"]),
    }


@operation(resource=names.resource)
def create_function_url_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateFunctionUrlConfig. Raises ResourceConflictException."""
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    with call.write() as tx:
        names.function(tx, name)
        names.version(tx, name)
        if SETTINGS.get(tx, name.scope, "url", name.name, name.qualifier) is not None:
            raise conflict(
                f"Failed to create function url config for [functionArn = {name.qualified}]. Error message:  "
                "FunctionUrlConfig exists for this Lambda function"
            )
        drawn = bytes.fromhex(tokens.random_hex(64))
        identity = "".join(_IDENTITY[octet % 32] for octet in drawn)
        held = {"id": identity, "created": call.now(), "modified": call.now()}
        held |= {key: request[key] for key in ("AuthType", "Cors", "InvokeMode") if request.get(key) is not None}
        row = Setting(kind="url", name=name.name, qualifier=name.qualifier, held=held)
        SETTINGS.put(tx, name.scope, row)
        place = Place(
            id=identity,
            account=name.scope.account,
            region=name.scope.region,
            name=name.name,
            qualifier=name.qualifier,
        )
        PLACES.put(tx, HOUSE, place)
    told = _describe(call, name, row)
    del told["LastModifiedTime"]
    return told


def _find(tx: Any, name: Name) -> Setting:
    names.function(tx, name)
    row = SETTINGS.get(tx, name.scope, "url", name.name, name.qualifier)
    if row is None:
        raise not_found("The resource you requested does not exist.")
    return row


@operation(resource=names.resource)
def get_function_url_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    with call.read() as tx:
        return _describe(call, name, _find(tx, name))


@operation(resource=names.resource)
def update_function_url_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    with call.write() as tx:
        row = _find(tx, name)
        given = {key: request[key] for key in ("AuthType", "Cors", "InvokeMode") if request.get(key) is not None}
        row.held = row.held | given | {"modified": call.now()}
        SETTINGS.put(tx, name.scope, row)
    return _describe(call, name, row)


@operation(resource=names.resource)
def delete_function_url_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    with call.write() as tx:
        row = _find(tx, name)
        SETTINGS.delete(tx, name.scope, "url", name.name, name.qualifier)
        PLACES.delete(tx, HOUSE, row.held["id"])
    return {}


@operation(resource=names.resource)
def list_function_url_configs(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"])
    with call.read() as tx:
        names.function(tx, name)
        found = [_describe(call, name, row) for row in SETTINGS.scan(tx, name.scope, "url", name.name)]
    chosen, marker = page(found, request, 50)
    return {"FunctionUrlConfigs": chosen, "NextMarker": marker}


# Requests that arrive


def _place(call: Call, request: Request) -> tuple[Name, dict[str, Any]] | None:
    identity = request.headers.get("host", "").split(".")[0].lower()
    with call.read() as tx:
        place = PLACES.get(tx, HOUSE, identity)
        if place is None:
            return None
        scope = Scope(place.account, place.region)
        row = SETTINGS.get(tx, scope, "url", place.name, place.qualifier)
    return None if row is None else (Name(scope, place.name, place.qualifier), row.held)


def _cors(request: Request, held: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the URL's CORS settings tell a page of another origin."""
    cors = held.get("Cors")
    if not cors or "origin" not in request.headers:
        return []
    origin = request.headers.get("origin", "")
    allowed = cors.get("AllowOrigins") or []
    if origin not in allowed and "*" not in allowed:
        return []
    pairs = [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
    if cors.get("AllowCredentials"):
        pairs.append(("Access-Control-Allow-Credentials", "true"))
    for key, name in (("AllowMethods", "Methods"), ("AllowHeaders", "Headers")):
        if cors.get(key) and request.method == "OPTIONS":
            pairs.append((f"Access-Control-Allow-{name}", ",".join(cors[key])))
    if cors.get("ExposeHeaders"):
        pairs.append(("Access-Control-Expose-Headers", ",".join(cors["ExposeHeaders"])))
    if cors.get("MaxAge") and request.method == "OPTIONS":
        pairs.append(("Access-Control-Max-Age", str(cors["MaxAge"])))
    return pairs


async def answer(call: Call, request: Request, target: Any) -> Response | None:
    """A request to a function's URL. Raises AwsError only for what isn't ours."""
    if "lambda-url" not in target.host.labels:
        return None
    if request.headers.get("host", "").startswith("code."):
        return _archive(call, request)
    found = _place(call, request)
    if found is None:
        return Response(404, list(_JSON), b'{"Message":null}')
    name, held = found
    cors = _cors(request, held)
    if held.get("Cors") and request.method == "OPTIONS":
        return Response(200, cors)
    if held["AuthType"] == "AWS_IAM" and call.principal.kind == "anonymous":
        return Response(403, [*_JSON, *cors], b'{"Message":"Forbidden"}')
    try:
        _permit(call, name, held)
    except AwsError:
        return Response(403, [*_JSON, *cors], b'{"Message":"Forbidden"}')
    response = await _serve(call, request, name, held)
    response.headers.extend(cors)
    return response


def _permit(call: Call, name: Name, held: Mapping[str, Any]) -> None:
    """The function's policy, or the caller's own, must allow it; open URLs too have to say so in a policy."""
    with call.read() as tx:
        policy = POLICIES.get(tx, name.scope, name.name, name.qualifier)
    said = Guard(name.scope.account, None if policy is None else document(policy))
    keys = {"lambda:FunctionUrlAuthType": held["AuthType"]}
    if call.cloud.config.iam_enforced:
        call.cloud.gate.check(
            call, "lambda:InvokeFunctionUrl", name.qualified, said, conditions=lambda _call, _request: keys
        )


async def _serve(call: Call, request: Request, name: Name, held: Mapping[str, Any]) -> Response:
    body = request.body
    if request.stream is not None:
        body = await request.stream.read(SYNCHRONOUS)
    payload = json.dumps(_event(call, name, request, held, body)).encode()
    inner = call.cloud.call_as("lambda", name.scope)
    with inner.read() as tx:
        function, version, _ = find(tx, name)
    plane: House = house(call)
    try:
        outcome = await plane.perform(inner, name, function, version, work_of(inner, name, payload))
    except AwsError as error:
        told = json.dumps({"Message": error.message}).encode()
        return Response(error.status, list(_JSON), told)
    call.usage = inner.usage
    if outcome.error:
        return Response(502, list(_JSON), b"Internal Server Error")
    return _shaped(outcome.payload)


def _event(call: Call, name: Name, request: Request, held: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """The request as payload format 2.0."""
    now = datetime.datetime.fromtimestamp(call.now(), datetime.UTC)
    headers = {key: value for key, value in request.headers.items() if key != "cookie"}
    domain = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
    headers |= {"x-forwarded-proto": "https" if request.secure else "http", "x-forwarded-for": request.client}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous" if call.principal.kind == "anonymous" else call.account,
            "apiId": held["id"],
            "domainName": domain,
            "domainPrefix": held["id"],
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.client,
                "userAgent": request.headers.get("user-agent", ""),
            },
            "requestId": tokens.uuid(),
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(call.now() * 1000),
        },
        "isBase64Encoded": False,
    }
    if request.query:
        pairs: dict[str, str] = {}
        for key, value in parse_qsl(request.query, keep_blank_values=True):
            pairs[key] = f"{pairs[key]},{value}" if key in pairs else value
        event["queryStringParameters"] = pairs
    if request.headers.get("cookie"):
        event["cookies"] = [one.strip() for one in request.headers["cookie"].split(";")]
    if held["AuthType"] == "AWS_IAM":
        who = call.principal
        event["requestContext"]["authorizer"] = {
            "iam": {"accessKey": who.access_key, "accountId": call.account, "userArn": who.arn, "userId": who.user_id}
        }
    if body:
        kind = request.headers.get("content-type", "")
        try:
            if not kind.startswith(
                ("text/", "application/json", "application/x-www-form-urlencoded", "application/xml")
            ):
                raise ValueError
            event["body"] = body.decode()
        except ValueError:
            event["body"], event["isBase64Encoded"] = base64.b64encode(body).decode(), True
    return event


def _shaped(payload: bytes) -> Response:
    """A handler's answer as HTTP: with statusCode it says how, else it is the body."""
    try:
        told = json.loads(payload)
    except ValueError:
        return Response(200, [("Content-Type", "application/octet-stream")], payload)
    if not isinstance(told, dict) or "statusCode" not in told:
        return Response(200, list(_JSON), told.encode() if isinstance(told, str) else payload)
    headers = [(str(k), str(v)) for k, v in (told.get("headers") or {}).items() if str(k).lower() not in _HOP]
    headers = [(k, v.replace("\r", "").replace("\n", "")) for k, v in headers if k.replace("-", "").isalnum()]
    if not any(key.lower() == "content-type" for key, _ in headers):
        headers.append(("Content-Type", "application/json"))
    headers += [("Set-Cookie", str(one).replace("\r", "").replace("\n", "")) for one in told.get("cookies") or ()]
    body = told.get("body", "")
    text = body if isinstance(body, str) else json.dumps(body)
    try:
        status = int(told["statusCode"])
        data = base64.b64decode(text) if told.get("isBase64Encoded") else text.encode()
    except (ValueError, TypeError):
        return Response(502, list(_JSON), b"Internal Server Error")
    return Response(status, headers, data)


def _archive(call: Call, request: Request) -> Response:
    """The archive of a function or layer, for who has its ticket."""
    blob = request.path.strip("/")
    ticket = unquote_plus(request.query.removeprefix("ticket="))
    if len(blob) != 40 or not blob.isalnum() or not house(call).lets(blob, ticket, call.now()):
        return Response(403, list(_JSON), b'{"Message":"Forbidden"}')
    # The ticket is the right: a page that has it (the console's editor) may read what it leads to.
    headers = [("Content-Type", "application/zip"), ("Access-Control-Allow-Origin", "*")]
    return Response(200, headers, [call.cloud.blobs.ranges(blob, 0, call.cloud.blobs.size(blob))])
