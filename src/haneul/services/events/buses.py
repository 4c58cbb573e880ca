"""Event buses: create, describe, list, update, delete."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from haneul.converge.timers import settle
from haneul.service import Call, Scope, operation
from haneul.services.events import names
from haneul.services.events.errors import errors, invalid
from haneul.services.events.router import router
from haneul.services.events.state import BUSES, DEFAULT, RULES, Bus

_NAME = re.compile(r"[/.\-_A-Za-z0-9]{1,256}")


@operation(resource=names.by_bus)
def create_event_bus(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateEventBus."""
    name = request["Name"]
    if source := request.get("EventSourceName"):
        raise errors.ResourceNotFoundException(f"Event source {source} does not exist.")  # partners have none here
    if "/" in name or not _NAME.fullmatch(name):
        raise invalid("Event bus name must not contain '/'.")
    dead = (request.get("DeadLetterConfig") or {}).get("Arn")
    with call.write() as tx:
        if name == DEFAULT or BUSES.get(tx, call.scope, name) is not None:
            raise errors.ResourceAlreadyExistsException(f"Event bus {name} already exists.")
        bus = Bus(
            name=name,
            created=call.now(),
            modified=call.now(),
            description=request.get("Description"),
            key=request.get("KmsKeyIdentifier"),
            dead_letter=dead,
            log=request.get("LogConfig"),
            tags=names.tags_of(request.get("Tags")),
        )
        BUSES.put(tx, call.scope, bus)
    described = _describe(call.scope, bus)
    return {
        "EventBusArn": described["Arn"],
        **{key: described.get(key) for key in ("Description", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig")},
    }


def _describe(scope: Scope, bus: Bus) -> dict[str, Any]:
    return {
        "Name": bus.name,
        "Arn": names.bus_arn(scope, bus.name),
        "Description": bus.description,
        "KmsKeyIdentifier": bus.key,
        "DeadLetterConfig": {"Arn": bus.dead_letter} if bus.dead_letter else None,
        "LogConfig": bus.log,
        "Policy": json.dumps(bus.policy, separators=(",", ":")) if bus.policy else None,
        "CreationTime": bus.created or None,
        "LastModifiedTime": bus.modified or None,
    }


@operation(resource=names.by_bus)
def describe_event_bus(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeEventBus: the default one unless named."""
    scope, name = names.locate_bus(call, request.get("Name"))
    with call.read() as tx:
        return _describe(scope, names.find_bus(tx, scope, name))


@operation()
def list_event_buses(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListEventBuses, the default one among them."""
    prefix = request.get("NamePrefix") or ""
    with call.read() as tx:
        rows = [bus for bus in BUSES.scan(tx, call.scope) if bus.name != DEFAULT]
        rows.append(names.find_bus(tx, call.scope, DEFAULT))
    rows = sorted((bus for bus in rows if bus.name.startswith(prefix)), key=lambda bus: bus.name)
    chosen, more = names.page(rows, request, lambda bus: bus.name)
    kept = ("Name", "Arn", "Description", "Policy", "CreationTime", "LastModifiedTime")
    described = [_describe(call.scope, bus) for bus in chosen]
    return {"EventBuses": [{key: one[key] for key in kept} for one in described], **more}


@operation(resource=names.by_bus)
def update_event_bus(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateEventBus."""
    name = request.get("Name") or DEFAULT
    with call.write() as tx:
        bus = names.find_bus(tx, call.scope, name)
        if "Description" in request:
            bus.description = request["Description"]
        if "KmsKeyIdentifier" in request:
            bus.key = request["KmsKeyIdentifier"] or None
        if "DeadLetterConfig" in request:
            bus.dead_letter = request["DeadLetterConfig"].get("Arn")
        if "LogConfig" in request:
            bus.log = request["LogConfig"]
        bus.modified = call.now()
        BUSES.put(tx, call.scope, bus)
    described = _describe(call.scope, bus)
    kept = ("Arn", "Name", "KmsKeyIdentifier", "Description", "DeadLetterConfig", "LogConfig")
    return {key: described[key] for key in kept}


@operation(resource=names.by_bus)
def delete_event_bus(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteEventBus, with its rules. What is gone is no error."""
    name = request["Name"]
    if name == DEFAULT:
        raise invalid("Cannot delete event bus default.")
    with call.write() as tx:
        if BUSES.get(tx, call.scope, name) is None:
            return
        BUSES.delete(tx, call.scope, name)
        for rule in RULES.scan(tx, call.scope, name):
            settle(tx, "events.rule", call.scope, (rule.bus, rule.name))
        RULES.delete_all(tx, call.scope, name)
    router(call).forget(call.scope, name)
