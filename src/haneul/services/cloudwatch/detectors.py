"""Anomaly detectors, kept and told: none is ever trained here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.cloudwatch.errors import errors, missing
from haneul.services.cloudwatch.metrics import key_of
from haneul.services.cloudwatch.state import DETECTORS, Detector

_SINGLE = ("Namespace", "MetricName", "Dimensions", "Stat")


def _identity(request: Mapping[str, Any]) -> dict[str, Any]:
    """What tells detectors apart."""
    if maths := request.get("MetricMathAnomalyDetector"):
        return {"MetricMathAnomalyDetector": maths}
    single = request.get("SingleMetricAnomalyDetector") or {name: request.get(name) for name in _SINGLE}
    if not single.get("Namespace") or not single.get("MetricName") or not single.get("Stat"):
        raise missing("The parameters Namespace, MetricName and Stat are required.")
    return {"SingleMetricAnomalyDetector": {name: value for name, value in single.items() if value is not None}}


@operation()
def put_anomaly_detector(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutAnomalyDetector."""
    identity = _identity(request)
    settings = {**identity, **{n: request[n] for n in ("Configuration", "MetricCharacteristics") if request.get(n)}}
    with call.write() as tx:
        known = next((row for row in DETECTORS.scan(tx, call.scope) if _same(row, identity)), None)
        row = Detector(id=known.id if known else tokens.uuid(), settings=settings)
        DETECTORS.put(tx, call.scope, row)
    return {"AnomalyDetectorId": row.id}


def _same(row: Detector, identity: Mapping[str, Any]) -> bool:
    return all(row.settings.get(name) == value for name, value in identity.items())


@operation()
def describe_anomaly_detectors(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeAnomalyDetectors."""
    kinds = request.get("AnomalyDetectorTypes") or ["SINGLE_METRIC"]
    namespace, name = request.get("Namespace"), request.get("MetricName")
    dimensions = key_of(request["Dimensions"])[0] if request.get("Dimensions") else None
    chosen = request.get("AnomalyDetectorIds")
    with call.read() as tx:
        rows = list(DETECTORS.scan(tx, call.scope))
    described = []
    for row in rows:
        single = row.settings.get("SingleMetricAnomalyDetector")
        if ("SINGLE_METRIC" if single else "METRIC_MATH") not in kinds or (chosen and row.id not in chosen):
            continue
        if namespace and (not single or single["Namespace"] != namespace):
            continue
        if name and (not single or single["MetricName"] != name):
            continue
        if dimensions is not None and (not single or key_of(single.get("Dimensions"))[0] != dimensions):
            continue
        described.append(
            {"AnomalyDetectorId": row.id, **(single or {}), **row.settings, "StateValue": "TRAINED_INSUFFICIENT_DATA"}
        )
    return {"AnomalyDetectors": described}


@operation()
def delete_anomaly_detector(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteAnomalyDetector."""
    identity = None if request.get("AnomalyDetectorId") else _identity(request)
    with call.write() as tx:
        for row in list(DETECTORS.scan(tx, call.scope)):
            if row.id == request.get("AnomalyDetectorId") or (identity is not None and _same(row, identity)):
                DETECTORS.delete(tx, call.scope, row.id)
                return {}
    raise errors.ResourceNotFoundException("The anomaly detector does not exist.")
