"""Stages: a deployment under a name, with variables, limits, a cache and a canary of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.errors import bad, conflict
from haneul.services.apigateway.patching import Rule, boolean, integer
from haneul.services.apigateway.state import ITEMS, Item, api_of, find, items, put, touched
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

SIZES = ("0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237")
_VALUE = re.compile(r"[A-Za-z0-9\-._~:/?#&=,@+%]*")
_RULES = (
    Rule("/deploymentId", "replace copy"),
    Rule("/description"),
    Rule("/cacheClusterEnabled", "replace", boolean),
    Rule("/cacheClusterSize"),
    Rule("/clientCertificateId", "replace remove"),
    Rule("/documentationVersion", "replace remove"),
    Rule("/tracingEnabled", "replace", boolean),
    Rule("/webAclArn"),
    Rule("/variables", "copy remove"),
    Rule("/variables/{}", "add replace remove"),
    Rule("/accessLogSettings", "remove"),
    Rule("/accessLogSettings/format", "add replace remove"),
    Rule("/accessLogSettings/destinationArn", "add replace remove"),
    Rule("/canarySettings", "remove"),
    Rule("/canarySettings/percentTraffic", "add replace", float),
    Rule("/canarySettings/deploymentId", "add replace"),
    Rule("/canarySettings/useStageCache", "add replace", boolean),
    Rule("/canarySettings/stageVariableOverrides/{}", "add replace remove"),
)
DEFAULTS = {
    "metricsEnabled": False,
    "dataTraceEnabled": False,
    "throttlingBurstLimit": 5000,
    "throttlingRateLimit": 10000.0,
    "cachingEnabled": False,
    "cacheTtlInSeconds": 300,
    "cacheDataEncrypted": False,
    "requireAuthorizationForCacheControl": True,
    "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
}
_OF_METHOD = (
    "{0}/metrics/enabled, {0}/logging/dataTrace, {0}/logging/loglevel, {0}/throttling/burstLimit{1}"
    "{0}/throttling/rateLimit{1}{0}/caching/ttlInSeconds, {0}/caching/enabled, {0}/caching/dataEncrypted, "
    "{0}/caching/requireAuthorizationForCacheControl, {0}/caching/unauthorizedCacheControlHeaderStrategy"
)
_PATHS = (
    "/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, /accessLogSettings, "
    "/accessLogSettings/destinationArn, /accessLogSettings/format, "
    f"{_OF_METHOD.format('/{resourcePath}/{httpMethod}', '')}, {_OF_METHOD.format('/*/*', ' ')}, "
    "/variables/{variable_name}, /tracingEnabled"
)
"""As AWS lists them, its missing commas included."""
_SETTINGS: dict[str, tuple[str, Any]] = {
    "metrics/enabled": ("metricsEnabled", boolean),
    "logging/loglevel": ("loggingLevel", str),
    "logging/dataTrace": ("dataTraceEnabled", boolean),
    "throttling/burstLimit": ("throttlingBurstLimit", integer),
    "throttling/rateLimit": ("throttlingRateLimit", float),
    "caching/enabled": ("cachingEnabled", boolean),
    "caching/ttlInSeconds": ("cacheTtlInSeconds", integer),
    "caching/dataEncrypted": ("cacheDataEncrypted", boolean),
    "caching/requireAuthorizationForCacheControl": ("requireAuthorizationForCacheControl", boolean),
    "caching/unauthorizedCacheControlHeaderStrategy": ("unauthorizedCacheControlHeaderStrategy", str),
}


def check(held: Mapping[str, Any]) -> None:
    """Raise BadRequestException for a stage that can't be."""
    if held.get("cacheClusterSize") and held["cacheClusterSize"] not in SIZES:
        raise bad("Invalid cache cluster size specified")
    for name, value in (held.get("variables") or {}).items():
        if not re.fullmatch(r"[A-Za-z0-9_]+", name):
            raise bad(f"Stage variable name {name} contains unsupported characters")
        if not _VALUE.fullmatch(value):
            raise bad(f"Invalid value specified for stage variable: {name}")
    canary = held.get("canarySettings")
    if canary is not None and not 0 <= float(canary.get("percentTraffic") or 0) <= 100:
        raise bad("Percent traffic must be between 0.0 and 100.0")
    log = held.get("accessLogSettings") or {}
    destination = log.get("destinationArn")
    if destination and not re.match(r"arn:[a-z\-]+:(logs:[^:]*:\d*:log-group:.+|firehose:.+)", destination):
        raise bad("Invalid ARN specified in the request. ARNs must start with 'arn:' and contain at least 6 elements "
                  "separated by ':'.")  # fmt: skip
    if log.get("format") and not re.search(r"\$context\.(requestId|extendedRequestId)", log["format"]):
        raise bad("Access Log format must contain at least one of $context.requestId or $context.extendedRequestId.")


