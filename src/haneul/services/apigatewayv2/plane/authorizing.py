"""Who may call an HTTP API: IAM, JSON web tokens, and Lambda functions' verdicts with their cache."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from haneul.auth import jwt
from haneul.auth.context import CallKeys
from haneul.auth.decision import evaluate
from haneul.auth.principals import Policies, Principal
from haneul.service import Guard
from haneul.services.apigatewayv2.plane import events
from haneul.services.apigatewayv2.plane.exchange import Exchange
from haneul.services.apigatewayv2.plane.functions import function_of
from haneul.services.apigatewayv2.plane.issuers import Unreachable
from haneul.services.apigatewayv2.plane.mapping import source
from haneul.services.apigatewayv2.plane.refusals import Refused, broken, forbidden, unauthorized
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.services.apigatewayv2.plane.house import House

INVOKE = "execute-api:Invoke"
PATIENCE = 10.0
"""Seconds that an authorizer's function may take, as AWS has it."""
SKEW = 1.0


async def authorise(house: House, exchange: Exchange) -> None:
    """Raise Refused unless the request may pass."""
    route = exchange.route
    assert route is not None
    assert exchange.deployed is not None
    kind = route.held["AuthorizationType"]
    if kind == "NONE":
        return
    if kind == "AWS_IAM":
        _signed(exchange)
        return
    held = exchange.deployed.authorizers.get(route.held.get("AuthorizerId") or "")
    if held is None:
        raise broken("AUTHORIZER_CONFIGURATION_ERROR")
    if kind == "JWT":
        await _token(house, exchange, held)
    else:
        await _verdict(house, exchange, held)


# IAM


def _signed(exchange: Exchange) -> None:
    """Who signed the request, and may they. AWS tells nothing but Forbidden."""
    request = exchange.request
    if not request.headers.get("authorization", "").startswith("AWS4-") and "X-Amz-Signature=" not in request.query:
        raise forbidden("MISSING_AUTHENTICATION_TOKEN")
    try:
        who = exchange.call.cloud.verifier.verify(request, "execute-api").principal
    except AwsError as error:
        exchange.authorizer_error = error.message
        raise forbidden("INVALID_SIGNATURE") from None
    exchange.principal = who
    call = exchange.call.cloud.call_as("apigatewayv2", exchange.scope, who)
    call.http = request
    if not call.cloud.gate.allows(call, INVOKE, exchange.arn(), Guard(exchange.scope.account)):
        raise forbidden()
    exchange.authorizer = {
        "iam": {
            "accessKey": who.access_key,
            "accountId": who.account,
            "callerId": who.user_id,
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": who.arn,
            "userId": who.user_id,
        }
    }


# JSON web tokens


def _invalid(exchange: Exchange, why: str) -> Refused:
    exchange.authorizer_error = why
    said = f'Bearer scope="" error="invalid_token" error_description="{why}"'
    return unauthorized([("www-authenticate", said)])


async def _token(house: House, exchange: Exchange, held: Mapping[str, Any]) -> None:
    text = source(exchange, held["IdentitySource"][0].removeprefix("$")) or ""
    if not text:
        raise unauthorized([("www-authenticate", "Bearer")])
    text = re.sub(r"^Bearer\s+", "", text, flags=re.I).strip()
    try:
        token = jwt.parse(text)
    except jwt.NotAToken:
        raise _invalid(exchange, "the token is malformed") from None
    configuration, now = held["JwtConfiguration"], exchange.call.now()
    claims = token.claims
    if claims.get("iss") != configuration["Issuer"]:
        raise _invalid(exchange, "invalid issuer")
    try:
        keys = await house.issuers.keys(configuration["Issuer"], token.header.get("kid"), now)
    except Unreachable:
        raise _invalid(exchange, "OIDC discovery endpoint communication error") from None
    if not jwt.verify(token, keys):
        raise _invalid(exchange, "signature is invalid")
    _check_claims(exchange, claims, configuration, now)
    scopes = _scopes(claims)
    wanted = exchange.route.held.get("AuthorizationScopes") if exchange.route is not None else None
    if wanted and not set(wanted) & set(scopes):
        said = f'Bearer scope="{" ".join(wanted)}" error="insufficient_scope" error_description="insufficient scope"'
        exchange.authorizer_error = "insufficient scope"
        raise Refused(403, "Forbidden", "ACCESS_DENIED", [("www-authenticate", said)])
    told = {key: _claim(value) for key, value in claims.items()}
    exchange.authorizer = {"jwt": {"claims": told, "scopes": scopes if wanted else None}}


def _check_claims(exchange: Exchange, claims: Mapping[str, Any], configuration: Mapping[str, Any], now: float) -> None:
    meant = claims.get("aud")
    meant = meant if meant is not None else claims.get("client_id")
    if not set(meant if isinstance(meant, list) else [meant]) & set(configuration["Audience"]):
        raise _invalid(exchange, "invalid audience")
    expires, begins, issued = (claims.get(key) for key in ("exp", "nbf", "iat"))
    if not isinstance(expires, int | float) or expires <= now:
        raise _invalid(exchange, "the token has expired")
    for moment in (begins, issued):
        if moment is not None and (not isinstance(moment, int | float) or moment > now + SKEW):
            raise _invalid(exchange, "the token is not valid yet")


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    found = claims.get("scope") or claims.get("scp") or ""
    return [str(one) for one in found] if isinstance(found, list) else str(found).split()


