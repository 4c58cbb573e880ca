"""Metrics of stages in CloudWatch: requests, errors and latencies."""

from __future__ import annotations

from haneul.engines.integrations.metrics import MetricWriter
from haneul.services.apigateway.plane.exchange import Exchange


class Metrics(MetricWriter):
    """What stages did: of an API as a whole, and of each stage."""

    def note_request(self, exchange: Exchange, name: str) -> None:
        """Count one request of the API with this name. One sample a request: the average of errors is their rate."""
        whole = (("ApiName", name),)
        latency = (exchange.call.now() - exchange.started) * 1000
        for dimensions in (whole, (*whole, ("Stage", exchange.stage_name))):
            self.note(exchange.scope, dimensions, "Count", "Count", 1.0)
            self.note(exchange.scope, dimensions, "4XXError", "Count", float(400 <= exchange.status < 500))
            self.note(exchange.scope, dimensions, "5XXError", "Count", float(exchange.status >= 500))
            self.note(exchange.scope, dimensions, "Latency", "Milliseconds", latency)
            if exchange.integration_latency is not None:
                waited = exchange.integration_latency * 1000
                self.note(exchange.scope, dimensions, "IntegrationLatency", "Milliseconds", waited)
