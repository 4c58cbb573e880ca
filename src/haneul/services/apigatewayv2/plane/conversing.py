"""WebSocket connections: the handshake and its guards, messages to their routes, and the end of it."""

from __future__ import annotations

import inspect
import logging
import re
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from haneul.auth.principals import ANONYMOUS
from haneul.engines.integrations.logs import access_line, group_of
from haneul.engines.integrations.sockets import Socket, accepting, sockets_of
from haneul.service import Call, Guard
from haneul.services.apigatewayv2.plane import authorizing, behind
from haneul.services.apigatewayv2.plane.deployed import DEFAULT, Route
from haneul.services.apigatewayv2.plane.messages import CONNECT, DISCONNECT, MESSAGE, Client, Message
from haneul.services.apigatewayv2.plane.refusals import Refused, forbidden, throttled, unauthorized
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response, Upgrade

if TYPE_CHECKING:
    from haneul.services.apigatewayv2.plane.house import House, Served

log = logging.getLogger("haneul.apigatewayv2")
OWN_ROUTES = ("$connect", "$disconnect")
MAX_AT_ONCE = 32
_UNIT = 32 << 10
_MINUTE = 60.0
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~\-]+")


async def open_connection(house: House, call: Call, request: Request, served: Served, api: str, stage: str) -> Response:
    """The answer to a handshake: the connection, or why there is none."""
    call.scope = served.scope
    call.principal = ANONYMOUS
    held = served.stages.get(stage)
    deployed = served.deployed.get(str((held or {}).get("DeploymentId")))
    if held is None or deployed is None:
        return _refusal(forbidden())
    if len(sockets_of(house.cloud)) >= house.cloud.config.max_connections // 2:
        return _refusal(throttled())  # what remains is for those who ask and go
    headers = accepting(request.headers)
    if headers is None:
        return Response(400, [("Content-Type", "application/json")], b'{"message":"Bad Request"}')
    inner = house.acting(served.scope)
    client = Client(request, api, stage, served.scope, call.now())
    message = Message(inner, client, CONNECT, held, deployed)
    message.route = deployed.by_key.get("$connect")
    try:
        response = await _shake(house, message, headers)
    except Refused as refused:
        message.error = refused.message
        response = _refusal(refused)
    except behind.Failed as failed:
        message.error = failed.text
        response = Response(failed.status, [("Content-Type", "application/json")], message.failure(failed.text))
    except Exception as error:
        log.error("$connect of %s failed", api, exc_info=error)
        response = Response(500, [("Content-Type", "application/json")], message.failure(behind.INTERNAL))
    message.status = 200 if response.status == 101 else response.status
    response.headers.append(("x-amzn-RequestId", message.request_id))
    _note(house, message)
    if request.gone and isinstance(response, Upgrade):  # hung up while the function was asked
        house.spawn(_part(house, client, (1006, "")))
    return response


def _refusal(refused: Refused) -> Response:
    body = orjson.dumps({"message": refused.message})
    return Response(refused.status, [("Content-Type", "application/json"), *refused.headers], body)


async def _shake(house: House, message: Message, headers: list[tuple[str, str]]) -> Response:
    """Past the guards to $connect's integration. Raises Refused, Failed."""
    client, route = message.client, message.route
    if route is not None:
        _limit(house, message, route)
        await _authorise(house, message, route)
        await _check_key(message, route)
        _check_parameters(message, route)
        told = await behind.ask(house, message)
        if not 200 <= told.status < 300:
            return Response(told.status, [("Content-Type", "application/json")], told.body or b"")
        chosen = told.headers.get("sec-websocket-protocol", "")
        if chosen and _TOKEN.fullmatch(chosen):
            headers = [*headers, ("Sec-WebSocket-Protocol", chosen)]
    socket = Socket(
        sockets_of(house.cloud),
        Conversation(house, client),
        house.cloud.loop,
        house.cloud.clock.now,
        identity=client.id,
        scope=client.scope,
        api=client.api,
        stage=client.stage,
        client=client.request.client,
        agent=client.request.headers.get("user-agent", ""),
    )
    return Upgrade(headers, socket)


# Guards


def _settings(message: Message, key: str) -> Mapping[str, Any]:
    return {**message.stage["DefaultRouteSettings"], **(message.stage["RouteSettings"].get(key) or {})}


def _limit(house: House, message: Message, route: Route) -> None:
    said = _settings(message, route.key)
    rate, burst = said.get("ThrottlingRateLimit"), said.get("ThrottlingBurstLimit")
    if rate is None and burst is None:
        return
    rate = 10_000.0 if rate is None else rate
    burst = max(5_000.0, rate) if burst is None else burst
    key = (message.client.api, message.client.stage, route.id)
    if not house.buckets.take(key, rate, burst, message.call.now()):
        raise throttled()


async def _authorise(house: House, message: Message, route: Route) -> None:
    """Raise Refused unless the client may connect."""
    kind = route.held["AuthorizationType"]
    if kind == "AWS_IAM":
        _signed(message)
    elif kind == "CUSTOM":
        await _verdict(house, message, route)


