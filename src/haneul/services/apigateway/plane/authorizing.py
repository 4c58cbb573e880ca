"""Who may call: resource policies, IAM, and authorizers (Lambda's verdicts and Cognito's tokens), with their caches."""

from __future__ import annotations

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
from haneul.engines.integrations import rights
from haneul.service import Guard
from haneul.services.apigateway.plane.exchange import Exchange
from haneul.services.apigateway.plane.mapping import source_value, variables_in
from haneul.services.apigateway.plane.refusals import Refused, configuration
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.services.apigateway.plane.house import House

INVOKE = "execute-api:Invoke"
MAX_VERDICTS = 10_000
_ERRORS = {"SignatureDoesNotMatch": "InvalidSignatureException", "InvalidClientTokenId": "UnrecognizedClientException"}
"""The query protocol's names for what API Gateway calls otherwise."""


def unauthorized() -> Refused:
    return Refused("UNAUTHORIZED", "Unauthorized")


def misconfigured(kind: str = "AUTHORIZER_CONFIGURATION_ERROR") -> Refused:
    return Refused(kind, None)


async def authorise(house: House, exchange: Exchange) -> None:
    """Raise Refused unless the request may pass."""
    method = exchange.method
    assert method is not None
    assert exchange.deployed is not None
    kind = method.held["authorizationType"]
    if kind == "AWS_IAM":
        _identify(exchange)
    policy = exchange.deployed.api.get("policy")
    if policy or kind == "AWS_IAM":
        _check(exchange, policy or None, kind == "AWS_IAM")
    if kind in ("CUSTOM", "COGNITO_USER_POOLS"):
        held = exchange.deployed.authorizers.get(method.held.get("authorizerId") or "")
        if not held:
            raise misconfigured()
        if held["type"] == "COGNITO_USER_POOLS":
            await _cognito(house, exchange, held)
        else:
            await _custom(house, exchange, held)


# IAM and the API's own policy