def _claim(value: Any) -> str:
    """Claims reach functions as text; lists as [a b]."""
    if isinstance(value, list):
        return f"[{' '.join(_claim(one) for one in value)}]"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


# Lambda functions


def identities(exchange: Exchange, held: Mapping[str, Any]) -> list[str]:
    """The values that identify the caller. Raises Refused (401) when one is missing."""
    found = []
    for expression in held["IdentitySource"]:
        value = source(exchange, expression.removeprefix("$"))
        if not value:
            raise unauthorized()
        found.append(value)
    return found


async def _verdict(house: House, exchange: Exchange, held: Mapping[str, Any]) -> None:
    values = identities(exchange, held)
    ttl = held.get("AuthorizerResultTtlInSeconds", 0) if values else 0
    key = (exchange.api, exchange.stage_name, held["AuthorizerId"], *values)
    now = exchange.call.now()
    verdict = house.verdicts.get(key, now) if ttl else None
    if verdict is None:
        verdict = await ask(exchange, held, _event(exchange, held, values))
        if ttl:
            house.verdicts.put(key, now + ttl, verdict)
    if held.get("EnableSimpleResponses"):
        if verdict.get("isAuthorized") is not True:
            raise forbidden()
    elif not allows(exchange, verdict):
        raise forbidden()
    context = verdict.get("context")
    if held["AuthorizerPayloadFormatVersion"] == "1.0":
        context = {"principalId": verdict["principalId"], **(context or {})}
    exchange.authorizer = {"lambda": context}


def _event(exchange: Exchange, held: Mapping[str, Any], values: list[str]) -> dict[str, Any]:
    version = held["AuthorizerPayloadFormatVersion"]
    event = events.payload(exchange, version)
    del event["isBase64Encoded"]
    event.pop("body", None)
    if version == "2.0":
        told = {"version": "2.0", "type": "REQUEST", "routeArn": exchange.arn(), "identitySource": values or None}
        return told | event
    joined = ",".join(values)
    return {"version": "1.0", "type": "REQUEST", "methodArn": exchange.arn(), "identitySource": joined,
            "authorizationToken": joined} | event  # fmt: skip


async def ask(exchange: Any, held: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """The function's verdict, of a shape that can be used. Raises Refused (500)."""
    uri = re.sub(r"\$\{stageVariables\.(\w+)\}", lambda found: exchange.variables.get(found.group(1), ""),
                 held["AuthorizerUri"])  # fmt: skip
    try:
        asked = {"FunctionName": function_of(uri), "Payload": orjson.dumps(event)}
        answer = exchange.call.invoke("lambda", "Invoke", asked)
        answer = await asyncio.wait_for(answer, PATIENCE) if inspect.isawaitable(answer) else answer
        told = orjson.loads(answer.get("Payload") or b"null")
    except (AwsError, ValueError, TimeoutError) as error:
        exchange.authorizer_error = str(error) or "The authorizer function took too long"
        raise broken("AUTHORIZER_FAILURE") from None
    if answer.get("FunctionError"):
        message = told.get("errorMessage") if isinstance(told, dict) else None
        exchange.authorizer_error = str(message or "The authorizer function failed")
        raise unauthorized() if message == "Unauthorized" else broken("AUTHORIZER_FAILURE")
    if isinstance(told, dict) and isinstance(told.get("context") or {}, dict):
        if held.get("EnableSimpleResponses"):
            return told
        if isinstance(told.get("policyDocument"), dict) and told.get("principalId"):
            return told
    exchange.authorizer_error = "Malformed authorizer response"
    raise broken("AUTHORIZER_FAILURE")


def allows(exchange: Any, verdict: Mapping[str, Any]) -> bool:
    """Whether a verdict's policy lets the request pass."""
    account = exchange.scope.account
    call = exchange.call.cloud.call_as("apigatewayv2", exchange.scope)
    call.http = exchange.request
    return evaluate(
        Principal(account=account, arn=f"arn:aws:sts::{account}:assumed-role/a/b", kind="role",
                  role_arn=f"arn:aws:iam::{account}:role/a"),
        INVOKE,
        exchange.arn(),
        CallKeys(call, {}, None, account),
        Policies(identity=(("authorizer", json.dumps(verdict["policyDocument"], sort_keys=True)),)),
    ).allowed  # fmt: skip


class Verdicts:
    """Verdicts of all authorizers, bounded; a key begins with API and stage."""

    MOST = 10_000

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], tuple[float, dict[str, Any]]] = {}

    def get(self, key: tuple[str, ...], now: float) -> dict[str, Any] | None:
        found = self._kept.get(key)
        return found[1] if found is not None and found[0] > now else None

    def put(self, key: tuple[str, ...], until: float, verdict: dict[str, Any]) -> None:
        if len(self._kept) >= self.MOST:
            self._kept.clear()
        self._kept[key] = (until, verdict)

    def forget(self, api: str, stage: str) -> None:
        for key in [one for one in self._kept if one[:2] == (api, stage)]:
            del self._kept[key]