def _signed(message: Message) -> None:
    request, client = message.request, message.client
    if not request.headers.get("authorization", "").startswith("AWS4-") and "X-Amz-Signature=" not in request.query:
        raise Refused(403, "Missing Authentication Token")
    cloud = message.call.cloud
    try:
        client.principal = cloud.verifier.verify(request, "execute-api").principal
    except AwsError as error:
        message.authorizer_error = error.message
        raise Refused(403, error.message) from None
    call = cloud.call_as("apigatewayv2", message.scope, client.principal)
    call.http = request
    if not cloud.gate.allows(call, authorizing.INVOKE, message.arn(), Guard(message.scope.account)):
        raise forbidden()


async def _verdict(house: House, message: Message, route: Route) -> None:
    held = message.deployed.authorizers.get(route.held.get("AuthorizerId") or "")
    if held is None:
        raise Refused(500, behind.INTERNAL)
    values = []
    for source in held["IdentitySource"]:
        value = message.source(source.removeprefix("$"))
        if not value:
            raise unauthorized()
        values.append(value)
    event = {"type": "REQUEST", "methodArn": message.arn(), **message.event()}
    del event["isBase64Encoded"]
    started = message.call.cloud.clock.monotonic()
    try:
        verdict = await authorizing.ask(message, held, event)
    except Refused as refused:
        raise refused if refused.status != 500 else Refused(500, behind.INTERNAL) from None
    if not authorizing.allows(message, verdict):
        words = "User is not authorized to access this resource"
        raise Refused(403, words)
    context = {key: _shown(value) for key, value in (verdict.get("context") or {}).items() if value is not None}
    latency = int((message.call.cloud.clock.monotonic() - started) * 1000)
    message.client.usage_key = str(verdict.get("usageIdentifierKey") or "")
    message.client.authorizer = {**context, "principalId": verdict["principalId"], "integrationLatency": latency}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


async def _check_key(message: Message, route: Route) -> None:
    """An API key of the account, enabled. Raises Refused."""
    if not route.held.get("ApiKeyRequired"):
        return
    by_authorizer = str(message.deployed.api.get("ApiKeySelectionExpression")).startswith("$context.authorizer")
    value = message.client.usage_key if by_authorizer else message.request.headers.get("x-api-key", "")
    if value:
        answer = message.call.invoke("apigateway", "GetApiKeys", {"includeValues": True, "limit": 500})
        answer = await answer if inspect.isawaitable(answer) else answer
        if any(one.get("value") == value and one.get("enabled") for one in answer.get("items") or ()):
            return
    raise forbidden("INVALID_API_KEY")


def _check_parameters(message: Message, route: Route) -> None:
    """Headers and query parameters that the handshake must have. Raises Refused."""
    lacking = [
        name.rpartition(".")[2]
        for name, said in (route.held.get("RequestParameters") or {}).items()
        if said.get("Required") and not message.source(name)
    ]
    if lacking:
        raise Refused(400, f"Missing required request parameters: [{', '.join(lacking)}]", "BAD_REQUEST_PARAMETERS")


# An open connection


