"""Metrics of stages in CloudWatch: requests, errors and latencies, told every few seconds while there are any."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any

from haneul.service import Scope
from haneul.services.apigateway.plane.exchange import Exchange
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.cloud import Cloud

log = logging.getLogger("haneul.apigateway")
EVERY = 2.0
MAX_STAGES = 4096
Stage = tuple[Scope, str, str]


class Tally:
    """What one stage did since it was last told."""

    __slots__ = ("bad", "broken", "count", "integration", "latency")

    def __init__(self) -> None:
        self.count = self.bad = self.broken = 0
        self.latency: list[float] = []
        self.integration: list[float] = []


class Metrics:
    """Tallies of all stages."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._tallies: dict[Stage, Tally] = {}
        self._task: asyncio.Task[None] | None = None

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def note(self, exchange: Exchange, name: str) -> None:
        """Count one request of the API with this name."""
        key = (exchange.scope, name, exchange.stage_name)
        tally = self._tallies.get(key)
        if tally is None:
            if len(self._tallies) >= MAX_STAGES:
                return
            tally = self._tallies[key] = Tally()
        tally.count += 1
        tally.bad += 400 <= exchange.status < 500
        tally.broken += exchange.status >= 500
        if len(tally.latency) < 10_000:
            tally.latency.append((exchange.call.now() - exchange.started) * 1000)
            if exchange.integration_latency is not None:
                tally.integration.append(exchange.integration_latency * 1000)
        if self._task is None or self._task.done():
            self._task = self._cloud.loop.create_task(self._tell())

    async def _tell(self) -> None:
        await asyncio.sleep(EVERY)
        tallies, self._tallies = self._tallies, {}
        for (scope, name, stage), tally in tallies.items():
            data = [
                {"MetricName": "Count", "Unit": "Count", "StatisticValues": _counted(tally.count, tally.count)},
                {"MetricName": "4XXError", "Unit": "Count", "StatisticValues": _counted(tally.bad, tally.count)},
                {"MetricName": "5XXError", "Unit": "Count", "StatisticValues": _counted(tally.broken, tally.count)},
            ]
            for metric, values in (("Latency", tally.latency), ("IntegrationLatency", tally.integration)):
                if values:
                    data.append({"MetricName": metric, "Unit": "Milliseconds", "StatisticValues": _spread(values)})
            whole = [{"Name": "ApiName", "Value": name}]
            request = [
                {**one, "Dimensions": dimensions}
                for dimensions in (whole, [*whole, {"Name": "Stage", "Value": stage}])
                for one in data
            ]
            call = self._cloud.call_as("apigateway", scope)
            try:
                answer = call.invoke(
                    "cloudwatch", "PutMetricData", {"Namespace": "AWS/ApiGateway", "MetricData": request}
                )
                if inspect.isawaitable(answer):
                    await answer
            except AwsError as error:
                log.warning("metrics of %s: %s", name, error)


def _counted(number: int, samples: int) -> dict[str, Any]:
    """One sample a request, 1 where it counts and 0 where it doesn't: the average is the rate."""
    return {
        "SampleCount": float(samples),
        "Sum": float(number),
        "Minimum": float(number == samples),
        "Maximum": float(number > 0),
    }


def _spread(values: list[float]) -> dict[str, Any]:
    return {
        "SampleCount": float(len(values)),
        "Sum": sum(values),
        "Minimum": min(values),
        "Maximum": max(values),
    }
