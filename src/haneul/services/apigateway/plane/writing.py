"""Logs of stages: access logs in the stage's own format, execution logs."""

from __future__ import annotations

from haneul.engines.integrations.logs import LogWriter, access_line, group_of
from haneul.services.apigateway.plane.exchange import Exchange


class Writer(LogWriter):
    """What stages want written of their requests."""

    def note(self, exchange: Exchange) -> None:
        settings = exchange.stage.get("accessLogSettings") or {}
        group, form = group_of(settings.get("destinationArn") or ""), settings.get("format") or ""
        source, now = f"{exchange.api}/{exchange.stage_name}", exchange.call.now()
        if form and group:
            self.add(exchange.scope, group, source, now, [access_line(exchange.context(), form)])
        if exchange.lines:
            group = f"API-Gateway-Execution-Logs_{source}"
            self.add(exchange.scope, group, source, now, [f"({exchange.request_id}) {one}" for one in exchange.lines])
