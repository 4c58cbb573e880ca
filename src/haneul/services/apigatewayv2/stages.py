"""Stages: a deployment under a name, with variables, limits and logs; some deploy every change by themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.engines.integrations.sockets import sockets_of
from haneul.service import Call, operation
from haneul.services.apigatewayv2 import deployments, names
from haneul.services.apigatewayv2.errors import bad, conflict, errors
from haneul.services.apigatewayv2.paging import page
from haneul.services.apigatewayv2.state import ITEMS, Item, api_of, changed, find, given, items, put, touched
from haneul.state.store import Reader, Writer

_SETTINGS = ("AccessLogSettings", "ClientCertificateId", "Description", "StageVariables")


def describe(row: Item) -> dict[str, Any]:
    return {"StageName": row.id, "CreatedDate": int(row.created), **row.held}


def settings(request: Mapping[str, Any], protocol: str, now: float) -> dict[str, Any]:
    """A new stage, given the members of CreateStage."""
    held = given(request, *_SETTINGS)
    held["AutoDeploy"] = bool(request.get("AutoDeploy"))
    held["DefaultRouteSettings"] = _defaults(protocol) | (request.get("DefaultRouteSettings") or {})
    held["RouteSettings"] = {
        key: {"DetailedMetricsEnabled": False, **one} for key, one in (request.get("RouteSettings") or {}).items()
    }
    held.setdefault("StageVariables", {})
    held["LastUpdatedDate"] = int(now)
    held["Tags"] = dict(request.get("Tags") or {})
    return held


def _defaults(protocol: str) -> dict[str, Any]:
    if protocol == "HTTP":
        return {"DetailedMetricsEnabled": False}
    return {"DataTraceEnabled": False, "DetailedMetricsEnabled": False, "LoggingLevel": "OFF"}


def _check(tx: Reader, call: Call, api: Item, held: Mapping[str, Any]) -> None:
    """Raise for settings that no stage may have."""
    known = {row.held["RouteKey"] for row in items(tx, call.scope, "route", api.id)}
    is_http = api.held["ProtocolType"] == "HTTP"
    for key, one in {"$default ": held["DefaultRouteSettings"], **held["RouteSettings"]}.items():
        if key != "$default " and key not in known:
            raise errors.NotFoundException(f"Unable to find Route by key {key} within the provided RouteSettings")
        if is_http and (one.get("LoggingLevel", "OFF") != "OFF" or one.get("DataTraceEnabled")):
            raise bad("Execution logs are not supported on protocolType HTTP")
        burst, rate = one.get("ThrottlingBurstLimit"), one.get("ThrottlingRateLimit")
        if (burst is not None and burst < 0) or (rate is not None and rate < 0):
            raise bad("Throttling limits must not be negative")
    logs = held.get("AccessLogSettings") or {}
    if logs and not (logs.get("DestinationArn") or "").startswith(("arn:aws:logs:", "arn:aws:firehose:")):
        raise bad("The destination ARN of the access logs is not valid. It must be a log group or a delivery stream")
    if logs and not re.search(r"\$context\.(requestId|extendedRequestId)", logs.get("Format") or ""):
        raise bad("Access Log format must contain $context.requestId or $context.extendedRequestId")
    for name, value in held["StageVariables"].items():
        if not re.fullmatch(r"[A-Za-z0-9_]+", name) or not re.fullmatch(r"[A-Za-z0-9\-._~:/?#&=,]*", value):
            raise bad("Stage variables must have alphanumeric names, and values of A-Za-z0-9-._~:/?#&=,")


@operation(resource=names.resource)
def create_stage(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateStage. Raises ConflictException for a name that is taken."""
    name = request["StageName"]
    with call.write() as tx:
        api = api_of(tx, call, request)
        protocol = api.held["ProtocolType"]
        if not re.fullmatch(r"[A-Za-z0-9_\-]{1,128}", name) and not (name == "$default" and protocol == "HTTP"):
            raise bad("Stage name only allows a-zA-Z0-9_- characters")
        if ITEMS.get(tx, call.scope, "stage", api.id, name) is not None:
            raise conflict("Stage already exists")
        if request.get("AutoDeploy") and request.get("DeploymentId"):
            raise bad("Deployment ID cannot be set on a stage with AutoDeploy enabled")
        held = settings(request, protocol, call.now())
        _check(tx, call, api, held)
        row = put(tx, call.scope, "stage", api.id, name, held, call.now())
        _deploy(tx, call, api, row, request.get("DeploymentId"))
    return describe(row)