def _identify(exchange: Exchange) -> None:
    """Who signed the request."""
    request = exchange.request
    signed = request.headers.get("authorization", "").startswith("AWS4-") or "X-Amz-Signature=" in request.query
    if not signed:
        raise Refused("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
    try:
        verified = exchange.call.cloud.verifier.verify(request, "execute-api")
    except AwsError as error:
        kind = "EXPIRED_TOKEN" if error.code in ("ExpiredToken", "ExpiredTokenException") else "INVALID_SIGNATURE"
        name = _ERRORS.get(error.code) or error.code.removesuffix("Exception") + "Exception"
        raise Refused(kind, error.message, error=name) from None
    exchange.principal = verified.principal


def _check(exchange: Exchange, policy: str | None, needs_right: bool) -> None:
    """The API's policy and, for IAM, the caller's own."""
    call = exchange.call.cloud.call_as("apigateway", exchange.scope, exchange.principal)
    call.http = exchange.request
    arn = exchange.arn()
    text = None if policy is None else _completed(policy, exchange)
    said = Guard(exchange.scope.account, text)
    if not needs_right and text is None:
        return
    if call.cloud.gate.allows(call, INVOKE, arn, said):
        return
    if exchange.principal.kind == "anonymous":
        who = "anonymous"
    else:
        who = exchange.principal.arn
    shown = re.sub(r":\d{12}:", lambda found: f":********{found.group()[9:]}", arn)
    raise Refused(
        "ACCESS_DENIED",
        f"User: {who} is not authorized to perform: {INVOKE} on resource: {shown}",
    )


def _completed(policy: str, exchange: Exchange) -> str:
    """Resources may be written short: "execute-api:/stage/GET/pets"."""
    if '"execute-api:' not in policy:
        return policy
    scope = exchange.scope
    return re.sub(
        r'"execute-api:(?=[/*])/?', f'"arn:aws:execute-api:{scope.region}:{scope.account}:{exchange.api}/', policy
    ).replace(f":{exchange.api}/*/*/*/*", f":{exchange.api}/*")


# Lambda authorizers


def _sources(exchange: Exchange, held: Mapping[str, Any]) -> list[str]:
    """The values that identify the caller. Raises Refused (401) when one is missing."""
    found = []
    for source in (held.get("identitySource") or "").split(","):
        if source.strip():
            value = source_value(exchange, source.strip())
            if not value:
                raise unauthorized()
            found.append(value)
    return found


async def _custom(house: House, exchange: Exchange, held: Mapping[str, Any]) -> None:
    values = _sources(exchange, held)
    if held["type"] == "TOKEN":
        pattern = held.get("identityValidationExpression")
        if pattern and not re.match(pattern, values[0]):
            raise unauthorized()
    ttl = held.get("authorizerResultTtlInSeconds", 300)
    key = (exchange.api, exchange.stage_name, held["id"], tuple(values))
    now = exchange.call.now()
    known = house.verdicts.get(key) if ttl and values else None
    if known is not None and known[0] > now:
        verdict = known[1]
    else:
        verdict = await ask(house, exchange, held, values)
        if ttl and values:
            if len(house.verdicts) >= MAX_VERDICTS:
                house.verdicts.clear()
            house.verdicts[key] = (now + ttl, verdict)
    apply(exchange, verdict)


async def ask(house: House, exchange: Exchange, held: Mapping[str, Any], values: list[str]) -> dict[str, Any]:
    """The Lambda function's verdict. Raises Refused."""
    from haneul.services.apigateway.plane.lambdas import function_of, proxy_event

    event: dict[str, Any]
    if held["type"] == "TOKEN":
        event = {"type": "TOKEN", "methodArn": exchange.arn(), "authorizationToken": values[0]}
    else:
        event = {"type": "REQUEST", "methodArn": exchange.arn(), **proxy_event(exchange)}
        del event["body"], event["isBase64Encoded"]
    arn = function_of(variables_in(exchange, held.get("authorizerUri") or ""))
    if arn is None:
        raise misconfigured()
    try:
        answer = exchange.call.invoke("lambda", "Invoke", {"FunctionName": arn, "Payload": orjson.dumps(event)})
        answer = await answer if inspect.isawaitable(answer) else answer
    except AwsError as error:
        exchange.log(f"Execution failed due to configuration error: {error.message}")
        raise misconfigured() from None
    try:
        told = orjson.loads(answer.get("Payload") or b"null")
    except ValueError:
        told = None
    if answer.get("FunctionError"):
        if isinstance(told, dict) and told.get("errorMessage") == "Unauthorized":
            raise unauthorized()
        raise misconfigured("AUTHORIZER_FAILURE")
    if not isinstance(told, dict) or not isinstance(told.get("policyDocument"), dict) or not told.get("principalId"):
        raise misconfigured()
    context = told.get("context") or {}
    if not isinstance(context, dict) or any(isinstance(one, dict | list) for one in context.values()):
        raise misconfigured()
    return told


def apply(exchange: Exchange, verdict: Mapping[str, Any]) -> None:
    """Let the request pass as the verdict's principal, or raise Refused."""
    decision = evaluate(
        Principal(account=exchange.scope.account, arn=f"arn:aws:sts::{exchange.scope.account}:assumed-role/a/b",
                  kind="role", role_arn=f"arn:aws:iam::{exchange.scope.account}:role/a"),
        INVOKE,
        exchange.arn(),
        _keys(exchange),
        Policies(identity=(("authorizer", json.dumps(verdict["policyDocument"], sort_keys=True)),)),
    )  # fmt: skip
    if not decision.allowed:
        words = " with an explicit deny" if decision.explicit else ""
        raise Refused("ACCESS_DENIED", f"User is not authorized to access this resource{words}")
    context = {key: _shown(value) for key, value in (verdict.get("context") or {}).items() if value is not None}
    exchange.authorizer = {"principalId": verdict["principalId"], **context}
    exchange.usage_key = str(verdict.get("usageIdentifierKey") or "")


def _keys(exchange: Exchange) -> CallKeys:
    call = exchange.call.cloud.call_as("apigateway", exchange.scope)
    call.http = exchange.request
    return CallKeys(call, {}, None, exchange.scope.account)


def _shown(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


async def act(exchange: Exchange, credentials: str | None) -> None:
    """Let what the integration calls be called with its role's rights, or the caller's own; where policies count."""
    call = exchange.call
    if not credentials or not call.cloud.config.iam_enforced:
        return
    if credentials.endswith(":user/*"):
        call.acts_as = exchange.principal
        return
    try:
        await rights.assume(call, variables_in(exchange, credentials))
    except AwsError as error:
        exchange.log(f"Execution failed due to configuration error: {error.message}")
        raise configuration() from error


async def permitted(exchange: Exchange, arn: str) -> None:
    """Where policies count, a function's own must let API Gateway call it for this method. Raises Refused (500)."""
    call = exchange.call
    if not call.cloud.config.iam_enforced or call.acts_as is not None:
        return
    source = exchange.arn(path=(exchange.method.path if exchange.method else "").lstrip("/"))
    if not await rights.lets(call, arn, source):
        exchange.log("Execution failed due to configuration error: Invalid permissions on Lambda function")
        raise configuration()


# Cognito


async def _cognito(house: House, exchange: Exchange, held: Mapping[str, Any]) -> None:
    """A user pool's token, checked against the pool's keys."""
    text = _sources(exchange, held)[0].removeprefix("Bearer ").strip()
    pattern = held.get("identityValidationExpression")
    try:
        token = jwt.parse(text)
    except jwt.NotAToken:
        raise unauthorized() from None
    claims = token.claims
    issuers = {f"https://cognito-idp.{arn.split(':')[3]}.amazonaws.com/{arn.rpartition('/')[2]}": arn
               for arn in held["providerARNs"]}  # fmt: skip
    arn = issuers.get(str(claims.get("iss"))) or next(
        (one for issuer, one in issuers.items() if str(claims.get("iss")).endswith("/" + issuer.rpartition("/")[2])),
        None,
    )
    if arn is None:
        raise unauthorized()
    keys = await house.pool_keys(exchange.call, arn)
    if keys is None:
        exchange.log(f"Execution failed due to configuration error: the keys of {arn} can't be reached")
        raise misconfigured()
    expires = claims.get("exp")
    if not jwt.verify(token, keys) or not isinstance(expires, int | float) or expires <= exchange.call.now():
        raise unauthorized()
    scopes = (exchange.method.held.get("authorizationScopes") if exchange.method else None) or []
    use = claims.get("token_use")
    if scopes:
        if use != "access" or not set(scopes) & set(str(claims.get("scope") or "").split()):
            raise unauthorized()
    elif use != "id":
        raise unauthorized()
    if pattern and not re.match(pattern, str(claims.get("aud", ""))):
        raise unauthorized()
    exchange.authorizer = {"claims": {key: _claim(value) for key, value in claims.items()}}


def _claim(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(one) for one in value) if len(value) != 1 else str(value[0])
    return _shown(value)
