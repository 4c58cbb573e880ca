"""Smaller settings of functions and layers: recursion, runtime updates, code signing as data, layers' policies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.lambda_ import names
from haneul.services.lambda_.describing import configuration, instant
from haneul.services.lambda_.errors import conflict, errors, invalid, not_found, stale
from haneul.services.lambda_.layers import place
from haneul.services.lambda_.names import LATEST, parse
from haneul.services.lambda_.paging import page
from haneul.services.lambda_.state import FUNCTIONS, LAYERS, POLICIES, SETTINGS, Policy, Setting
from haneul.state.store import Reader

_SIGNING = "{CodeSigningConfigArn}"
_MEMBERS = ("Description", "AllowedPublishers", "CodeSigningPolicies")


@operation(resource=names.resource)
def get_function_recursion_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"])
    with call.read() as tx:
        return {"RecursiveLoop": names.function(tx, name).recursion}


@operation(resource=names.resource)
def put_function_recursion_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"])
    with call.write() as tx:
        function = names.function(tx, name)
        function.recursion = request["RecursiveLoop"]
        FUNCTIONS.put(tx, name.scope, function)
    return {"RecursiveLoop": function.recursion}


@operation(resource=names.resource)
def get_runtime_management_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    with call.read() as tx:
        function, (version, _) = names.function(tx, name), names.version(tx, name)
        arn = configuration(name, version, name.qualifier, tx)["FunctionArn"]
    held = function.management.get(name.qualifier or LATEST) or {"UpdateRuntimeOn": "Auto"}
    return {"FunctionArn": arn, **held}


@operation(resource=names.resource)
def put_runtime_management_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutRuntimeManagementConfig, kept as data: the machine's runtimes are updated by whoever keeps the machine."""
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    mode, version = request["UpdateRuntimeOn"], request.get("RuntimeVersionArn")
    if mode == "Manual" and not version:
        raise invalid("RuntimeVersionArn is required when UpdateRuntimeOn is set to Manual.")
    held = {"UpdateRuntimeOn": mode} | ({"RuntimeVersionArn": version} if version else {})
    with call.write() as tx:
        function = names.function(tx, name)
        names.version(tx, name)
        function.management = function.management | {name.qualifier or LATEST: held}
        FUNCTIONS.put(tx, name.scope, function)
    return {"FunctionArn": name.qualified, **held}


# Code signing


def _config(tx: Reader, call: Call, arn: str) -> Setting:
    row = SETTINGS.get(tx, call.scope, "signing", arn, "")
    if row is None:
        raise errors.CodeSigningConfigNotFoundException(f"The code signing configuration cannot be found: {arn}")
    return row


def _describe(row: Setting) -> dict[str, Any]:
    return dict(row.held) | {"CodeSigningConfigArn": row.name, "CodeSigningConfigId": row.name.rpartition(":")[2]}


@operation()
def create_code_signing_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    identity = f"csc-{tokens.random_hex(17)}"
    arn = f"arn:aws:lambda:{call.scope.region}:{call.scope.account}:code-signing-config:{identity}"
    held = {"Description": "", "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Warn"}}
    held |= {member: request[member] for member in _MEMBERS if request.get(member) is not None}
    row = Setting(kind="signing", name=arn, qualifier="", held=held | {"LastModified": instant(call.now())})
    with call.write() as tx:
        SETTINGS.put(tx, call.scope, row)
    return {"CodeSigningConfig": _describe(row)}


@operation(resource=_SIGNING)
def get_code_signing_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return {"CodeSigningConfig": _describe(_config(tx, call, request["CodeSigningConfigArn"]))}


@operation(resource=_SIGNING)
def update_code_signing_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = _config(tx, call, request["CodeSigningConfigArn"])
        row.held = row.held | {member: request[member] for member in _MEMBERS if request.get(member) is not None}
        row.held["LastModified"] = instant(call.now())
        SETTINGS.put(tx, call.scope, row)
    return {"CodeSigningConfig": _describe(row)}


@operation(resource=_SIGNING)
def delete_code_signing_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    arn = request["CodeSigningConfigArn"]
    with call.write() as tx:
        _config(tx, call, arn)
        if any(one.signing == arn for one in FUNCTIONS.scan(tx, call.scope)):
            raise conflict("Cannot delete the CodeSigningConfig because some functions are associated with it")
        SETTINGS.delete(tx, call.scope, "signing", arn, "")
    return {}


