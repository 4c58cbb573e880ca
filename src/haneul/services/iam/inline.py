"""Inline policies: documents that live and die with one user, group or role."""

from __future__ import annotations

from haneul.service import Call, operation
from haneul.services.iam import attachments, documents, entities
from haneul.services.iam.entities import Answer, Request, change
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import page
from haneul.services.iam.resources import GROUP, GROUP_KEYS, ROLE, ROLE_KEYS, USER, USER_KEYS


@operation(resource=USER, conditions=USER_KEYS)
def put_user_policy(call: Call, request: Request) -> Answer:
    return _put(call, request, "user", request["UserName"])


@operation(resource=GROUP, conditions=GROUP_KEYS)
def put_group_policy(call: Call, request: Request) -> Answer:
    return _put(call, request, "group", request["GroupName"])


@operation(resource=ROLE, conditions=ROLE_KEYS)
def put_role_policy(call: Call, request: Request) -> Answer:
    return _put(call, request, "role", request["RoleName"])


@operation(resource=USER, conditions=USER_KEYS)
def get_user_policy(call: Call, request: Request) -> Answer:
    return _get(call, request, "user", "UserName")


@operation(resource=GROUP, conditions=GROUP_KEYS)
def get_group_policy(call: Call, request: Request) -> Answer:
    return _get(call, request, "group", "GroupName")


@operation(resource=ROLE, conditions=ROLE_KEYS)
def get_role_policy(call: Call, request: Request) -> Answer:
    return _get(call, request, "role", "RoleName")


@operation(resource=USER, conditions=USER_KEYS)
def list_user_policies(call: Call, request: Request) -> Answer:
    return _list(call, request, "user", request["UserName"])


@operation(resource=GROUP, conditions=GROUP_KEYS)
def list_group_policies(call: Call, request: Request) -> Answer:
    return _list(call, request, "group", request["GroupName"])


@operation(resource=ROLE, conditions=ROLE_KEYS)
def list_role_policies(call: Call, request: Request) -> Answer:
    return _list(call, request, "role", request["RoleName"])


@operation(resource=USER, conditions=USER_KEYS)
def delete_user_policy(call: Call, request: Request) -> Answer:
    return _delete(call, request, "user", request["UserName"])


@operation(resource=GROUP, conditions=GROUP_KEYS)
def delete_group_policy(call: Call, request: Request) -> Answer:
    return _delete(call, request, "group", request["GroupName"])


@operation(resource=ROLE, conditions=ROLE_KEYS)
def delete_role_policy(call: Call, request: Request) -> Answer:
    return _delete(call, request, "role", request["RoleName"])


def _put(call: Call, request: Request, kind: str, name: str) -> Answer:
    policy, document = request["PolicyName"], request["PolicyDocument"]
    with change(call) as tx:
        row = entities.entity(tx, call, kind, name)
        attachments.check_editable(row)
        others = [text for key, text in row.inline.items() if key != policy]
        documents.check_inline(document, others, kind, name)
        row.inline[policy] = document
        entities.save(tx, call, row)
    return {}


def _get(call: Call, request: Request, kind: str, member: str) -> Answer:
    policy = request["PolicyName"]
    with call.read() as tx:
        row = entities.entity(tx, call, kind, request[member])
    if policy not in row.inline:
        raise _missing(kind, policy)
    return {member: row.name, "PolicyName": policy, "PolicyDocument": entities.encoded(row.inline[policy])}


def _list(call: Call, request: Request, kind: str, name: str) -> Answer:
    with call.read() as tx:
        row = entities.entity(tx, call, kind, name)
    return page(request, "PolicyNames", sorted(row.inline), lambda one: one, lambda one: one)


def _delete(call: Call, request: Request, kind: str, name: str) -> Answer:
    policy = request["PolicyName"]
    with change(call) as tx:
        row = entities.entity(tx, call, kind, name)
        attachments.check_editable(row)
        if policy not in row.inline:
            raise _missing(kind, policy)
        del row.inline[policy]
        entities.save(tx, call, row)
    return {}


def _missing(kind: str, policy: str) -> Exception:
    return errors.NoSuchEntity(f"The {kind} policy with name {policy} cannot be found.")