def _deploy(tx: Writer, call: Call, api: Item, row: Item, wanted: str | None) -> None:
    """Serve the deployment that is asked for, or what the API is now. The row is read again where it was changed."""
    if wanted:
        find(tx, call.scope, "deployment", api.id, wanted)
        deployments.serve(tx, call, row, wanted)
    if row.held["AutoDeploy"]:
        deployments.api_changed(tx, call, api)
        row.held = find(tx, call.scope, "stage", api.id, row.id).held
    else:
        touched(tx, api.id)


@operation(resource=names.resource)
def get_stage(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return describe(find(tx, call.scope, "stage", api_of(tx, call, request).id, request["StageName"]))


@operation(resource=names.resource)
def get_stages(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        rows = items(tx, call.scope, "stage", api_of(tx, call, request).id)
    return page([describe(row) for row in rows], request)


@operation(resource=names.resource)
def update_stage(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "stage", api.id, request["StageName"])
        held = changed(row.held, request, *_SETTINGS)
        was = held["AutoDeploy"]
        if request.get("AutoDeploy") is not None:
            held["AutoDeploy"] = request["AutoDeploy"]
        if held["AutoDeploy"] and request.get("DeploymentId"):
            raise bad("Deployment ID cannot be set on a stage with AutoDeploy enabled")
        defaults = request.get("DefaultRouteSettings")
        if defaults is not None:
            held["DefaultRouteSettings"] = {**held["DefaultRouteSettings"], **defaults}
        for key, one in (request.get("RouteSettings") or {}).items():
            before = held["RouteSettings"].get(key) or {"DetailedMetricsEnabled": False}
            held["RouteSettings"] = {**held["RouteSettings"], key: {**before, **one}}
        held["LastUpdatedDate"] = int(call.now())
        _check(tx, call, api, held)
        row.held = held
        ITEMS.put(tx, call.scope, row)
        if held["AutoDeploy"] and was:
            touched(tx, api.id)
        else:
            _deploy(tx, call, api, row, request.get("DeploymentId"))
    return describe(row)


@operation(resource=names.resource)
def delete_stage(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "stage", api.id, request["StageName"])
        for domain in items(tx, call.scope, "domain"):
            for one in items(tx, call.scope, "mapping", domain.id):
                if (one.held["ApiId"], one.held["Stage"]) == (api.id, row.id):
                    raise bad("Please remove all API mappings related to the stage in your domains before deleting it")
        ITEMS.delete(tx, call.scope, "stage", api.id, row.id)
        touched(tx, api.id)
    call.cloud.loop.call_soon_threadsafe(sockets_of(call.cloud).part, api.id, row.id)
    return {}


@operation(resource=names.resource)
def delete_access_log_settings(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "stage", api.id, request["StageName"])
        row.held = {key: value for key, value in row.held.items() if key != "AccessLogSettings"}
        ITEMS.put(tx, call.scope, row)
        touched(tx, api.id)
    return {}


@operation(resource=names.resource)
def delete_route_settings(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "stage", api.id, request["StageName"])
        kept = dict(row.held["RouteSettings"])
        if kept.pop(request["RouteKey"], None) is None:
            raise errors.NotFoundException(
                f"Unable to find Route by key {request['RouteKey']} within the provided RouteSettings"
            )
        row.held = row.held | {"RouteSettings": kept}
        ITEMS.put(tx, call.scope, row)
        touched(tx, api.id)
    return {}