@operation()
def list_code_signing_configs(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        found = [_describe(row) for row in SETTINGS.scan(tx, call.scope, "signing")]
    chosen, marker = page(found, request, 50)
    return {"CodeSigningConfigs": chosen, "NextMarker": marker}


@operation(resource=_SIGNING)
def list_functions_by_code_signing_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    arn = request["CodeSigningConfigArn"]
    with call.read() as tx:
        _config(tx, call, arn)
        home = f"arn:aws:lambda:{call.scope.region}:{call.scope.account}:function"
        found = [f"{home}:{one.name}" for one in FUNCTIONS.scan(tx, call.scope) if one.signing == arn]
    chosen, marker = page(found, request, 50)
    return {"FunctionArns": chosen, "NextMarker": marker}


@operation(resource=names.resource)
def put_function_code_signing_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"])
    with call.write() as tx:
        _config(tx, call, request["CodeSigningConfigArn"])
        function = names.function(tx, name)
        function.signing = request["CodeSigningConfigArn"]
        FUNCTIONS.put(tx, name.scope, function)
    return {"CodeSigningConfigArn": function.signing, "FunctionName": name.name}


@operation(resource=names.resource)
def get_function_code_signing_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"])
    with call.read() as tx:
        function = names.function(tx, name)
    return {"CodeSigningConfigArn": function.signing, "FunctionName": name.name}


@operation(resource=names.resource)
def delete_function_code_signing_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"])
    with call.write() as tx:
        function = names.function(tx, name)
        function.signing = ""
        FUNCTIONS.put(tx, name.scope, function)
    return {}


# Policies of layers


def _policy(call: Call, tx: Reader, request: Mapping[str, Any]) -> tuple[Any, str, Policy | None]:
    scope, name = place(call, request["LayerName"])
    number = request["VersionNumber"]
    arn = f"arn:aws:lambda:{scope.region}:{scope.account}:layer:{name}:{number}"
    if LAYERS.get(tx, scope, name, number) is None:
        raise not_found(f"Layer version {arn} does not exist.")
    return scope, arn, POLICIES.get(tx, scope, arn, "")


def _layer(call: Call, request: Mapping[str, Any]) -> str:
    scope, name = place(call, request["LayerName"])
    return f"arn:aws:lambda:{scope.region}:{scope.account}:layer:{name}:{request['VersionNumber']}"


@operation(resource=_layer)
def add_layer_version_permission(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        scope, arn, policy = _policy(call, tx, request)
        policy = policy or Policy(name=arn, qualifier="")
        if request.get("RevisionId") and request["RevisionId"] != policy.revision:
            raise stale()
        sid, who = request["StatementId"], request["Principal"]
        if any(one["Sid"] == sid for one in policy.statements):
            raise conflict(
                f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the "
                "existing statement."
            )
        whom: Any = "*" if who == "*" else {"AWS": f"arn:aws:iam::{who}:root" if who.isdigit() else who}
        statement = {"Sid": sid, "Effect": "Allow", "Principal": whom, "Action": request["Action"], "Resource": arn}
        if request.get("OrganizationId"):
            statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": request["OrganizationId"]}}
        policy.statements.append(statement)
        policy.revision = tokens.uuid()
        POLICIES.put(tx, scope, policy)
    return {"Statement": json.dumps(statement, separators=(",", ":")), "RevisionId": policy.revision}


@operation(resource=_layer)
def get_layer_version_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        _, _, policy = _policy(call, tx, request)
    if policy is None:
        raise not_found("No policy is associated with the given resource.")
    held = {"Version": "2012-10-17", "Id": "default", "Statement": policy.statements}
    return {"Policy": json.dumps(held, separators=(",", ":")), "RevisionId": policy.revision}


@operation(resource=_layer)
def remove_layer_version_permission(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        scope, arn, policy = _policy(call, tx, request)
        kept = [one for one in policy.statements if one["Sid"] != request["StatementId"]] if policy else []
        if policy is None or len(kept) == len(policy.statements):
            raise not_found(f"Statement {request['StatementId']} is not found in resource policy.")
        policy.statements, policy.revision = kept, tokens.uuid()
        if kept:
            POLICIES.put(tx, scope, policy)
        else:
            POLICIES.delete(tx, scope, arn, "")
    return {}
