"""Layers: archives that functions share, by version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope, operation
from haneul.services.lambda_ import code
from haneul.services.lambda_.describing import instant
from haneul.services.lambda_.errors import errors, not_found
from haneul.services.lambda_.paging import page
from haneul.services.lambda_.running import house
from haneul.services.lambda_.state import LAYER_NAMES, LAYERS, Layer, LayerName
from haneul.state.store import Writer

_MEMBERS = ("Description", "CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo")


def place(call: Call, text: str) -> tuple[Scope, str]:
    parts = text.split(":")
    if len(parts) >= 7:
        return Scope(parts[4], parts[3]), parts[6]
    return call.scope, text


def _arn(scope: Scope, name: str) -> str:
    return f"arn:aws:lambda:{scope.region}:{scope.account}:layer:{name}"


def _resource(call: Call, request: Mapping[str, Any]) -> str:
    return _arn(*place(call, request["LayerName"]))


def _describe(call: Call, scope: Scope, layer: Layer, whole: bool = False) -> dict[str, Any]:
    arn = _arn(scope, layer.name)
    told: dict[str, Any] = {
        "LayerVersionArn": f"{arn}:{layer.version}",
        "Version": layer.version,
        "CreatedDate": instant(layer.created),
        **{member: layer.members.get(member) for member in _MEMBERS},
    }
    if whole:
        ticket = house(call).ticket_for(layer.code, call.now())
        told |= {
            "LayerArn": arn,
            "Description": layer.members.get("Description", ""),
            "Content": {
                "Location": f"http://code.lambda-url.localhost:{call.cloud.port}/{layer.code}?ticket={ticket}",
                "CodeSha256": layer.sha,
                "CodeSize": layer.size,
            },
        }
    return told


@operation(resource=_resource)
async def publish_layer_version(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PublishLayerVersion: numbers only rise."""
    scope, name = place(call, request["LayerName"])
    stored = await code.store(call, request["Content"])

    def write(tx: Writer) -> dict[str, Any]:
        row = LAYER_NAMES.get(tx, scope, name) or LayerName(name=name)
        row.counter += 1
        LAYER_NAMES.put(tx, scope, row)
        members = {member: request[member] for member in _MEMBERS if request.get(member) is not None}
        layer = Layer(
            name=name,
            version=row.counter,
            code=stored.blob,
            size=stored.size,
            sha=stored.sha,
            created=call.now(),
            members=members,
        )
        LAYERS.put(tx, scope, layer)
        return _describe(call, scope, layer, whole=True)

    return await call.transact(write)


@operation(resource=_resource)
def get_layer_version(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    scope, name = place(call, request["LayerName"])
    return _get(call, scope, name, request["VersionNumber"])


@operation(resource="{Arn}", action="lambda:GetLayerVersion")
def get_layer_version_by_arn(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    parts = request["Arn"].split(":")
    if len(parts) != 8 or not parts[7].isdigit():
        raise errors.ValidationException(
            f"1 validation error detected: Value '{request['Arn']}' at 'arn' is no layer version."
        )
    return _get(call, Scope(parts[4], parts[3]), parts[6], int(parts[7]))


def _get(call: Call, scope: Scope, name: str, number: int) -> dict[str, Any]:
    with call.read() as tx:
        layer = LAYERS.get(tx, scope, name, number)
    if layer is None:
        raise not_found("The resource you requested does not exist.")
    return _describe(call, scope, layer, whole=True)


@operation(resource=_resource)
def delete_layer_version(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteLayerVersion: functions that have it keep what is unpacked until they change."""
    scope, name = place(call, request["LayerName"])
    with call.write() as tx:
        layer = LAYERS.get(tx, scope, name, request["VersionNumber"])
        if layer is not None:
            LAYERS.delete(tx, scope, name, layer.version)
            call.cloud.blobs.delete_later(tx, layer.code)
    return {}


def _fits(layer: Layer, request: Mapping[str, Any]) -> bool:
    runtime, architecture = request.get("CompatibleRuntime"), request.get("CompatibleArchitecture")
    return (runtime is None or runtime in layer.members.get("CompatibleRuntimes", ())) and (
        architecture is None or architecture in layer.members.get("CompatibleArchitectures", ())
    )


@operation(resource=_resource)
def list_layer_versions(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    scope, name = place(call, request["LayerName"])
    with call.read() as tx:
        rows = [row for row in LAYERS.scan(tx, scope, name, reverse=True) if _fits(row, request)]
    chosen, marker = page([_describe(call, scope, row) for row in rows], request, 50)
    return {"LayerVersions": chosen, "NextMarker": marker}


@operation()
def list_layers(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    newest: dict[str, Layer] = {}
    with call.read() as tx:
        for row in LAYERS.scan(tx, call.scope):
            if _fits(row, request):
                newest[row.name] = row
    found = [
        {
            "LayerName": row.name,
            "LayerArn": _arn(call.scope, row.name),
            "LatestMatchingVersion": _describe(call, call.scope, row),
        }
        for row in newest.values()
    ]
    chosen, marker = page(found, request, 50)
    return {"Layers": chosen, "NextMarker": marker}
