"""Metrics on their way to CloudWatch, added up here and told every few seconds while there are any."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any

from haneul.service import Scope
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.cloud import Cloud

log = logging.getLogger("haneul.integrations")
EVERY = 2.0
MAX_SERIES = 50_000
BATCH = 500
Dimensions = tuple[tuple[str, str], ...]


class MetricWriter:
    """Sums of all series of one namespace. service: the model of the room that tells them."""

    def __init__(self, cloud: Cloud, service: str, namespace: str) -> None:
        self._cloud = cloud
        self._service = service
        self._namespace = namespace
        self._series: dict[tuple[Scope, Dimensions, str, str], list[float]] = {}
        self._task: asyncio.Task[None] | None = None

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def note(self, scope: Scope, dimensions: Dimensions, name: str, unit: str, value: float) -> None:
        """One sample of a metric."""
        key = (scope, dimensions, name, unit)
        known = self._series.get(key)
        if known is None:
            if len(self._series) >= MAX_SERIES:
                return
            self._series[key] = [1.0, value, value, value]
        else:
            known[0] += 1
            known[1] += value
            known[2] = min(known[2], value)
            known[3] = max(known[3], value)
        if self._task is None or self._task.done():
            self._task = self._cloud.loop.create_task(self._tell())

    async def _tell(self) -> None:
        await asyncio.sleep(EVERY)
        series, self._series = self._series, {}
        by_scope: dict[Scope, list[dict[str, Any]]] = {}
        for (scope, dimensions, name, unit), (count, total, least, most) in series.items():
            by_scope.setdefault(scope, []).append(
                {
                    "MetricName": name,
                    "Unit": unit,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
                    "StatisticValues": {"SampleCount": count, "Sum": total, "Minimum": least, "Maximum": most},
                }
            )
        for scope, data in by_scope.items():
            call = self._cloud.call_as(self._service, scope)
            for start in range(0, len(data), BATCH):
                request = {"Namespace": self._namespace, "MetricData": data[start : start + BATCH]}
                try:
                    answer = call.invoke("cloudwatch", "PutMetricData", request)
                    if inspect.isawaitable(answer):
                        await answer
                except AwsError as error:
                    log.warning("metrics of %s: %s", self._namespace, error)