class Conversation:
    """What happens on one connection: a `Listener` of its socket."""

    def __init__(self, house: House, client: Client) -> None:
        self._house = house
        self._client = client
        self._under_way = 0
        self._waiting: deque[tuple[bytes, bool]] = deque()

    def opened(self, socket: Socket) -> None:
        self._house.count(self._client, "ConnectCount")

    def received(self, socket: Socket, data: bytes, is_text: bool) -> None:
        self._waiting.append((data, is_text))
        self._pump(socket)

    def _pump(self, socket: Socket) -> None:
        """Begin what may begin; who is ahead of us waits."""
        while self._waiting and self._under_way < MAX_AT_ONCE:
            self._under_way += 1
            self._house.spawn(self._answer(socket, *self._waiting.popleft()))
        if self._waiting:
            socket.pause()
        else:
            socket.resume()

    def closed(self, socket: Socket, code: int, reason: str) -> None:
        minutes = -(-(self._house.cloud.clock.now() - self._client.connected) // _MINUTE)
        self._house.meter(self._client.scope, "ApiGatewayMinute", max(1.0, minutes))
        if code == 1005:
            reason = "Client-side close frame status not set"
        elif not reason and code == 1000:
            reason = "Connection Closed Normally"
        self._house.spawn(_part(self._house, self._client, (code, reason)))

    async def _answer(self, socket: Socket, data: bytes, is_text: bool) -> None:
        try:
            await self._converse(socket, data, is_text)
        finally:
            self._under_way -= 1
            self._pump(socket)

    async def _converse(self, socket: Socket, data: bytes, is_text: bool) -> None:
        house, client = self._house, self._client
        message = _message(house, client, MESSAGE, data)
        if message is None:  # the API or stage is gone
            socket.close(1001, "Going away")
            return
        message.is_text = is_text
        house.meter(client.scope, "ApiGatewayMessage", float(max(1, -(-len(data) // _UNIT))))
        house.count(client, "MessageCount")
        answer: bytes | None
        try:
            answer = await _routed(house, message)
            message.status = 200
        except Refused as refused:
            message.error, message.status = refused.message, refused.status
            answer = message.failure(refused.message)
        except behind.Failed as failed:
            message.error, message.status = failed.text, failed.status
            answer = message.failure(failed.text)
        except Exception as error:
            log.error("a message to %s failed", client.api, exc_info=error)
            message.error, message.status = behind.INTERNAL, 500
            answer = message.failure(behind.INTERNAL)
        if answer is not None and socket.send(answer, _is_text(answer)):
            house.meter(client.scope, "ApiGatewayMessage", float(max(1, -(-len(answer) // _UNIT))))
        _note(house, message)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _message(house: House, client: Client, kind: str, body: bytes = b"") -> Message | None:
    """An event of this connection, on the API as it is served now; None when it isn't any more."""
    call = house.acting(client.scope)
    served = house.served(call, client.api)
    held = served.stages.get(client.stage) if served is not None else None
    deployed = served.deployed.get(str(held.get("DeploymentId"))) if served is not None and held is not None else None
    return None if held is None or deployed is None else Message(call, client, kind, held, deployed, body)


async def _routed(house: House, message: Message) -> bytes | None:
    """What a message's route has to say to the client, None for nothing. Raises Refused, Failed."""
    by_key = message.deployed.by_key
    key = ""
    if message.is_text:
        key = message.expression(str(message.deployed.api.get("RouteSelectionExpression") or ""))
    route = (by_key.get(key) if key not in OWN_ROUTES else None) or by_key.get(DEFAULT)
    if route is None:
        raise forbidden()
    message.route = route
    _limit(house, message, route)
    _validate(message, route)
    told = await behind.ask(house, message)
    return told.body if route.held.get("responses") else None


def _validate(message: Message, route: Route) -> None:
    """Hold the message to the model that the route chooses. Raises Refused."""
    wanted = route.held.get("RequestModels") or {}
    if not wanted:
        return
    expression = route.held.get("ModelSelectionExpression")
    key = message.expression(expression) if expression else DEFAULT
    schema = message.deployed.models.get(wanted.get(key) or wanted.get(DEFAULT) or "")
    if schema is None:
        return
    import jsonschema_rs

    validator = route.scratch.get(schema)
    if validator is None:
        try:
            validator = route.scratch[schema] = jsonschema_rs.Draft4Validator(orjson.loads(schema))
        except ValueError as error:
            raise behind.Failed(behind.INTERNAL, 500) from error
    try:
        fits = validator.is_valid(orjson.loads(message.body))
    except ValueError:
        fits = False
    if not fits:
        raise Refused(400, "Invalid request body", "BAD_REQUEST_BODY")


async def _part(house: House, client: Client, ended: tuple[int, str]) -> None:
    """Tell $disconnect. As with AWS, nobody waits for what it says."""
    message = _message(house, client, DISCONNECT)
    route = message.deployed.by_key.get("$disconnect") if message is not None else None
    if message is None or route is None:
        return
    message.route = route
    message.ended = ended
    try:
        message.status = (await behind.ask(house, message)).status
    except behind.Failed as failed:
        message.error, message.status = failed.text, failed.status
    except Exception as error:
        log.error("$disconnect of %s failed", client.api, exc_info=error)
    _note(house, message)


def _note(house: House, message: Message) -> None:
    """Tell the stage's logs and CloudWatch of the event."""
    client, scope, now = message.client, message.scope, message.call.now()
    source = f"{client.api}/{client.stage}"
    wanted = message.stage.get("AccessLogSettings") or {}
    group = group_of(wanted.get("DestinationArn") or "")
    if group and wanted.get("Format"):
        house.logs.add(scope, group, source, now, [access_line(message.context(), wanted["Format"])])
    key = message.route.key if message.route is not None else DEFAULT
    level = _settings(message, key).get("LoggingLevel") or "OFF"
    if level == "INFO" or (level == "ERROR" and message.status >= 400):
        lines = [f"({message.request_id}) {line}" for line in _told(message, key)]
        house.logs.add(scope, f"/aws/apigateway/{source}", source, now, lines)
    if message.integration_latency is not None:
        house.count(client, "IntegrationLatency", message.integration_latency * 1000, "Milliseconds", key)
    if message.status >= 400:
        kind = "ClientError" if message.status < 500 else "IntegrationError" if message.integration_error else ""
        house.count(client, kind or "ExecutionError", route=key)


def _told(message: Message, key: str) -> list[str]:
    """An event as execution logs tell it."""
    lines = [f"Extended Request Id: {message.request_id}", f"Selected route: {key}"]
    if _settings(message, key).get("DataTraceEnabled"):
        lines.append(f"Incoming message: {message.body[:1024].decode(errors='replace')}")
    if message.integration_error:
        lines.append(f"Execution failed: {message.integration_error}")
    return [*lines, f"Method completed with status: {message.status}"]
