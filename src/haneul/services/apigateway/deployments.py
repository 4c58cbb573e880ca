"""Deployments: an API as it was at one moment, which stages serve until they are given another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigateway import names, patching
from haneul.services.apigateway.errors import bad
from haneul.services.apigateway.paging import page
from haneul.services.apigateway.patching import Rule
from haneul.services.apigateway.stages import check as check_stage
from haneul.services.apigateway.stages import new_stage
from haneul.services.apigateway.state import (
    ITEMS,
    Item,
    api_of,
    drop_snapshot,
    find,
    items,
    new_id,
    put,
    put_snapshot,
    snapshot,
    touched,
)
from haneul.state.store import Reader, Writer


def frozen(tx: Reader, call: Call, api: Item) -> dict[str, Any]:
    """The API as it is now: everything that serving it needs."""
    return {
        "api": api.held,
        "resources": {row.id: row.held for row in items(tx, call.scope, "resource", api.id)},
        "models": {row.id: row.held for row in items(tx, call.scope, "model", api.id)},
        "validators": {row.id: row.held for row in items(tx, call.scope, "validator", api.id)},
        "authorizers": {row.id: row.held for row in items(tx, call.scope, "authorizer", api.id)},
        "responses": {row.id: row.held for row in items(tx, call.scope, "response", api.id)},
    }


def summary(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """Path -> method -> how it is guarded."""
    return {
        held["path"]: {
            verb: {"authorizationType": one["authorizationType"], "apiKeyRequired": one["apiKeyRequired"]}
            for verb, one in held["methods"].items()
        }
        for held in snapshot["resources"].values()
        if held["methods"]
    }


@operation(resource=names.resource)
def create_deployment(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDeployment, and the stage that it names: made, or moved to it."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        whole = frozen(tx, call, api)
        methods = [one for held in whole["resources"].values() for one in held["methods"].values()]
        if not methods:
            raise bad("The REST API doesn't contain any methods")
        if any("methodIntegration" not in one for one in methods):
            raise bad("No integration defined for method")
        held: dict[str, Any] = {"id": new_id(), "description": request.get("description")}
        row = put(tx, call.scope, "deployment", api.id, held["id"], held, call.now())
        put_snapshot(tx, api.id, row.id, whole)
        if request.get("canarySettings") and not request.get("stageName"):
            raise bad(
                "Invalid deployment content specified.Non null and non empty stageName must be provided for canary "
                "deployment. Provided value is null"
            )
        if request.get("stageName"):
            _bring_to(tx, call, api.id, row.id, request)
        touched(tx, call.scope, api.id)
    return describe(row)


def _bring_to(tx: Writer, call: Call, api: str, deployment: str, request: Mapping[str, Any]) -> None:
    name = request["stageName"]
    old = ITEMS.get(tx, call.scope, "stage", api, name)
    canary = request.get("canarySettings")
    if old is None:
        if canary:
            raise bad(
                f"Invalid deployment content specified.Stage {name} must already be created before making a canary "
                "release deployment"
            )
        wanted = {
            "stageName": name,
            "deploymentId": deployment,
            "description": request.get("stageDescription"),
            **{
                key: request[key]
                for key in ("cacheClusterEnabled", "cacheClusterSize", "variables", "tracingEnabled")
                if request.get(key) is not None
            },
        }
        new_stage(tx, call, api, wanted)
        return
    held = dict(old.held)
    if canary or held.get("canarySettings"):
        held["canarySettings"] = {"percentTraffic": 0.0, "useStageCache": False} | dict(
            held.get("canarySettings") or {}
        )
        held["canarySettings"] |= {**(canary or {}), "deploymentId": deployment}
    else:
        held["deploymentId"] = deployment
    if request.get("stageDescription"):
        held["description"] = request["stageDescription"]
    if request.get("variables") is not None:
        held["variables"] = dict(request["variables"])
    for key in ("cacheClusterEnabled", "cacheClusterSize", "tracingEnabled"):
        if request.get(key) is not None:
            held[key] = request[key]
    check_stage(held)
    held["lastUpdatedDate"] = int(call.now())
    old.held = held
    ITEMS.put(tx, call.scope, old)


def describe(row: Item, embedded: Mapping[str, Any] | None = None) -> dict[str, Any]:
    told = {**row.held, "createdDate": int(row.created)}
    if embedded is not None:
        told["apiSummary"] = embedded
    return told


@operation(resource=names.resource)
def get_deployment(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "deployment", api.id, request["deploymentId"])
        embedded = summary(snapshot(tx, api.id, row.id)) if "apisummary" in (request.get("embed") or ()) else None
    return describe(row, embedded)


@operation(resource=names.resource)
def get_deployments(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        rows = sorted(items(tx, call.scope, "deployment", api.id), key=lambda row: -row.created)
    return page([describe(row) for row in rows], request)


@operation(resource=names.resource)
def update_deployment(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "deployment", api.id, request["deploymentId"])
        held = dict(row.held)
        patching.apply(held, patching.checked(call, request), (Rule("/description"),))
        row.held = held
        ITEMS.put(tx, call.scope, row)
    return describe(row)


@operation(resource=names.resource)
def delete_deployment(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "deployment", api.id, request["deploymentId"])
        for stage in items(tx, call.scope, "stage", api.id):
            canary = stage.held.get("canarySettings") or {}
            if row.id in (stage.held["deploymentId"], canary.get("deploymentId")):
                raise bad("Active stages pointing to this deployment must be moved or deleted")
        ITEMS.delete(tx, call.scope, "deployment", api.id, row.id)
        drop_snapshot(tx, api.id, row.id)
    return {}
