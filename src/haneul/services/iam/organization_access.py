"""Access reports for a part of an organization: the services that its policies leave open, and their last use."""

from __future__ import annotations

from collections.abc import Iterator

from haneul.auth import organizations as rows
from haneul.auth import tables
from haneul.auth.policy import compiled
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import entities
from haneul.services.iam.entities import Answer, Request, change, directory
from haneul.services.iam.errors import errors
from haneul.services.iam.last_accessed import NAMES
from haneul.services.iam.pages import numbered
from haneul.state.store import Reader

_KEPT = 86_400.0


@operation()
def generate_organizations_access_report(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    with change(call) as tx:
        organization = rows.find(tx, call.account)
        if organization is None or organization.management != call.account:
            raise errors.AccessDenied("Only the management account of an organization can ask for its access reports.")
        list(_accounts(tx, organization, request["EntityPath"]))
        for old in list(tables.ORGANIZATION_JOBS.scan(tx, scope)):
            if old.created < call.now() - _KEPT:
                tables.ORGANIZATION_JOBS.delete(tx, scope, old.id)
        job = tables.OrganizationJob(
            tokens.uuid(), request["EntityPath"], entities.now(call), request.get("OrganizationsPolicyId", "")
        )
        tables.ORGANIZATION_JOBS.put(tx, scope, job)
    return {"JobId": job.id}


@operation()
def get_organizations_access_report(call: Call, request: Request) -> Answer:
    """Written when it is asked for, from the same notes as a principal's details."""
    with call.read() as tx:
        job = tables.ORGANIZATION_JOBS.get(tx, tables.scope(call.account), request["JobId"])
        organization = rows.find(tx, call.account)
        if job is None or organization is None:
            raise errors.NoSuchEntity(f"Job with id {request['JobId']} does not exist.")
        accounts = list(_accounts(tx, organization, job.path))
        open_services = _open(call, tx, accounts)
        notes = [(path, directory(call).usage.whole_account(tx, account)) for account, path in accounts]
    details = [_detail(service, notes) for service in sorted(open_services)]
    key = request.get("SortKey", "SERVICE_NAMESPACE_ASCENDING")
    if key.startswith("LAST_AUTHENTICATED"):
        details.sort(key=lambda one: one["LastAuthenticatedTime"] or 0.0)
    if key.endswith("DESCENDING"):
        details.reverse()
    return {
        "JobStatus": "COMPLETED",
        "JobCreationDate": job.created,
        "JobCompletionDate": job.created,
        "NumberOfServicesAccessible": len(details),
        "NumberOfServicesNotAccessed": sum(1 for one in details if not one["TotalAuthenticatedEntities"]),
        **numbered(request, "AccessDetails", details),
    }


def _accounts(tx: Reader, organization: rows.Organization, path: str) -> Iterator[tuple[str, str]]:
    """(account, its path) of every account under an entity's path. Raises NoSuchEntity."""
    own = tables.scope(organization.management)
    found = False
    for member in rows.MEMBERS.scan(tx, own):
        steps = [member.id]
        parent = member.parent
        while parent != organization.root:
            steps.append(parent)
            unit = rows.UNITS.get(tx, own, parent)
            parent = organization.root if unit is None else unit.parent
        full = "/".join([organization.id, organization.root, *reversed(steps)])
        if f"{full}/".startswith(path.rstrip("/") + "/"):
            found = True
            yield member.id, full
    if not found:
        raise errors.NoSuchEntity(f"The entity path {path} names nothing in the organization.")


def _open(call: Call, tx: Reader, accounts: list[tuple[str, str]]) -> set[str]:
    """The services of which the service-control policies leave anything open in any of the accounts."""
    found: set[str] = set()
    for account, _ in accounts:
        levels = rows.control_policies(tx, account)
        for service in call.cloud.services:
            if all(_is_open(level, service) for level in levels):
                found.add(service)
    return found


def _is_open(level: tuple[str, ...], service: str) -> bool:
    """Do the policies of one level allow anything of a service, as far as their actions say?"""
    is_allowed = False
    for text in level:
        about = compiled(text).about(f"{service}:probe")
        if any(not one.allow and one.anywhere and not one.conditions for one in about):
            return False
        is_allowed |= any(one.allow for one in about) or f'"{service}:' in text.lower()
    return is_allowed


def _detail(service: str, notes: list[tuple[str, dict[str, tuple[tuple[float, str], int]]]]) -> Answer:
    used = [(found[service][0], path) for path, found in notes if service in found]
    newest = max(used, default=None)
    return {
        "ServiceName": NAMES.get(service, service),
        "ServiceNamespace": service,
        "Region": None if newest is None else newest[0][1],
        "EntityPath": None if newest is None else newest[1],
        "LastAuthenticatedTime": None if newest is None else float(int(newest[0][0])),
        "TotalAuthenticatedEntities": sum(found[service][1] for _, found in notes if service in found),
    }
