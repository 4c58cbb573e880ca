"""What stands behind methods, asked through the engine, with its failures as gateway responses."""

from __future__ import annotations

from haneul.engines.integrations import services, upstream
from haneul.engines.integrations.services import Answered
from haneul.services.apigateway.plane.exchange import Exchange
from haneul.services.apigateway.plane.refusals import Refused, configuration

__all__ = ["Answered", "Upstream", "ask_service"]


class Upstream:
    """HTTP endpoints."""

    def __init__(self, reach: upstream.Reach) -> None:
        self._engine = upstream.Upstream(reach)

    def close(self) -> None:
        self._engine.close()

    async def ask(
        self,
        url: str,
        method: str,
        headers: list[tuple[str, str]],
        body: bytes,
        timeout: float,
        insecure: bool = False,
    ) -> tuple[Answered, list[tuple[str, str]]]:
        """The endpoint's answer, and its headers as they came. Raises Refused (504) when there is none."""
        try:
            found = await self._engine.ask(url, method, headers, body, timeout, insecure)
        except upstream.TimedOut:
            raise Refused("INTEGRATION_TIMEOUT", "Endpoint request timed out") from None
        except upstream.Unanswered as error:
            raise Refused("INTEGRATION_FAILURE", "Network error communicating with endpoint") from error
        return Answered(found.status, found.headers, found.body), found.pairs


async def ask_service(
    exchange: Exchange, uri: str, method: str, headers: dict[str, str], query: str, body: bytes
) -> Answered:
    """An AWS service's answer. Raises Refused (500) for one that there isn't."""
    try:
        found = await services.ask(exchange.call, uri, method, headers, query, body, exchange.request_id)
    except (services.Misconfigured, services.TooLong) as error:
        exchange.log(f"Execution failed due to configuration error: {error}")
        raise configuration() from error
    if found.error:
        exchange.integration_error = found.error
    if found.status == 501:
        exchange.log(f"Execution failed due to configuration error: {found.error}")
    return found
