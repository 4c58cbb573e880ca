"""Aliases: names that point to versions, and may share calls out by weight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.lambda_ import names
from haneul.services.lambda_.errors import conflict, invalid, missing, not_found, stale
from haneul.services.lambda_.names import LATEST, Name, parse
from haneul.services.lambda_.paging import page
from haneul.services.lambda_.state import ALIASES, POLICIES, SETTINGS, VERSIONS, Alias
from haneul.state.store import Reader


def _describe(name: Name, alias: Alias) -> dict[str, Any]:
    told: dict[str, Any] = {
        "AliasArn": f"{name.arn}:{alias.alias}",
        "Name": alias.alias,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision,
    }
    if alias.weights:
        told["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.weights)}
    return told


def _check(tx: Reader, name: Name, alias: Alias) -> None:
    for label in (alias.version, *alias.weights):
        number = 0 if label == LATEST else int(label)
        if VERSIONS.get(tx, name.scope, name.name, number) is None:
            raise missing(f"{name.arn}:{label}")
    if alias.weights:
        if alias.version == LATEST or LATEST in alias.weights:
            raise invalid("$LATEST is not supported for an alias pointing to more than 1 version")
        if alias.version in alias.weights:
            raise invalid(
                f"Invalid function version {alias.version}. "
                f"Function version {alias.version} is already included in routing configuration."
            )
        if len(alias.weights) > 1:
            raise invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")


@operation(resource=names.resource)
def create_alias(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateAlias. Raises ResourceConflictException."""
    name = parse(call, request["FunctionName"])
    with call.write() as tx:
        names.function(tx, name)
        if ALIASES.get(tx, name.scope, name.name, request["Name"]) is not None:
            raise conflict(f"Alias already exists: {name.arn}:{request['Name']}")
        alias = Alias(
            name=name.name,
            alias=request["Name"],
            version=request["FunctionVersion"],
            weights=dict((request.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}),
            description=request.get("Description") or "",
            revision=tokens.uuid(),
        )
        _check(tx, name, alias)
        ALIASES.put(tx, name.scope, alias)
        return _describe(name, alias)


def _find(tx: Reader, name: Name, label: str) -> Alias:
    names.function(tx, name)
    alias = ALIASES.get(tx, name.scope, name.name, label)
    if alias is None:
        raise not_found(f"Cannot find alias arn: {name.arn}:{label}")
    return alias


@operation(resource=names.resource)
def get_alias(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"])
    with call.read() as tx:
        return _describe(name, _find(tx, name, request["Name"]))


@operation(resource=names.resource)
def update_alias(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateAlias. Raises PreconditionFailedException."""
    name = parse(call, request["FunctionName"])
    with call.write() as tx:
        alias = _find(tx, name, request["Name"])
        if request.get("RevisionId") and request["RevisionId"] != alias.revision:
            raise stale()
        alias.version = request.get("FunctionVersion") or alias.version
        if request.get("RoutingConfig") is not None:
            alias.weights = dict(request["RoutingConfig"].get("AdditionalVersionWeights") or {})
        if request.get("Description") is not None:
            alias.description = request["Description"]
        _check(tx, name, alias)
        alias.revision = tokens.uuid()
        ALIASES.put(tx, name.scope, alias)
        return _describe(name, alias)


@operation(resource=names.resource)
def delete_alias(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"])
    with call.write() as tx:
        names.function(tx, name)
        ALIASES.delete(tx, name.scope, name.name, request["Name"])
        POLICIES.delete(tx, name.scope, name.name, request["Name"])
        for kind in ("event", "provisioned"):
            SETTINGS.delete(tx, name.scope, kind, name.name, request["Name"])
    return {}


@operation(resource=names.resource)
def list_aliases(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"])
    with call.read() as tx:
        names.function(tx, name)
        wanted = request.get("FunctionVersion")
        found = [
            _describe(name, alias)
            for alias in ALIASES.scan(tx, name.scope, name.name)
            if wanted is None or wanted == alias.version or wanted in alias.weights
        ]
    chosen, marker = page(found, request, 50)
    return {"Aliases": chosen, "NextMarker": marker}
