"""What becomes of asynchronous invocations: retries, age and destinations, by qualifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.lambda_ import names
from haneul.services.lambda_.errors import invalid, not_found
from haneul.services.lambda_.names import LATEST, Name, parse
from haneul.services.lambda_.paging import page
from haneul.services.lambda_.state import SETTINGS, Setting

_MEMBERS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")


def _describe(name: Name, row: Setting) -> dict[str, Any]:
    held = dict(row.held)
    destinations = {"OnSuccess": {}, "OnFailure": {}} | (held.get("DestinationConfig") or {})
    return held | {"FunctionArn": f"{name.arn}:{row.qualifier}", "DestinationConfig": destinations}


def _save(call: Call, request: Mapping[str, Any], keep: bool) -> dict[str, Any]:
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    given = {member: request[member] for member in _MEMBERS if request.get(member) is not None}
    if not given:
        raise invalid("You must specify at least one of error handling or destination setting.")
    for kind in ("OnSuccess", "OnFailure"):
        target = ((given.get("DestinationConfig") or {}).get(kind) or {}).get("Destination")
        if target and target == name.arn:
            raise invalid("You can't specify the function as a destination for itself.")
    with call.write() as tx:
        names.function(tx, name)
        names.version(tx, name)
        qualifier = name.qualifier or LATEST
        row = SETTINGS.get(tx, name.scope, "event", name.name, qualifier)
        if keep and row is None:
            raise not_found(f"The function {name.arn}:{qualifier} doesn't have an EventInvokeConfig")
        held = (row.held if keep and row is not None else {}) | given | {"LastModified": call.now()}
        row = Setting(kind="event", name=name.name, qualifier=qualifier, held=held)
        SETTINGS.put(tx, name.scope, row)
    return _describe(name, row)


@operation(resource=names.resource)
def put_function_event_invoke_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    return _save(call, request, keep=False)


@operation(resource=names.resource)
def update_function_event_invoke_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    return _save(call, request, keep=True)


@operation(resource=names.resource)
def get_function_event_invoke_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    with call.read() as tx:
        names.function(tx, name)
        row = SETTINGS.get(tx, name.scope, "event", name.name, name.qualifier or LATEST)
    if row is None:
        raise not_found(f"The function {name.arn}:{name.qualifier or LATEST} doesn't have an EventInvokeConfig")
    return _describe(name, row)


@operation(resource=names.resource)
def delete_function_event_invoke_config(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    with call.write() as tx:
        names.function(tx, name)
        if SETTINGS.get(tx, name.scope, "event", name.name, name.qualifier or LATEST) is None:
            raise not_found(f"The function {name.arn}:{name.qualifier or LATEST} doesn't have an EventInvokeConfig")
        SETTINGS.delete(tx, name.scope, "event", name.name, name.qualifier or LATEST)
    return {}


@operation(resource=names.resource)
def list_function_event_invoke_configs(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"])
    with call.read() as tx:
        names.function(tx, name)
        found = [_describe(name, row) for row in SETTINGS.scan(tx, name.scope, "event", name.name)]
    chosen, marker = page(found, request, 50)
    return {"FunctionEventInvokeConfigs": chosen, "NextMarker": marker}
