"""From a route to what stands behind it: Lambda functions, HTTP endpoints, and AWS's services by their subtypes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import orjson

from haneul.engines.integrations import rights
from haneul.engines.integrations.upstream import Answered, TimedOut, Unanswered
from haneul.services.apigatewayv2.plane import events, functions, mapping, subtypes
from haneul.services.apigatewayv2.plane.exchange import Exchange
from haneul.services.apigatewayv2.plane.refusals import broken, unavailable
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.services.apigatewayv2.plane.house import House

_PATH_VARIABLE = re.compile(r"\{([A-Za-z0-9_.\-]+)\+?\}")
_HOP = frozenset({"content-length", "host", "upgrade", "proxy-authorization", "proxy-authenticate"})


async def answer(house: House, exchange: Exchange) -> Answered:
    """The integration's answer, with what the mapping makes of it. Raises Refused."""
    assert exchange.route is not None
    held = exchange.route.integration
    if held is None:
        exchange.integration_error = "No integration is attached to this route"
        raise broken("API_CONFIGURATION_ERROR")
    await _act(exchange, held)
    started = exchange.call.cloud.clock.monotonic()
    work = _http(house, exchange, held) if held["IntegrationType"] == "HTTP_PROXY" else _aws(exchange, held)
    try:
        found = await asyncio.wait_for(work, held["TimeoutInMillis"] / 1000)
    except TimeoutError:
        exchange.integration_error = "Endpoint request timed out"
        raise unavailable() from None
    finally:
        exchange.integration_latency = exchange.call.cloud.clock.monotonic() - started
    return mapping.answered(exchange, held.get("ResponseParameters") or {}, found)


async def _act(exchange: Exchange, held: Mapping[str, Any]) -> None:
    """Let what the integration calls be called with its role's rights, where policies count."""
    role = held.get("CredentialsArn")
    if not role or not exchange.call.cloud.config.iam_enforced:
        return
    if role.endswith(":user/*"):
        exchange.call.acts_as = exchange.principal
        return
    try:
        await rights.assume(exchange.call, variables_in(exchange, role))
    except AwsError as error:
        exchange.integration_error = error.message
        raise broken("API_CONFIGURATION_ERROR") from error


def variables_in(exchange: Any, text: str) -> str:
    """A URI or ARN with its ${stageVariables.x} filled in."""
    return re.sub(r"\$\{stageVariables\.(\w+)\}", lambda found: exchange.variables.get(found.group(1), ""), text)


# AWS


async def _aws(exchange: Exchange, held: Mapping[str, Any]) -> Answered:
    if held.get("IntegrationSubtype"):
        return await subtypes.answer(exchange, held)
    version = held["PayloadFormatVersion"]
    event = orjson.dumps(events.payload(exchange, version))
    function = functions.function_of(variables_in(exchange, held["IntegrationUri"]))
    try:
        told = await functions.invoke(exchange.call, function, event, exchange.arn(of_route=True))
    except functions.NotAllowed:
        exchange.integration_error = (
            "The IAM role configured on the integration or API Gateway doesn't have permissions to call the "
            "integration. Check the permissions and try again."
        )
        raise broken() from None
    except AwsError as error:
        exchange.integration_status = str(error.status)
        exchange.integration_error = error.message
        raise broken() from error
    exchange.integration_status = "200"
    if told.get("FunctionError"):
        exchange.integration_error = "The Lambda function returned an error"
        raise broken()
    found = events.understood(told.get("Payload") or b"", version)
    if found is None:
        exchange.integration_error = (
            "The response from the Lambda function doesn't match the format that API Gateway expects"
        )
        raise broken()
    return found


# HTTP


async def _http(house: House, exchange: Exchange, held: Mapping[str, Any]) -> Answered:
    out = mapping.Outgoing(exchange, held.get("RequestParameters") or {}, _passed(exchange))
    url = _PATH_VARIABLE.sub(
        lambda found: quote(exchange.parameters.get(found.group(1), found.group()), safe="/:@!$&'()*+,;=~-._"),
        variables_in(exchange, held["IntegrationUri"]),
    )
    parts = urlsplit(url)
    path = parts.path if out.path is None else quote(out.path, safe="/%:@!$&'()*+,;=~-._")
    query = "&".join(part for part in (parts.query, urlencode(out.query)) if part)
    verb = held.get("IntegrationMethod") or "ANY"
    verb = exchange.request.method if verb == "ANY" else verb
    url = urlunsplit((parts.scheme, parts.netloc, path, query, ""))
    try:
        found = await house.upstream.ask(url, verb, out.headers, exchange.request.body, held["TimeoutInMillis"] / 1000)
    except TimedOut:
        raise TimeoutError from None
    except Unanswered as error:
        exchange.integration_error = "Network error communicating with endpoint"
        raise unavailable() from error
    exchange.integration_status = str(found.status)
    return found


def _passed(exchange: Exchange) -> list[tuple[str, str]]:
    """The request's headers as an endpoint gets them: with whom they came from and by whom."""
    request = exchange.request
    by = exchange.domain
    for_ = f'"[{request.client}]"' if ":" in request.client else request.client
    own = [(name, value) for name, value in exchange.headers if name.lower() not in _HOP]
    scheme = "https" if request.secure else "http"
    return [
        *own,
        ("Forwarded", f"for={for_};host={by};proto={scheme}"),
        ("Via", "HTTP/1.1 AmazonAPIGateway"),
    ]
