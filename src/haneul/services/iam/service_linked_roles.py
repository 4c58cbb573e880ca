"""Service-linked roles: roles that belong to a service, made and deleted through it."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import orjson

from haneul.auth import managed, tables
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import attachments, entities, roles
from haneul.services.iam.entities import Answer, Request, change
from haneul.services.iam.errors import errors


def _new(call: Call, request: Request) -> str:
    return f"arn:aws:iam::{call.account}:role{roles.LINKED}{request['AWSServiceName']}/*"


def _service(call: Call, request: Request) -> dict[str, str | list[str]]:
    return {"iam:AWSServiceName": request["AWSServiceName"]}


def _role(call: Call, request: Request) -> str:
    return f"arn:aws:iam::{call.account}:role{roles.LINKED}*/{request['RoleName']}"


@operation(resource=_new, conditions=_service)
def create_service_linked_role(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    service = request["AWSServiceName"]
    known = _catalog().get(service)
    if known is None:
        raise errors.InvalidInput(f"Service {service} does not support service-linked roles.")
    suffix = request.get("CustomSuffix")
    if suffix and not known.get("suffix"):
        raise errors.InvalidInput(f"Custom suffix is not allowed for {service}")
    name = known["role"] + (f"_{suffix}" if suffix else "")
    statement = {"Action": ["sts:AssumeRole"], "Effect": "Allow", "Principal": {"Service": [service]}}
    with change(call) as tx:
        if tables.ROLES.get(tx, scope, name.lower()) is not None:
            raise errors.InvalidInput(
                f"Service role name {name} has been taken in this account, please try a different suffix."
            )
        row = tables.Role(
            key=name.lower(),
            name=name,
            path=f"{roles.LINKED}{service}/",
            id=tokens.unique_id("AROA"),
            created=entities.now(call),
            trust=orjson.dumps({"Version": "2012-10-17", "Statement": [statement]}).decode(),
            description=request.get("Description"),
        )
        policy = f"{managed.PREFIX}aws-service-role/{known['policy']}"
        if managed.find(policy) is not None:
            row.attached.append(policy)
            attachments.remember(tx, call, row)
        tables.ROLES.put(tx, scope, row)
    return {"Role": roles.describe(call, row)}


@operation(resource=_role)
def delete_service_linked_role(call: Call, request: Request) -> Answer:
    """Nothing here uses such a role for longer than a call, so the deletion is done when its task is told."""
    scope = tables.scope(call.account)
    with change(call) as tx:
        row = entities.role(tx, call, request["RoleName"])
        if not row.path.startswith(roles.LINKED):
            raise errors.InvalidInput(f"Role {row.name} is not a service-linked role.")
        attachments.forget(tx, call, row)
        tables.ROLES.delete(tx, scope, row.key)
        task = tables.DeletionTask(f"task{row.path}{row.name}/{tokens.uuid()}", "SUCCEEDED")
        tables.DELETION_TASKS.put(tx, scope, task)
    return {"DeletionTaskId": task.id}


@operation(resource="*")
def get_service_linked_role_deletion_status(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        task = tables.DELETION_TASKS.get(tx, tables.scope(call.account), request["DeletionTaskId"])
    if task is None:
        raise errors.NoSuchEntity(f"Deletion Task with id {request['DeletionTaskId']} cannot be found.")
    return {"Status": task.status}


@cache
def _catalog() -> dict[str, dict[str, Any]]:
    """Service principal -> its role, policy and whether a suffix may be added."""
    path = resources.files("haneul.services.iam").joinpath("catalog/service_linked_roles.json")
    found: dict[str, dict[str, Any]] = orjson.loads(path.read_bytes())
    return found
