"""Archives: what keeps a bus's events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.converge.timers import settle
from haneul.service import Call, Scope, operation
from haneul.services.events import names
from haneul.services.events.errors import errors
from haneul.services.events.router import discard, router
from haneul.services.events.rules import check_pattern
from haneul.services.events.state import ARCHIVES, KEPT, Archive
from haneul.state.store import Reader

SWEEP_EVERY = 3600.0


def arn_of(scope: Scope, name: str) -> str:
    return f"arn:aws:events:{scope.region}:{scope.account}:archive/{name}"


def by_archive(call: Call, request: Mapping[str, Any]) -> str:
    return arn_of(call.scope, request["ArchiveName"])


def find(tx: Reader, scope: Scope, name: str) -> Archive:
    archive = ARCHIVES.get(tx, scope, name)
    if archive is None:
        raise errors.ResourceNotFoundException(f"Archive {name} does not exist.")
    return archive


@operation(resource=by_archive)
def create_archive(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateArchive."""
    name = request["ArchiveName"]
    scope, bus = names.locate_bus(call, request["EventSourceArn"])
    if pattern := request.get("EventPattern"):
        check_pattern(pattern)
    with call.write() as tx:
        if ARCHIVES.get(tx, call.scope, name) is not None:
            raise errors.ResourceAlreadyExistsException(f"Archive {name} already exists.")
        names.find_bus(tx, scope, bus)
        archive = Archive(
            name=name,
            source=request["EventSourceArn"],
            bus=bus,
            created=call.now(),
            pattern=pattern or None,
            description=request.get("Description"),
            days=request.get("RetentionDays") or 0,
            key=request.get("KmsKeyIdentifier"),
        )
        ARCHIVES.put(tx, call.scope, archive)
        converge.wake(tx, "events.archive", call.scope, (name,), call.now() + SWEEP_EVERY)
    router(call).forget(call.scope, bus)
    return _changed(call, archive)


def _changed(call: Call, archive: Archive) -> dict[str, Any]:
    return {"ArchiveArn": arn_of(call.scope, archive.name), "State": "ENABLED", "CreationTime": archive.created}


def _describe(tx: Reader, scope: Scope, archive: Archive) -> dict[str, Any]:
    count = size = 0
    for kept in KEPT.scan(tx, scope, archive.name):
        count += 1
        size += kept.size
    return {
        "ArchiveName": archive.name,
        "EventSourceArn": archive.source,
        "State": "ENABLED",
        "RetentionDays": archive.days,
        "SizeBytes": size,
        "EventCount": count,
        "CreationTime": archive.created,
    }


@operation(resource=by_archive)
def describe_archive(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeArchive."""
    with call.read() as tx:
        archive = find(tx, call.scope, request["ArchiveName"])
        described = _describe(tx, call.scope, archive)
    return {
        "ArchiveArn": arn_of(call.scope, archive.name),
        "Description": archive.description,
        "EventPattern": archive.pattern,
        "KmsKeyIdentifier": archive.key,
        **described,
    }


@operation()
def list_archives(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListArchives, by prefix, source or state."""
    if sum(bool(request.get(name)) for name in ("NamePrefix", "EventSourceArn", "State")) > 1:
        raise errors.ValidationException(
            "At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or NamePrefix."
        )
    prefix, source = request.get("NamePrefix") or "", request.get("EventSourceArn")
    with call.read() as tx:
        rows = [
            archive
            for archive in ARCHIVES.scan(tx, call.scope)
            if archive.name.startswith(prefix)
            and source in (None, archive.source)
            and request.get("State") in (None, "ENABLED")
        ]
        chosen, more = names.page(rows, request, lambda archive: archive.name)
        described = [_describe(tx, call.scope, archive) for archive in chosen]
    return {"Archives": described, **more}


@operation(resource=by_archive)
def update_archive(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateArchive."""
    if request.get("EventPattern"):
        check_pattern(request["EventPattern"])
    with call.write() as tx:
        archive = find(tx, call.scope, request["ArchiveName"])
        if "EventPattern" in request:
            archive.pattern = request["EventPattern"] or None
        if "Description" in request:
            archive.description = request["Description"]
        if "RetentionDays" in request:
            archive.days = request["RetentionDays"]
        if "KmsKeyIdentifier" in request:
            archive.key = request["KmsKeyIdentifier"] or None
        ARCHIVES.put(tx, call.scope, archive)
    router(call).forget(call.scope, archive.bus)
    return _changed(call, archive)


@operation(resource=by_archive)
def delete_archive(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteArchive, with what it keeps."""
    name = request["ArchiveName"]
    with call.write() as tx:
        archive = find(tx, call.scope, name)
        for kept in list(KEPT.scan(tx, call.scope, name)):
            discard(tx, call.scope, kept)
        ARCHIVES.delete(tx, call.scope, name)
        settle(tx, "events.archive", call.scope, (name,))
    router(call).forget(call.scope, archive.bus)
    return {}
