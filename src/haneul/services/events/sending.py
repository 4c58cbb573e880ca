"""Handing an event to a target of each kind, by that service's own API."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from haneul.events import targets
from haneul.events.targets import Manner
from haneul.kit.instants import iso8601
from haneul.service import Call
from haneul.services.events import credentials
from haneul.services.events.inputs import path_value, target_input
from haneul.services.events.state import CONNECTIONS, DESTINATIONS, Connection, Destination
from haneul.wire.errors import AwsError

DIRECT = frozenset({"sqs", "logs", "event-bus"})
"""Services quick enough to be called before PutEvents is answered."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
TIMEOUT = 5.0


class Undelivered(Exception):
    """A target didn't take an event. `final`: trying again can't help."""

    def __init__(self, code: str, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.final = final


def service_of(arn: str) -> str:
    """The kind of a target: its ARN's service, and event-bus or api-destination for EventBridge's own."""
    parts = arn.split(":", 5)
    return parts[5].split("/", 1)[0] if parts[2] == "events" else parts[2]


def send(call: Call, rule: str, target: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    """Send an event to its target. Raises Undelivered."""
    kind = service_of(target["Arn"])
    text = target_input(target, event, rule, iso8601(call.now()))
    try:
        if kind == "api-destination":
            _api_destination(call, target, text)
        else:
            targets.deliver(call, target["Arn"], text, _manner(target, event))
    except AwsError as error:
        final = error.status < 500 or error.status == 501
        raise Undelivered(error.code, error.message or error.code, final=final) from None


def _manner(target: Mapping[str, Any], event: Mapping[str, Any]) -> Manner:
    path = (target.get("KinesisParameters") or {}).get("PartitionKeyPath")
    return Manner(
        group=(target.get("SqsParameters") or {}).get("MessageGroupId"),
        deduplication=event["id"],
        key=str(path_value(event, path)) if path else event["id"],
        ecs=target.get("EcsParameters"),
        cause=f"events-rule/{event['id']}",
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _api_destination(call: Call, target: Mapping[str, Any], text: str) -> None:
    parts = target["Arn"].split(":", 5)
    name = parts[5].split("/")[1]
    with call.read() as tx:
        destination = DESTINATIONS.get(tx, call.scope, name)
        connection = None if destination is None else CONNECTIONS.get(tx, call.scope, _named(destination.connection))
    if destination is None or connection is None:
        raise Undelivered("ResourceNotFoundException", f"An api-destination '{name}' does not exist.", final=True)
    _call_web(call, target, destination, connection, text)


def _named(arn: str) -> str:
    return arn.split(":", 5)[5].split("/")[1]


def _call_web(
    call: Call, target: Mapping[str, Any], destination: Destination, connection: Connection, text: str
) -> None:
    parameters = target.get("HttpParameters") or {}
    url = destination.endpoint
    for value in parameters.get("PathParameterValues") or ():
        url = url.replace("*", value, 1)
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK:
        raise Undelivered("EndpointNotReachable", "Only endpoints on this machine are called.", final=True)
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Amazon/EventBridge/ApiDestinations"}
    query = dict(parameters.get("QueryStringParameters") or {})
    body: Any = _json(text)
    extra = _authorisation(call, connection)
    headers |= extra["headers"] | (parameters.get("HeaderParameters") or {})
    query |= extra["query"]
    if extra["body"] and isinstance(body, dict):
        text = json.dumps({**body, **extra["body"]})
    path = (parts.path or "/") + (
        "?" + "&".join(filter(None, (parts.query, urlencode(query)))) if parts.query or query else ""
    )
    status = _request(parts.scheme, parts.hostname or "", parts.port, destination.method, path, text, headers)
    if status >= 300:
        final = 400 <= status < 500 and status not in (401, 407, 409, 429)
        raise Undelivered(str(status), f"The endpoint answered {status}.", final=final)


def _request(
    scheme: str, host: str, port: int | None, method: str, path: str, text: str, headers: Mapping[str, str]
) -> int:
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    connection = kind(host, port, timeout=TIMEOUT)
    try:
        connection.request(method, path, None if method in ("GET", "HEAD") else text.encode(), dict(headers))
        answer = connection.getresponse()
        answer.read(65_536)
        return answer.status
    except (OSError, http.client.HTTPException) as error:
        raise Undelivered("EndpointNotReachable", str(error), final=False) from None
    finally:
        connection.close()


def _authorisation(call: Call, connection: Connection) -> dict[str, dict[str, str]]:
    """Headers, query and body members that a connection adds to every call."""
    secret = call.invoke("secretsmanager", "GetSecretValue", {"SecretId": connection.secret})
    held = credentials.opened(json.loads(secret["SecretString"]))
    extra: dict[str, dict[str, str]] = {"headers": {}, "query": {}, "body": {}}
    if basic := held.get("BasicAuthParameters"):
        both = base64.b64encode(f"{basic['Username']}:{basic['Password']}".encode()).decode()
        extra["headers"]["Authorization"] = f"Basic {both}"
    if key := held.get("ApiKeyAuthParameters"):
        extra["headers"][key["ApiKeyName"]] = key["ApiKeyValue"]
    if oauth := held.get("OAuthParameters"):
        extra["headers"]["Authorization"] = f"Bearer {_token(oauth)}"
    for member, place in (
        ("HeaderParameters", "headers"),
        ("QueryStringParameters", "query"),
        ("BodyParameters", "body"),
    ):
        for parameter in (held.get("InvocationHttpParameters") or {}).get(member) or ():
            extra[place][parameter["Key"]] = parameter["Value"]
    return extra


def _token(oauth: Mapping[str, Any]) -> str:
    """An access token by the client credentials grant, from an authorisation server on this machine."""
    parts = urlsplit(oauth["AuthorizationEndpoint"])
    if parts.hostname not in LOOPBACK:
        raise Undelivered("EndpointNotReachable", "Only endpoints on this machine are called.", final=True)
    client = oauth["ClientParameters"]
    form = {
        "grant_type": "client_credentials",
        "client_id": client["ClientID"],
        "client_secret": client["ClientSecret"],
    }
    for parameter in (oauth.get("OAuthHttpParameters") or {}).get("BodyParameters") or ():
        form[parameter["Key"]] = parameter["Value"]
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request(oauth.get("HttpMethod", "POST"), parts.path or "/", urlencode(form).encode(), headers)
        answer = json.loads(connection.getresponse().read(65_536))
        return str(answer["access_token"])
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        raise Undelivered("AuthorizationFailed", str(error), final=False) from None
    finally:
        connection.close()


def bury(
    call: Call,
    rule: str,
    target: Mapping[str, Any],
    event: Mapping[str, Any],
    failure: Undelivered,
    tries: int,
    condition: str = "",
) -> None:
    """Send what can't be delivered to the target's dead-letter queue, if it has one."""
    dead = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not dead:
        return
    told = {
        "RULE_ARN": rule,
        "TARGET_ARN": target["Arn"],
        "ERROR_CODE": failure.code,
        "ERROR_MESSAGE": failure.message,
        "EXHAUSTED_RETRY_CONDITION": condition,
        "RETRY_ATTEMPTS": str(tries) if condition else "",
    }
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in told.items() if value}
    request = {"QueueUrl": targets.queue_url(dead), "MessageBody": json.dumps(event), "MessageAttributes": attributes}
    try:
        call.invoke("sqs", "SendMessage", request)
    except AwsError:
        pass  # there is nowhere left to tell it
