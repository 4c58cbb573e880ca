"""Rows of AWS Organizations, and what the directory wants from them: the service-control policies above an account.

An organization's rows lie in its management account's scope; `SEATS`, in the house's scope, tell which
organization an account belongs to.
"""

from __future__ import annotations

import msgspec

from haneul.auth.tables import HOUSE, scope
from haneul.state.store import Reader
from haneul.state.table import Table

SCP = "SERVICE_CONTROL_POLICY"
FULL_ACCESS_ID = "p-FullAWSAccess"
FULL_ACCESS = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'


class Organization(msgspec.Struct):
    id: str
    management: str
    email: str
    features: str
    root: str
    created: float
    types: list[str] = []
    """Policy types that are enabled on the root."""
    services: dict[str, float] = {}
    """Trusted services and when they were enabled."""
    policy: str = ""
    policy_id: str = ""
    root_tags: dict[str, str] = {}
    policy_tags: dict[str, str] = {}


class Seat(msgspec.Struct):
    """Where an account sits: in whose organization (its management account)."""

    account: str
    management: str


class Member(msgspec.Struct):
    id: str
    name: str
    email: str
    parent: str
    joined: float
    method: str
    status: str = "ACTIVE"
    delegated: dict[str, float] = {}
    """Services it administers for the organization, and since when."""
    delegated_since: float | None = None
    tags: dict[str, str] = {}


class Unit(msgspec.Struct):
    """An organizational unit."""

    id: str
    name: str
    parent: str
    created: float
    tags: dict[str, str] = {}


class OrgPolicy(msgspec.Struct):
    id: str
    name: str
    description: str
    type: str
    content: str
    tags: dict[str, str] = {}


class Target(msgspec.Struct):
    """A policy attached to a root, unit or account; the way back is `PolicyTarget`."""

    target: str
    policy: str


class PolicyTarget(msgspec.Struct):
    policy: str
    target: str


class Creation(msgspec.Struct):
    """A CreateAccount request on its way."""

    id: str
    name: str
    email: str
    role: str
    requested: float
    state: str = "IN_PROGRESS"
    account: str | None = None
    completed: float | None = None
    failure: str | None = None
    tags: dict[str, str] = {}


class Handshake(msgspec.Struct):
    """An invitation; in the house's scope, since both sides see it."""

    id: str
    management: str
    organization: str
    account: str
    requested: float
    expires: float
    state: str = "OPEN"
    notes: str | None = None
    email: str | None = None
    action: str = "INVITE"


ORGANIZATIONS = Table("organizations.organization", Organization, key=("management",))
SEATS = Table("organizations.seat", Seat, key=("account",))
MEMBERS = Table("organizations.member", Member, key=("id",))
UNITS = Table("organizations.unit", Unit, key=("id",))
POLICIES = Table("organizations.policy", OrgPolicy, key=("id",))
TARGETS = Table("organizations.target", Target, key=("target", "policy"))
POLICY_TARGETS = Table("organizations.policytarget", PolicyTarget, key=("policy", "target"))
CREATIONS = Table("organizations.creation", Creation, key=("id",))
HANDSHAKES = Table("organizations.handshake", Handshake, key=("id",))


def find(tx: Reader, account: str) -> Organization | None:
    """The organization that `account` belongs to."""
    seat = SEATS.get(tx, HOUSE, account)
    return None if seat is None else ORGANIZATIONS.get(tx, scope(seat.management), seat.management)


def is_closed(tx: Reader, account: str) -> bool:
    """Was the account closed by its organization? Nobody can act in it then."""
    seat = SEATS.get(tx, HOUSE, account)
    if seat is None or seat.management == account:
        return False
    member = MEMBERS.get(tx, scope(seat.management), account)
    return member is not None and member.status == "SUSPENDED"


def control_policies(tx: Reader, account: str) -> tuple[tuple[str, ...], ...]:
    """Service-control policies over `account`, one tuple of documents for each level from the root down to itself;
    empty for the management account, which none binds, and where the type is not enabled."""
    organization = find(tx, account)
    if organization is None or organization.management == account or SCP not in organization.types:
        return ()
    own = scope(organization.management)
    member = MEMBERS.get(tx, own, account)
    if member is None:
        return ()
    levels = [account]
    parent = member.parent
    while parent != organization.root:
        levels.append(parent)
        unit = UNITS.get(tx, own, parent)
        if unit is None:
            break
        parent = unit.parent
    levels.append(organization.root)
    return tuple(_documents(tx, organization.management, target) for target in reversed(levels))


def _documents(tx: Reader, management: str, target: str) -> tuple[str, ...]:
    found = []
    for row in TARGETS.scan(tx, scope(management), target):
        if row.policy == FULL_ACCESS_ID:
            found.append(FULL_ACCESS)
            continue
        policy = POLICIES.get(tx, scope(management), row.policy)
        if policy is not None and policy.type == SCP:
            found.append(policy.content)
    return tuple(found)
