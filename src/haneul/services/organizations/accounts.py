"""Accounts of an organization: created, listed, moved, closed. Each is isolated from the others by its scope."""

from __future__ import annotations

import orjson

from haneul.auth import managed as aws_policies
from haneul.auth import organizations as rows
from haneul.auth import tables
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.organizations import tree
from haneul.services.organizations.errors import errors
from haneul.services.organizations.tree import Answer, Request, change
from haneul.state.store import Reader, Writer

QUOTA = 1000
_ADMINISTRATOR = f"{aws_policies.PREFIX}AdministratorAccess"
_ACCOUNT = tree.named("account", "AccountId")


@operation()
def create_account(call: Call, request: Request) -> Answer:
    """The account is there at once, with the role by which the management account administers it; as in AWS the
    answer still says IN_PROGRESS."""
    with change(call) as tx:
        organization = tree.managed(tx, call)
        own = tree.own(organization)
        held = list(rows.MEMBERS.scan(tx, own))
        if len(held) >= QUOTA:
            raise errors.ConstraintViolationException(
                "You have exceeded the allowed number of AWS accounts.", Reason="ACCOUNT_NUMBER_LIMIT_EXCEEDED"
            )
        creation = rows.Creation(
            id=f"car-{tokens.random_hex(32)}",
            name=request["AccountName"],
            email=request["Email"],
            role=request.get("RoleName", "OrganizationAccountAccessRole"),
            requested=tree.now(call),
            tags=tree.tags_of(request),
        )
        begun = describe_creation(creation)
        creation.completed = tree.now(call)
        if any(one.email.lower() == creation.email.lower() for one in held):
            creation.state, creation.failure = "FAILED", "EMAIL_ALREADY_EXISTS"
        else:
            creation.state, creation.account = "SUCCEEDED", _new_account(tx)
            _open(tx, organization, creation)
        rows.CREATIONS.put(tx, own, creation)
    return {"CreateAccountStatus": begun}


@operation()
def describe_create_account_status(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        creation = rows.CREATIONS.get(tx, tree.own(organization), request["CreateAccountRequestId"])
    if creation is None:
        raise errors.CreateAccountStatusNotFoundException(
            "You specified a create account request ID that doesn't exist."
        )
    return {"CreateAccountStatus": describe_creation(creation)}


@operation()
def list_create_account_status(call: Call, request: Request) -> Answer:
    states = request.get("States")
    with call.read() as tx:
        organization = tree.readable(tx, call)
        found = [one for one in rows.CREATIONS.scan(tx, tree.own(organization)) if not states or one.state in states]
    found.sort(key=lambda one: one.requested)
    return tree.page(request, "CreateAccountStatuses", found, describe_creation)


@operation(resource=_ACCOUNT)
def describe_account(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        row = tree.account(tx, organization, request["AccountId"])
    return {"Account": describe(organization, row)}


@operation()
def list_accounts(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        found = list(rows.MEMBERS.scan(tx, tree.own(organization)))
    return tree.page(request, "Accounts", found, lambda row: describe(organization, row))


@operation(resource=tree.anything("ParentId"))
def list_accounts_for_parent(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        parent = tree.parent(tx, organization, request["ParentId"])
        found = [row for row in rows.MEMBERS.scan(tx, tree.own(organization)) if row.parent == parent.id]
    return tree.page(request, "Accounts", found, lambda row: describe(organization, row))


@operation(resource=_ACCOUNT)
def move_account(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        row = tree.account(tx, organization, request["AccountId"])
        source = tree.place(tx, organization, request["SourceParentId"])
        target = tree.place(tx, organization, request["DestinationParentId"])
        if target is None or target.type == "ACCOUNT":
            raise errors.DestinationParentNotFoundException(
                "We can't find the destination container (a root or OU) with the ParentId you specified."
            )
        if source is None or source.type == "ACCOUNT" or row.parent != source.id:
            raise errors.SourceParentNotFoundException(
                "We can't find a source root or OU with the ParentId you specified."
            )
        if target.id == source.id:
            raise errors.DuplicateAccountException("That account is already present in the specified destination.")
        row.parent = target.id
        rows.MEMBERS.put(tx, tree.own(organization), row)
    return {}


@operation(resource=_ACCOUNT)
def close_account(call: Call, request: Request) -> Answer:
    """A closed account stays in the list, suspended; its keys and sessions are worth nothing from now on."""
    with change(call) as tx:
        organization = tree.managed(tx, call)
        row = tree.account(tx, organization, request["AccountId"])
        if row.id == organization.management:
            raise errors.ConstraintViolationException(
                "You cannot close the management account.", Reason="CANNOT_CLOSE_MANAGEMENT_ACCOUNT"
            )
        if row.status == "SUSPENDED":
            raise errors.AccountAlreadyClosedException("You attempted to close an account that is already closed.")
        row.status = "SUSPENDED"
        rows.MEMBERS.put(tx, tree.own(organization), row)
    return {}


@operation(resource=_ACCOUNT)
def remove_account_from_organization(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.managed(tx, call)
        row = tree.account(tx, organization, request["AccountId"])
        _check_leaving(organization, row)
        tree.unseat(tx, organization, row.id)
    return {}


@operation()
def leave_organization(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        organization = tree.member(tx, call)
        row = tree.account(tx, organization, call.account)
        _check_leaving(organization, row)
        tree.unseat(tx, organization, row.id)
    return {}


def describe(organization: rows.Organization, row: rows.Member) -> Answer:
    return {
        "Id": row.id,
        "Arn": tree.arn(organization, "account", row.id),
        "Email": row.email,
        "Name": row.name,
        "Status": row.status,
        "State": row.status,
        "JoinedMethod": row.method,
        "JoinedTimestamp": row.joined,
    }


def describe_creation(creation: rows.Creation) -> Answer:
    return {
        "Id": creation.id,
        "AccountName": creation.name,
        "State": creation.state,
        "RequestedTimestamp": creation.requested,
        "CompletedTimestamp": creation.completed,
        "AccountId": creation.account,
        "FailureReason": creation.failure,
    }


def _new_account(tx: Reader) -> str:
    while True:
        one = f"{int(tokens.random_hex(16), 16) % (9 * 10**11) + 10**11:012d}"
        if rows.SEATS.get(tx, tables.HOUSE, one) is None:
            return one


def _open(tx: Writer, organization: rows.Organization, creation: rows.Creation) -> None:
    account = creation.account or ""
    row = rows.Member(
        id=account,
        name=creation.name,
        email=creation.email,
        parent=organization.root,
        joined=creation.requested,
        method="CREATED",
        tags=creation.tags,
    )
    tree.seat(tx, organization, row)
    principal = {"AWS": f"arn:aws:iam::{organization.management}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    role = tables.Role(
        key=creation.role.lower(),
        name=creation.role,
        path="/",
        id=tokens.unique_id("AROA"),
        created=float(int(creation.requested)),
        trust=orjson.dumps({"Version": "2012-10-17", "Statement": [statement]}).decode(),
        attached=[_ADMINISTRATOR],
    )
    tables.ROLES.put(tx, tables.scope(account), role)
    tables.ATTACHMENTS.put(tx, tables.scope(account), tables.Attachment(_ADMINISTRATOR, "role", role.key))


def _check_leaving(organization: rows.Organization, row: rows.Member) -> None:
    if row.id == organization.management:
        raise errors.MasterCannotLeaveOrganizationException(
            "You can't remove a management account from an organization."
        )
    if row.delegated:
        raise errors.ConstraintViolationException(
            "You cannot remove a delegated administrator from the organization.",
            Reason="CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
        )
