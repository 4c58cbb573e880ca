"""Handshakes: an account is invited into an organization and accepts or declines."""

from __future__ import annotations

from haneul.auth import organizations as rows
from haneul.auth.tables import HOUSE, scope
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.organizations import tree
from haneul.services.organizations.errors import errors
from haneul.services.organizations.tree import Answer, Request, change
from haneul.state.store import Reader

_OPEN_FOR = 15 * 86_400.0


@operation(resource=lambda call, request: tree.named("account", "Id")(call, request.get("Target") or {}))
def invite_account_to_organization(call: Call, request: Request) -> Answer:
    target = request["Target"]
    if target["Type"] != "ACCOUNT" or not (len(target["Id"]) == 12 and target["Id"].isdigit()):
        raise errors.InvalidInputException(
            "You must name the account by its id: e-mail addresses reach nobody here.",
            Reason="INVALID_PARTY_TYPE_TARGET",
        )
    with change(call) as tx:
        organization = tree.managed(tx, call)
        if rows.SEATS.get(tx, HOUSE, target["Id"]) is not None:
            raise errors.HandshakeConstraintViolationException(
                "The account is already in an organization.", Reason="ALREADY_IN_AN_ORGANIZATION"
            )
        for other in rows.HANDSHAKES.scan(tx, HOUSE):
            is_same = (other.account, other.management) == (target["Id"], call.account)
            if is_same and _state(call, other) == "OPEN":
                raise errors.DuplicateHandshakeException("A handshake with the same action and target already exists.")
        row = rows.Handshake(
            id=f"h-{tokens.random_hex(32)}",
            management=organization.management,
            organization=organization.id,
            account=target["Id"],
            requested=tree.now(call),
            expires=tree.now(call) + _OPEN_FOR,
            notes=request.get("Notes"),
            email=organization.email,
        )
        rows.HANDSHAKES.put(tx, HOUSE, row)
    return {"Handshake": _describe(call, row)}


@operation(resource=tree.anything("HandshakeId"))
def describe_handshake(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        row = _find(tx, call, request)
    return {"Handshake": _describe(call, row)}


@operation()
def list_handshakes_for_account(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        found = [row for row in rows.HANDSHAKES.scan(tx, HOUSE) if row.account == call.account]
    return tree.page(request, "Handshakes", found, lambda row: _describe(call, row))


@operation()
def list_handshakes_for_organization(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = tree.readable(tx, call)
        found = [row for row in rows.HANDSHAKES.scan(tx, HOUSE) if row.organization == organization.id]
    return tree.page(request, "Handshakes", found, lambda row: _describe(call, row))


@operation(resource=tree.anything("HandshakeId"))
def accept_handshake(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = _open(call, _find(tx, call, request), call.account == _find(tx, call, request).account)
        organization = rows.ORGANIZATIONS.get(tx, scope(row.management), row.management)
        if organization is None or organization.id != row.organization:
            raise errors.HandshakeNotFoundException("We can't find a handshake with the HandshakeId you specified.")
        if rows.SEATS.get(tx, HOUSE, call.account) is not None:
            raise errors.HandshakeConstraintViolationException(
                "The account is already in an organization.", Reason="ALREADY_IN_AN_ORGANIZATION"
            )
        row.state = "ACCEPTED"
        rows.HANDSHAKES.put(tx, HOUSE, row)
        member = rows.Member(
            id=call.account,
            name=f"account-{call.account}",
            email=f"root-{call.account}@example.com",
            parent=organization.root,
            joined=tree.now(call),
            method="INVITED",
        )
        tree.seat(tx, organization, member)
    return {"Handshake": _describe(call, row)}


@operation(resource=tree.anything("HandshakeId"))
def decline_handshake(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = _find(tx, call, request)
        _open(call, row, call.account == row.account)
        row.state = "DECLINED"
        rows.HANDSHAKES.put(tx, HOUSE, row)
    return {"Handshake": _describe(call, row)}


@operation(resource=tree.anything("HandshakeId"))
def cancel_handshake(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = _find(tx, call, request)
        _open(call, row, call.account == row.management)
        row.state = "CANCELED"
        rows.HANDSHAKES.put(tx, HOUSE, row)
    return {"Handshake": _describe(call, row)}


def _find(tx: Reader, call: Call, request: Request) -> rows.Handshake:
    row = rows.HANDSHAKES.get(tx, HOUSE, request["HandshakeId"])
    if row is None or call.account not in (row.account, row.management):
        raise errors.HandshakeNotFoundException("We can't find a handshake with the HandshakeId you specified.")
    return row


def _open(call: Call, row: rows.Handshake, is_theirs: bool) -> rows.Handshake:
    if not is_theirs:
        raise errors.AccessDeniedException("You don't have permissions to access this resource.")
    state = _state(call, row)
    if state in ("ACCEPTED", "DECLINED", "CANCELED") and state == row.state:
        raise errors.InvalidHandshakeTransitionException(
            "You can't perform the operation on the handshake in its current state."
        )
    if state != "OPEN":
        raise errors.HandshakeAlreadyInStateException("The specified handshake is already in the requested state.")
    return row


def _state(call: Call, row: rows.Handshake) -> str:
    return "EXPIRED" if row.state == "OPEN" and call.now() >= row.expires else row.state


def _describe(call: Call, row: rows.Handshake) -> Answer:
    owner = {"Type": "MASTER_EMAIL", "Value": row.email or ""}
    resources: list[Answer] = [
        {"Type": "ORGANIZATION", "Value": row.organization, "Resources": [owner]},
        {"Type": "ACCOUNT", "Value": row.account},
    ]
    if row.notes is not None:
        resources.append({"Type": "NOTES", "Value": row.notes})
    return {
        "Id": row.id,
        "Arn": f"arn:aws:organizations::{row.management}:handshake/{row.organization}/invite/{row.id}",
        "Parties": [
            {"Id": row.organization.removeprefix("o-"), "Type": "ORGANIZATION"},
            {"Id": row.account, "Type": "ACCOUNT"},
        ],
        "State": _state(call, row),
        "RequestedTimestamp": row.requested,
        "ExpirationTimestamp": row.expires,
        "Action": row.action,
        "Resources": resources,
    }
