"""Pipes: create, describe, list, update, start, stop, delete."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.kit import tokens
from haneul.kit.patterns import PatternError, compile_pattern
from haneul.service import Call, Scope, operation
from haneul.services.pipes.errors import errors, invalid, no_pipe
from haneul.services.pipes.state import PIPES, Pipe
from haneul.state.store import Reader, Writer

SOURCES = frozenset({"sqs", "dynamodb", "kinesis"})
_MEMBERS = (
    "Description",
    "Source",
    "SourceParameters",
    "Enrichment",
    "EnrichmentParameters",
    "Target",
    "TargetParameters",
    "RoleArn",
    "LogConfiguration",
    "KmsKeyIdentifier",
)


def arn_of(scope: Scope, name: str) -> str:
    return f"arn:aws:pipes:{scope.region}:{scope.account}:pipe/{name}"


def by_name(call: Call, request: Mapping[str, Any]) -> str:
    return arn_of(call.scope, request["Name"])


def _check(settings: Mapping[str, Any]) -> None:
    for name in ("Source", "Target"):
        if len(settings[name].split(":")) < 6:
            raise invalid(f"{name} ARN is not valid.")
    if settings["Source"].split(":")[2] not in SOURCES:
        raise invalid(f"Sources of the kind {settings['Source'].split(':')[2]} are not read here.")
    filters = (settings.get("SourceParameters") or {}).get("FilterCriteria") or {}
    for chosen in filters.get("Filters") or ():
        try:
            compile_pattern(json.loads(chosen["Pattern"]))
        except (ValueError, PatternError) as error:
            raise invalid(f"Invalid filter pattern: {error}") from None


def find(tx: Reader, call: Call, name: str) -> Pipe:
    pipe = PIPES.get(tx, call.scope, name)
    if pipe is None:
        raise no_pipe(name)
    return pipe


def _changed(call: Call, pipe: Pipe) -> dict[str, Any]:
    return {
        "Arn": arn_of(call.scope, pipe.name),
        "Name": pipe.name,
        "DesiredState": pipe.desired,
        "CurrentState": pipe.state,
        "CreationTime": pipe.created,
        "LastModifiedTime": pipe.modified,
    }


def _put(tx: Writer, call: Call, pipe: Pipe) -> None:
    PIPES.put(tx, call.scope, pipe)
    converge.wake(tx, "pipes.pipe", call.scope, (pipe.name,), call.now())


@operation(resource=by_name)
def create_pipe(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreatePipe."""
    settings = {name: request[name] for name in _MEMBERS if request.get(name) is not None}
    _check(settings)
    with call.write() as tx:
        if PIPES.get(tx, call.scope, request["Name"]) is not None:
            raise errors.ConflictException(f"Pipe {request['Name']} already exists.")
        pipe = Pipe(
            name=request["Name"],
            settings=settings,
            created=call.now(),
            modified=call.now(),
            desired=request.get("DesiredState") or "RUNNING",
            tags=dict(request.get("Tags") or {}),
        )
        _put(tx, call, pipe)
    return _changed(call, pipe)


@operation(resource=by_name)
def describe_pipe(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribePipe."""
    with call.read() as tx:
        pipe = find(tx, call, request["Name"])
    return {**_changed(call, pipe), "StateReason": pipe.reason, "Tags": pipe.tags, **pipe.settings}


@operation()
def list_pipes(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListPipes, by prefixes and states."""
    after = ""
    if token := request.get("NextToken"):
        position = tokens.open_page(token)
        if not position or not isinstance(position[0], str):
            raise invalid("Invalid NextToken.")
        after = position[0]
    with call.read() as tx:
        rows = [pipe for pipe in PIPES.scan(tx, call.scope) if pipe.name > after and _listed(pipe, request)]
    limit = request.get("Limit") or 100
    more = {"NextToken": tokens.seal_page(rows[limit - 1].name)} if len(rows) > limit else {}
    kept = ("Source", "Target", "Enrichment")
    entries = [
        {
            **_changed(call, pipe),
            "StateReason": pipe.reason,
            **{name: pipe.settings[name] for name in kept if name in pipe.settings},
        }
        for pipe in rows[:limit]
    ]
    return {"Pipes": entries, **more}


def _listed(pipe: Pipe, request: Mapping[str, Any]) -> bool:
    return (
        pipe.name.startswith(request.get("NamePrefix") or "")
        and request.get("DesiredState") in (None, pipe.desired)
        and request.get("CurrentState") in (None, pipe.state)
        and pipe.settings["Source"].startswith(request.get("SourcePrefix") or "")
        and pipe.settings["Target"].startswith(request.get("TargetPrefix") or "")
    )


@operation(resource=by_name)
def update_pipe(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdatePipe."""
    with call.write() as tx:
        pipe = find(tx, call, request["Name"])
        settings = dict(pipe.settings)
        for name in _MEMBERS:
            if name == "SourceParameters" and request.get(name) is not None:
                settings[name] = {**(settings.get(name) or {}), **request[name]}
            elif request.get(name) is not None:
                settings[name] = request[name]
        _check(settings)
        pipe.settings, pipe.modified, pipe.state = settings, call.now(), "UPDATING"
        pipe.desired = request.get("DesiredState") or pipe.desired
        _put(tx, call, pipe)
    return _changed(call, pipe)


@operation(resource=by_name)
def start_pipe(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StartPipe."""
    return _move(call, request, "RUNNING", "STARTING")


@operation(resource=by_name)
def stop_pipe(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StopPipe."""
    return _move(call, request, "STOPPED", "STOPPING")


def _move(call: Call, request: Mapping[str, Any], desired: str, state: str) -> dict[str, Any]:
    with call.write() as tx:
        pipe = find(tx, call, request["Name"])
        if pipe.state not in ("RUNNING", "STOPPED"):
            raise errors.ConflictException(f"Pipe {pipe.name} is in the state {pipe.state}.")
        pipe.desired, pipe.state, pipe.modified = desired, state, call.now()
        _put(tx, call, pipe)
    return _changed(call, pipe)


@operation(resource=by_name)
def delete_pipe(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeletePipe."""
    with call.write() as tx:
        pipe = find(tx, call, request["Name"])
        pipe.desired, pipe.state, pipe.modified = "DELETED", "DELETING", call.now()
        _put(tx, call, pipe)
    return _changed(call, pipe)