def new_stage(tx: Writer, call: Call, api: str, request: Mapping[str, Any]) -> Item:
    """A stage from CreateStage's members. Raises ConflictException."""
    name = request["stageName"]
    if not re.fullmatch(r"[A-Za-z0-9_\-]{1,128}", name):
        raise bad("Stage name only allows a-zA-Z0-9_-")
    if ITEMS.get(tx, call.scope, "stage", api, name) is not None:
        raise conflict("Stage already exists")
    find(tx, call.scope, "deployment", api, request["deploymentId"])
    held: dict[str, Any] = {
        key: request[key]
        for key in ("stageName", "deploymentId", "description", "cacheClusterSize", "documentationVersion")
        if request.get(key) is not None
    }
    held["cacheClusterEnabled"] = bool(request.get("cacheClusterEnabled"))
    if held["cacheClusterEnabled"]:
        held.setdefault("cacheClusterSize", "0.5")
    held["methodSettings"] = {}
    if request.get("variables"):
        held["variables"] = dict(request["variables"])
    held["tracingEnabled"] = bool(request.get("tracingEnabled"))
    if request.get("canarySettings"):
        held["canarySettings"] = {"percentTraffic": 0.0, "useStageCache": False} | dict(request["canarySettings"])
    held["tags"] = dict(request.get("tags") or {})
    held["createdDate"] = held["lastUpdatedDate"] = int(call.now())
    if held.get("documentationVersion"):
        find(tx, call.scope, "document", api, held["documentationVersion"])
    check(held)
    touched(tx, call.scope, api)
    return put(tx, call.scope, "stage", api, name, held, call.now())


def describe(row: Item) -> dict[str, Any]:
    held = row.held
    status = "AVAILABLE" if held.get("cacheClusterEnabled") else "NOT_AVAILABLE"
    told = {**held, "cacheClusterStatus": status}
    if not told["tags"]:
        del told["tags"]
    return told


