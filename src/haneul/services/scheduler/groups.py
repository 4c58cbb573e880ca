"""Schedule groups: create, describe, list, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge.timers import settle
from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.scheduler.errors import errors, invalid
from haneul.services.scheduler.state import DEFAULT, GROUPS, SCHEDULES, Group
from haneul.state.store import Reader


def arn_of(scope: Scope, name: str) -> str:
    return f"arn:aws:scheduler:{scope.region}:{scope.account}:schedule-group/{name}"


def by_group(call: Call, request: Mapping[str, Any]) -> str:
    return arn_of(call.scope, request["Name"])


def find(tx: Reader, scope: Scope, name: str) -> Group:
    """The group; the default one is always there. Raises ResourceNotFoundException."""
    group = GROUPS.get(tx, scope, name)
    if group is None and name == DEFAULT:
        return Group(name=DEFAULT, created=0.0, modified=0.0)
    if group is None:
        raise errors.ResourceNotFoundException(f"Schedule group {name} does not exist.")
    return group


def _describe(scope: Scope, group: Group) -> dict[str, Any]:
    return {
        "Arn": arn_of(scope, group.name),
        "Name": group.name,
        "State": "ACTIVE",
        "CreationDate": group.created,
        "LastModificationDate": group.modified,
    }


@operation(resource=by_group)
def create_schedule_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateScheduleGroup."""
    name = request["Name"]
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
    with call.write() as tx:
        if name == DEFAULT or GROUPS.get(tx, call.scope, name) is not None:
            raise errors.ConflictException(f"Schedule group {name} already exists.")
        GROUPS.put(tx, call.scope, Group(name=name, created=call.now(), modified=call.now(), tags=tags))
    return {"ScheduleGroupArn": arn_of(call.scope, name)}


@operation(resource=by_group)
def get_schedule_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetScheduleGroup."""
    with call.read() as tx:
        return _describe(call.scope, find(tx, call.scope, request["Name"]))


@operation()
def list_schedule_groups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListScheduleGroups, the default one among them."""
    prefix = request.get("NamePrefix") or ""
    with call.read() as tx:
        rows = [group for group in GROUPS.scan(tx, call.scope) if group.name != DEFAULT]
        rows.append(find(tx, call.scope, DEFAULT))
    rows = sorted((group for group in rows if group.name.startswith(prefix)), key=lambda group: group.name)
    chosen, more = page(rows, request, lambda group: group.name)
    return {"ScheduleGroups": [_describe(call.scope, group) for group in chosen], **more}


def page(rows: list[Any], request: Mapping[str, Any], of: Any) -> tuple[list[Any], dict[str, Any]]:
    """One page of rows in order, and NextToken when there are more."""
    after = ""
    if token := request.get("NextToken"):
        position = tokens.open_page(token)
        if not position or not isinstance(position[0], str):
            raise invalid("Invalid NextToken.")
        after = position[0]
    rest = [row for row in rows if of(row) > after]
    limit = request.get("MaxResults") or 100
    more = {"NextToken": tokens.seal_page(of(rest[limit - 1]))} if len(rest) > limit else {}
    return rest[:limit], more


@operation(resource=by_group)
def delete_schedule_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteScheduleGroup, with its schedules."""
    name = request["Name"]
    if name == DEFAULT:
        raise invalid("The default schedule group can't be deleted.")
    with call.write() as tx:
        find(tx, call.scope, name)
        for schedule in SCHEDULES.scan(tx, call.scope, name):
            settle(tx, "scheduler.schedule", call.scope, (schedule.group, schedule.name))
        SCHEDULES.delete_all(tx, call.scope, name)
        GROUPS.delete(tx, call.scope, name)
    return {}
