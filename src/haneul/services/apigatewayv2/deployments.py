"""Deployments: frozen snapshots of an API's routes, which stages serve; stages that deploy by themselves make one
with every change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.apigatewayv2 import names
from haneul.services.apigatewayv2.errors import bad
from haneul.services.apigatewayv2.paging import page
from haneul.services.apigatewayv2.state import (
    ITEMS,
    Item,
    api_of,
    changed,
    drop_snapshot,
    find,
    items,
    new_id,
    put,
    put_snapshot,
    touched,
)
from haneul.state.store import Reader, Writer

_NO_ROUTES = "At least one route is required before deploying the Api."
_AUTOMATIC = "Automatic deployment triggered by changes to the Api configuration"


def describe(row: Item) -> dict[str, Any]:
    return {"DeploymentId": row.id, "CreatedDate": int(row.created), "DeploymentStatus": "DEPLOYED", **row.held}


def freeze(tx: Reader, call: Call, api: Item) -> dict[str, Any]:
    """What the API is now, as a stage will serve it."""
    scope = call.scope
    is_socket = api.held["ProtocolType"] == "WEBSOCKET"

    def kept(kind: str, told: str, key: str) -> dict[str, Any]:
        """Rows by id, with their responses by key: only WebSocket APIs have any."""
        found = {}
        for row in ITEMS.scan(tx, scope, kind, api.id):
            answers = {one.held[key]: one.held for one in ITEMS.scan(tx, scope, told, row.id)} if is_socket else {}
            found[row.id] = row.held | {"responses": answers}
        return found

    return {
        "api": api.held,
        "routes": kept("route", "route-response", "RouteResponseKey"),
        "integrations": kept("integration", "integration-response", "IntegrationResponseKey"),
        "authorizers": {row.id: row.held for row in ITEMS.scan(tx, scope, "authorizer", api.id)},
        "models": {row.held["Name"]: row.held["Schema"] for row in ITEMS.scan(tx, scope, "model", api.id)},
    }


def deploy(tx: Writer, call: Call, api: Item, held: dict[str, Any]) -> Item:
    row = put(tx, call.scope, "deployment", api.id, new_id(6), held, call.now())
    put_snapshot(tx, api.id, row.id, freeze(tx, call, api))
    return row


def serve(tx: Writer, call: Call, stage: Item, deployment: str) -> None:
    """Let a stage serve a deployment."""
    stage.held = stage.held | {
        "DeploymentId": deployment,
        "LastDeploymentStatusMessage": f"Successfully deployed stage with deployment ID '{deployment}'",
        "LastUpdatedDate": int(call.now()),
    }
    ITEMS.put(tx, call.scope, stage)


def api_changed(tx: Writer, call: Call, api: Item) -> None:
    """Deploy to the stages that follow every change. A deployment that only they served is dropped."""
    stages = [row for row in items(tx, call.scope, "stage", api.id) if row.held["AutoDeploy"]]
    if stages and next(ITEMS.scan(tx, call.scope, "route", api.id, limit=1), None) is None:
        for stage in [one for one in stages if not one.held.get("DeploymentId")]:
            stage.held = stage.held | {"LastDeploymentStatusMessage": f"Deployment attempt failed: {_NO_ROUTES}"}
            ITEMS.put(tx, call.scope, stage)
        stages = [one for one in stages if one.held.get("DeploymentId")]
    if stages:
        before = {stage.held.get("DeploymentId") for stage in stages}
        made = deploy(tx, call, api, {"AutoDeployed": True, "Description": _AUTOMATIC})
        for stage in stages:
            serve(tx, call, stage, made.id)
        served = {row.held.get("DeploymentId") for row in items(tx, call.scope, "stage", api.id)}
        for identity in before - served - {None}:
            row = ITEMS.get(tx, call.scope, "deployment", api.id, str(identity))
            if row is not None and row.held["AutoDeployed"]:
                _drop(tx, call, row)
    touched(tx, api.id)


def _drop(tx: Writer, call: Call, row: Item) -> None:
    drop_snapshot(tx, row.parent, row.id)
    ITEMS.delete(tx, call.scope, "deployment", row.parent, row.id)


@operation(resource=names.resource)
def create_deployment(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDeployment. Raises BadRequestException for an API without routes."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        stage = None
        if request.get("StageName"):
            stage = find(tx, call.scope, "stage", api.id, request["StageName"])
            if stage.held["AutoDeploy"]:
                raise bad("Deployment ID cannot be set on a stage with AutoDeploy enabled")
        if next(ITEMS.scan(tx, call.scope, "route", api.id, limit=1), None) is None:
            raise bad(_NO_ROUTES)
        held: dict[str, Any] = {"AutoDeployed": False}
        if request.get("Description"):
            held["Description"] = request["Description"]
        row = deploy(tx, call, api, held)
        if stage is not None:
            serve(tx, call, stage, row.id)
        touched(tx, api.id)
    return describe(row)


@operation(resource=names.resource)
def get_deployment(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        api = api_of(tx, call, request)
        return describe(find(tx, call.scope, "deployment", api.id, request["DeploymentId"]))


@operation(resource=names.resource)
def get_deployments(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        rows = items(tx, call.scope, "deployment", api_of(tx, call, request).id)
    return page([describe(row) for row in reversed(rows)], request)


@operation(resource=names.resource)
def update_deployment(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "deployment", api.id, request["DeploymentId"])
        row.held = changed(row.held, request, "Description")
        ITEMS.put(tx, call.scope, row)
    return describe(row)


@operation(resource=names.resource)
def delete_deployment(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteDeployment. Raises BadRequestException while a stage serves it."""
    with call.write() as tx:
        api = api_of(tx, call, request)
        row = find(tx, call.scope, "deployment", api.id, request["DeploymentId"])
        using = [one.id for one in items(tx, call.scope, "stage", api.id) if one.held.get("DeploymentId") == row.id]
        if using:
            raise bad(
                "Active stages pointing to this deployment must be moved or deleted before deleting the deployment"
            )
        _drop(tx, call, row)
    return {}