@operation(resource=names.resource)
def create_stage(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        return describe(new_stage(tx, call, api_of(tx, call, request).id, request))


@operation(resource=names.resource)
def get_stage(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        return describe(find(tx, call.scope, "stage", api.id, request["stageName"]))


@operation(resource=names.resource)
def get_stages(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        wanted = request.get("deploymentId")
        rows = [row for row in items(tx, call.scope, "stage", api.id) if wanted in (None, row.held["deploymentId"])]
    return {"item": [describe(row) for row in rows]}


def _set(held: dict[str, Any], operation: Mapping[str, Any]) -> bool:
    """A patch of a method's settings ("/*/*/throttling/rateLimit"); False when it is none."""
    path = (operation.get("path") or "").lstrip("/")
    parts = path.split("/")
    name = "/".join(parts[-2:])
    known = _SETTINGS.get(name)
    settings: dict[str, Any] = held["methodSettings"]
    if known is None or len(parts) < 4:
        if operation.get("op") == "remove" and path in settings:
            del settings[path]
            return True
        return False
    key = "/".join(parts[:-2])
    if operation.get("op") not in ("replace", "add"):
        raise bad(f"Invalid patch path  '{operation['path']}' specified for op '{operation.get('op')}'. Please choose "
                  "supported operations")  # fmt: skip
    try:
        value = known[1](operation.get("value") or "")
    except ValueError:
        raise bad(f"Invalid patch value specified for op '{operation['op']}' with path '{operation['path']}'") from None
    if known[0] == "loggingLevel" and value not in ("OFF", "ERROR", "INFO"):
        raise bad(f"Invalid loggingLevel specified: {value}. Valid values are OFF, ERROR and INFO")
    if known[0] == "cacheTtlInSeconds" and not 0 <= value <= 3600:
        raise bad("Cache TTL must be between 0 and 3600 seconds")
    settings[key] = {**(settings.get(key) or DEFAULTS), known[0]: value}
    return True


def _apply(held: dict[str, Any], operation: Mapping[str, Any]) -> None:
    try:
        patching.apply(held, [operation], _RULES, plain=True)
    except AwsError as error:
        if not error.message.startswith("Invalid patch path"):
            raise
        if operation.get("op") == "remove":
            name = str(operation.get("path")).lstrip("/")
            raise bad(
                f"Cannot remove method setting {name} because there is no method setting for this method "
            ) from None
        raise bad(f"Invalid method setting path: {operation.get('path')}. Must be one of: [{_PATHS}]") from None


@operation(resource=names.resource)
def update_stage(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "stage", api.id, request["stageName"])
        held: dict[str, Any] = {key: dict(one) if isinstance(one, dict) else one for key, one in row.held.items()}
        if held.get("canarySettings"):
            overrides = dict(held["canarySettings"].get("stageVariableOverrides") or {})
            held["canarySettings"]["stageVariableOverrides"] = overrides
        left = [one for one in patching.checked(call, request) if not _set(held, one)]
        for one in left:  # a promotion of a canary without overrides changes no variables
            source = one.get("from") or ""
            if one.get("op") == "copy" and source.endswith("stageVariableOverrides"):
                canary = held.get("canarySettings") or {}
                held["variables"] = {**(held.get("variables") or {}), **(canary.get("stageVariableOverrides") or {})}
            else:
                _apply(held, one)
        if held.get("canarySettings"):
            canary = {"percentTraffic": 0.0, "useStageCache": False} | held["canarySettings"]
            canary.setdefault("deploymentId", held["deploymentId"])
            if not canary.get("stageVariableOverrides"):
                canary.pop("stageVariableOverrides", None)
            held["canarySettings"] = canary
            find(tx, call.scope, "deployment", api.id, canary["deploymentId"])
        find(tx, call.scope, "deployment", api.id, held["deploymentId"])
        if held.get("documentationVersion"):
            find(tx, call.scope, "document", api.id, held["documentationVersion"])
        if held.get("cacheClusterEnabled"):
            held.setdefault("cacheClusterSize", "0.5")
        for key in ("variables", "accessLogSettings"):
            if key in held and not held[key]:
                del held[key]
        check(held)
        held["lastUpdatedDate"] = int(call.now())
        row.held = held
        ITEMS.put(tx, call.scope, row)
        touched(tx, call.scope, api.id)
    return describe(row)


@operation(resource=names.resource)
def delete_stage(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "stage", api.id, request["stageName"])
        for plan in items(tx, call.scope, "plan"):
            if any(one["apiId"] == api.id and one["stage"] == row.id for one in plan.held.get("apiStages") or ()):
                raise bad(f"Cannot delete stage '{row.id}', is referenced in usage plan: {plan.id}")
        ITEMS.delete(tx, call.scope, "stage", api.id, row.id)
        touched(tx, call.scope, api.id)
    return {}


@operation(resource=names.resource)
def flush_stage_cache(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """FlushStageCache: forget the answers kept."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        find(tx, call.scope, "stage", api.id, request["stageName"])
    call.cloud.planes["apigateway"].forget_answers(api.id, request["stageName"])
    return {}


@operation(resource=names.resource)
def flush_stage_authorizers_cache(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """FlushStageAuthorizersCache: forget what authorizers said."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        find(tx, call.scope, "stage", api.id, request["stageName"])
    call.cloud.planes["apigateway"].forget_verdicts(api.id, request["stageName"])
    return {}
