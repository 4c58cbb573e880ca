"""The organization that a call is about, its tree of root, units and accounts, and their ARNs."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, TypeVar

from haneul.auth import organizations as rows
from haneul.auth.directory import StoreDirectory
from haneul.auth.tables import HOUSE, scope
from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.organizations.errors import errors
from haneul.state.store import Reader, Writer

Request = Mapping[str, Any]
Answer = dict[str, Any]
Item = TypeVar("Item")
_LOWER = string.ascii_lowercase + string.digits


class Place(NamedTuple):
    """A root, unit or account: type ROOT | ORGANIZATIONAL_UNIT | ACCOUNT."""

    id: str
    type: str
    name: str
    parent: str


def change(call: Call) -> AbstractContextManager[Writer]:
    """A transaction after which nobody's remembered permissions count."""
    found = call.cloud.directory
    if not isinstance(found, StoreDirectory):
        raise TypeError("the organizations room needs the directory that lies on the store")
    return found.change(call)


def named(kind: str, name: str) -> Callable[[Call, Request], str]:
    """The ARN of a call's resource: kind as for `arn`, name the request's member that tells its id."""

    def resource(call: Call, request: Request) -> str:
        with call.read() as tx:
            found = rows.find(tx, call.account)
        return "*" if found is None else arn(found, kind, str(request.get(name, "*")))

    return resource


_KINDS = {"r-": "root", "ou-": "ou", "p-": "policy/service_control_policy", "h-": "handshake/invite",
          "rp-": "resourcepolicy"}  # fmt: skip
"""What an id is the id of, by how it begins; one of twelve digits is an account's."""


def anything(member: str) -> Callable[[Call, Request], str]:
    """The ARN of whatever a request's member names: a root, a unit, an account, a policy, a handshake."""

    def resource(call: Call, request: Request) -> str:
        identifier = str(request.get(member, "*"))
        kind = next((kind for prefix, kind in _KINDS.items() if identifier.startswith(prefix)), "account")
        return named(kind, member)(call, request)

    return resource


def member(tx: Reader, call: Call) -> rows.Organization:
    """The organization that the caller's account belongs to."""
    found = rows.find(tx, call.account)
    if found is None:
        raise errors.AWSOrganizationsNotInUseException("Your account is not a member of an organization.")
    return found


def managed(tx: Reader, call: Call) -> rows.Organization:
    """The organization that the caller's account manages."""
    found = member(tx, call)
    if found.management != call.account:
        raise errors.AccessDeniedException("You don't have permissions to access this resource.")
    return found


def readable(tx: Reader, call: Call) -> rows.Organization:
    """The organization, for its management account and delegated administrators, who may look at all of it."""
    found = member(tx, call)
    if found.management != call.account:
        row = rows.MEMBERS.get(tx, scope(found.management), call.account)
        if row is None or not row.delegated:
            raise errors.AccessDeniedException("You don't have permissions to access this resource.")
    return found


def own(organization: rows.Organization) -> Scope:
    """Where the organization's rows lie."""
    return scope(organization.management)


def new_id(prefix: str, length: int) -> str:
    digits = tokens.random_hex(2 * length)
    return prefix + "".join(_LOWER[int(digits[at : at + 2], 16) % 36] for at in range(0, 2 * length, 2))


def arn(organization: rows.Organization, kind: str, name: str = "") -> str:
    """kind: account | root | ou | policy/<type> | handshake/<action>."""
    base = f"arn:aws:organizations::{organization.management}:"
    if kind == "organization":
        return f"{base}organization/{organization.id}"
    head, _, rest = kind.partition("/")
    return f"{base}{head}/{organization.id}/{rest + '/' if rest else ''}{name}"


def place(tx: Reader, organization: rows.Organization, one: str) -> Place | None:
    if one == organization.root:
        return Place(one, "ROOT", "Root", "")
    if one.startswith("ou-"):
        unit = rows.UNITS.get(tx, own(organization), one)
        return None if unit is None else Place(one, "ORGANIZATIONAL_UNIT", unit.name, unit.parent)
    account = rows.MEMBERS.get(tx, own(organization), one)
    return None if account is None else Place(one, "ACCOUNT", account.name, account.parent)


def place_arn(organization: rows.Organization, found: Place) -> str:
    kind = {"ROOT": "root", "ORGANIZATIONAL_UNIT": "ou", "ACCOUNT": "account"}[found.type]
    return arn(organization, kind, found.id)


def parent(tx: Reader, organization: rows.Organization, one: str) -> Place:
    """A root or unit that may hold others."""
    found = place(tx, organization, one)
    if found is None or found.type == "ACCOUNT":
        raise errors.ParentNotFoundException("You specified a parent that doesn't exist.")
    return found


def account(tx: Reader, organization: rows.Organization, one: str) -> rows.Member:
    found = rows.MEMBERS.get(tx, own(organization), one)
    if found is None:
        raise errors.AccountNotFoundException("You specified an account that doesn't exist.")
    return found


def seat(tx: Writer, organization: rows.Organization, row: rows.Member) -> None:
    """Give an account its place, under the policy that every new place has."""
    rows.MEMBERS.put(tx, own(organization), row)
    rows.SEATS.put(tx, HOUSE, rows.Seat(row.id, organization.management))
    attach_default(tx, organization, row.id)


def unseat(tx: Writer, organization: rows.Organization, one: str) -> None:
    rows.MEMBERS.delete(tx, own(organization), one)
    rows.SEATS.delete(tx, HOUSE, one)
    for link in list(rows.TARGETS.scan(tx, own(organization), one)):
        detach(tx, organization, link.policy, one)


def attach_default(tx: Writer, organization: rows.Organization, target: str) -> None:
    if rows.SCP in organization.types:
        attach(tx, organization, rows.FULL_ACCESS_ID, target)


def attach(tx: Writer, organization: rows.Organization, policy: str, target: str) -> None:
    rows.TARGETS.put(tx, own(organization), rows.Target(target, policy))
    rows.POLICY_TARGETS.put(tx, own(organization), rows.PolicyTarget(policy, target))


def detach(tx: Writer, organization: rows.Organization, policy: str, target: str) -> None:
    rows.TARGETS.delete(tx, own(organization), target, policy)
    rows.POLICY_TARGETS.delete(tx, own(organization), policy, target)


def tags_of(request: Request) -> dict[str, str]:
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
    if len(tags) != len(request.get("Tags") or ()):
        raise errors.InvalidInputException(
            "You specified duplicate tag keys. Tag keys must be unique.", Reason="DUPLICATE_TAG_KEY"
        )
    if any(key.lower().startswith("aws:") for key in tags):
        raise errors.InvalidInputException(
            "You specified a tag key with the reserved prefix aws:.", Reason="INVALID_SYSTEM_TAGS_PARAMETER"
        )
    return tags


def page(request: Request, name: str, items: Iterable[Item], show: Callable[[Item], Any]) -> Answer:
    """One page of items (20 unless told) as the answer's member `name`."""
    limit = request.get("MaxResults", 20)
    first = 0
    if "NextToken" in request:
        position = tokens.open_page(request["NextToken"])
        if not position or not isinstance(position[0], int):
            raise errors.InvalidInputException("Invalid NextToken.", Reason="INVALID_PAGINATION_TOKEN")
        first = position[0]
    found = list(items)
    answer: Answer = {name: [show(one) for one in found[first : first + limit]]}
    if first + limit < len(found):
        answer["NextToken"] = tokens.seal_page(first + limit)
    return answer


def now(call: Call) -> float:
    return round(call.now(), 3)
